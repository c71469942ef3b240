// CPU kernels start with as many threads as there are cores that the process may run on.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');
const script = `require('bindings')({ bindings: 'convtape', module_root: ${JSON.stringify(root)} }).numThreads()`;
const count = (...command: string[]) => {
  const [program, ...args] = [...command, process.execPath, '-p', script];
  return Number(execFileSync(program!, args, { cwd: root, encoding: 'utf8' }));
};

test('all cores, or those that it is confined to', () => {
  const status = readFileSync('/proc/self/status', 'utf8');
  const mask = status.match(/Cpus_allowed:\s*(.*)/)![1]!.replaceAll(',', '');
  expect(count()).toBe(BigInt(`0x${mask}`).toString(2).replaceAll('0', '').length);
  const first = status.match(/Cpus_allowed_list:\s*(\d+)/)![1]!;
  expect(count('taskset', '-c', first)).toBe(1);
});
