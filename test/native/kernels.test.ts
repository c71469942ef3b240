import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../lib/native/addon';

test('lib/native/kernels.ts lists the operators of the addon', () => {
  const source = readFileSync(join(__dirname, '../../lib/native/kernels.ts'), 'utf8');
  const body = source.slice(source.indexOf('export interface KernelParams {'));
  const listed = [...body.matchAll(/^ {2}(\w+):/gm)].map((m) => m[1]!);
  expect(listed.length).toBeGreaterThan(5);
  expect([...listed].sort()).toEqual([...addon.operators].sort());
});
