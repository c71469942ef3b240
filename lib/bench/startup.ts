// What comes before and around the arithmetic: how long the package takes to load, and what one call costs.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { noGrad, tape } from '../autograd/tape';
import { packageRoot } from '../native/addon';
import { relu } from '../ops';
import { tensor } from '../tensor/create';
import type { Device } from '../tensor/device';
import type { Tensor } from '../tensor/tensor';
import { version } from '../version';
import type { Bench } from './bench';
import type { Check } from './measure';

const execute = promisify(execFile);

export async function startupSuite(bench: Bench, device: Device): Promise<void> {
  const dist = join(packageRoot(), 'dist');
  const index = join(dist, 'index.js');
  if (!existsSync(index)) throw new Error(`startup: ${index} is not there; run npm run build first`);
  const text = JSON.stringify;
  const programs: [string, string[], string][] = [
    ['node alone', ['-p', '1'], '1'],
    ['require', ['-p', `require(${text(index)}).version`], version],
    [
      'import',
      ['--input-type=module', '-e', `import { version } from ${text(join(dist, 'index.mjs'))}; console.log(version)`],
      version,
    ],
    ['command line', [join(dist, 'cli/main.js'), '--version'], version],
  ];
  for (const [name, args, expected] of programs) {
    const run = async () => (await execute(process.execPath, args)).stdout.trim();
    await bench.time({
      id: `startup/${name}`,
      devices: [],
      check: async () => same('what it prints', await run(), expected),
      run: async () => {
        await run();
        return undefined;
      },
    });
  }
  await callCases(bench, device);
}

/** Tensors of one element: all that is measured is the way there and back. */
async function callCases(bench: Bench, device: Device): Promise<void> {
  using x = tensor([2], { device }) as Tensor<any>;
  using t = tape();
  using y = relu(x) as Tensor<any>;
  using seed = tensor([3], { device }) as Tensor<any>;
  const gradient = () => noGrad(() => t.gradients(y, { x }, { seed, keep: true }).x as Tensor<any>);
  const call = () => noGrad(() => relu(x)) as Tensor<any>;
  const cases: [string, () => Tensor<any>[] | Promise<undefined>, () => Promise<number>, number][] = [
    ['operator', () => [call()], () => readBack(call()), 2],
    ['gradient', () => [gradient()], () => readBack(gradient()), 3],
    [
      'tensor',
      () => [tensor([5], { device }) as Tensor<any>],
      () => readBack(tensor([5], { device }) as Tensor<any>),
      5,
    ],
    ['operator and reading back', () => readBack(call()).then(() => undefined), () => readBack(call()), 2],
  ];
  for (const [name, run, value, expected] of cases)
    await bench.time({
      id: `startup/call/${name}`,
      devices: [device],
      check: async () => same('its value', await value(), expected),
      run,
    });
}

async function readBack(t: Tensor<any>): Promise<number> {
  const value = (await t.data())[0]!;
  t.dispose();
  return value;
}

const same = (what: string, actual: unknown, expected: unknown): Check => ({
  against: `${what}: ${String(expected)}`,
  error: actual === expected ? 0 : 1,
  tolerance: 0,
});
