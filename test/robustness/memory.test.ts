// Memory: none is left behind by training, and where it ends the call says so and everything else goes on.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

async function scenario(args: string[], settings: Record<string, string> = {}) {
  const program = [
    '--expose-gc',
    '-r',
    join(__dirname, '../support/register.js'),
    join(__dirname, 'memory_scenarios.ts'),
  ];
  const env = { ...process.env, ...settings };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...program, ...args], {
    env,
    timeout: 150_000,
  });
  return { ...JSON.parse(stdout), stderr: stderr.trimEnd().split('\n').filter(Boolean) };
}

jest.setTimeout(180_000);

test('200 training steps leave the memory where it was', async () => {
  const { before, after, finite, end } = await scenario(['steps']);
  expect({ after, finite, end }).toEqual({ after: before, finite: true, end: [0, 0] });
  expect(Math.min(...before)).toBeGreaterThan(1e6); // parameters and momentum
});

test('where memory ends in a step, the operator and the device are named, and the next step is as if nothing had been', async () => {
  const { before, after, errors, first, again } = await scenario(['exhausted'], { CONVTAPE_MEMORY_LIMIT_MB: '48' });
  for (const error of errors)
    expect(error).toMatch(
      /^ERR_OUT_OF_MEMORY: (gradient of )?[a-zA-Z0-9]+: out of memory on cpu:[01]: asked for \d+ MB, \d+ MB are allocated, .*\(CONVTAPE_MEMORY_LIMIT_MB is 48\)\. Dispose of tensors/,
    );
  const operators = new Set(errors.map((error: string) => error.split(': ')[1]));
  expect(operators.size).toBeGreaterThan(3);
  expect([...operators].some((name) => String(name).startsWith('gradient of '))).toBe(true);
  expect({ after, again }).toEqual({ after: before, again: first });
});

test('a kernel without scratch memory is an error of what it was to compute, and of nothing else', async () => {
  const { error, first, again } = await scenario(['scratch'], { CONVTAPE_MEMORY_LIMIT_MB: '14' });
  expect(error).toMatch(
    /^ERR_OUT_OF_MEMORY: conv2d: out of memory on cpu:0: a kernel needs [\d.]+ MB of scratch memory\. Use a smaller batch/,
  );
  expect(again).toBe(first);
});

test('CONVTAPE_LEAKS tells which line made what was never disposed of', async () => {
  const clean = await scenario(['undisposed'], { CONVTAPE_LEAKS: '1' });
  expect(clean).toEqual({ left: [0, 0], stderr: [] });
  const { left, stderr } = await scenario(['undisposed', 'forget'], { CONVTAPE_LEAKS: '1' });
  expect(left).toEqual([0, 0]); // the collector gives it back, late
  expect(stderr).toEqual([
    expect.stringMatching(
      /^convtape: a Tensor f32 \[256, 1024\] was not disposed of; made at forget \(.*memory_scenarios\.ts:\d+:\d+\)$/,
    ),
    expect.stringMatching(
      /^convtape: 5 × Tensor f32 \[256, 1024\] \(5\.0 MB in all\) never disposed of; made at forget/,
    ),
  ]);
});
