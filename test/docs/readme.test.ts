// The README's example is compiled and run as it stands there, its error message is the compiler's, its table the model's.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { device, models } from '../../lib';
import { build, root } from '../support/package';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const example = readme.match(/^```ts\n([\s\S]*?)^```$/m)![1]!;
jest.setTimeout(240_000);

let folder: string;

beforeAll(() => {
  build();
  folder = mkdtempSync(join(tmpdir(), 'convtape-readme-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/convtape'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function compile(source: string): { status: number | null; text: string } {
  writeFileSync(join(folder, 'example.mts'), source);
  const where = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node', '--rootDir', folder];
  const how = ['--target', 'es2022', '--module', 'node16', '--strict', ...where, 'example.mts'];
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...how], { cwd: folder, encoding: 'utf8' });
  return { status, text: stdout };
}

/** The example with a check behind each line that ends in a tensor's type: that the type is what the comment says, or another. */
function withChecks(right: boolean): { source: string; count: number } {
  let count = 0;
  const lines = example.split('\n').map((line) => {
    const [, name, sizes] = line.match(/const (\w+) = .*\/\/ Tensor<\[(.*)\]>$/) ?? [];
    if (name === undefined) return line;
    count++;
    return `${line}\n  ${name} satisfies { readonly shape: readonly [${right ? sizes : [sizes, 7].filter(Boolean).join(', ')}] };`;
  });
  return { source: lines.join('\n'), count };
}

test('the example compiles to the shapes it names, runs, and its loss falls', () => {
  const { source, count } = withChecks(true);
  expect(count).toBe(3);
  expect(compile(source)).toEqual({ status: 0, text: '' });
  const { stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  const losses = [...stdout.matchAll(/^(\d+) (\S+)$/gm)].map((m) => Number(m[2]));
  expect(losses).toHaveLength(20);
  // ln 10 where nothing is known yet
  expect(losses[0]).toBeCloseTo(Math.log(10), 0);
  expect(losses[19]!).toBeLessThan(0.5 * losses[0]!);
});

test('other shapes do not compile, and the message is the one shown', () => {
  const { source, count } = withChecks(false);
  expect(compile(source).text.match(/error TS1360/g)).toHaveLength(count);
  const message = readme.match(/^linear: weight .*$/m)![0];
  expect(compile(example.replace('randn([10, 2304]', 'randn([10, 2305]')).text).toContain(`ShapeError<"${message}">`);
});

test('the table is what the model says of itself', () => {
  using model = models.alexnet({ devices: [device('cpu:0'), device('cpu:1')] });
  const table = readme.match(/^```\n(layer [\s\S]*?)\n```$/m)![1];
  expect(table).toBe(models.formatRows(model.describe()));
});
