// Failures name operator and device, leave the other device usable, and leave nothing behind.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { policies } from '../support/simulated';

async function scenario(name: string, settings: Record<string, string> = {}): Promise<any> {
  const args = ['-r', join(__dirname, '../support/register.js'), join(__dirname, 'scenarios.ts'), name];
  const env = { ...process.env, ...settings };
  return JSON.parse((await promisify(execFile)(process.execPath, args, { env, timeout: 240_000 })).stdout);
}

jest.setTimeout(300_000);

test.each(policies)('a kernel that fails, streams %s', async (streams) => {
  const result = await scenario('kernel', { CONVTAPE_SIM_STREAMS: streams });
  const fault =
    /^ERR_DEVICE: unary: kernel .* on sim:1: block .*reads uninitialised global memory.*sim:1, which this process can no longer use/;
  expect(result.read).toMatch(fault);
  expect(result.again).toMatch(fault);
  expect(result.allocation).toContain('sim:1');
  for (const message of result.idle) expect(message).toMatch(fault);
  expect(result).toMatchObject({ other: true, left: [0, 0] });
});

test.each(policies)('the error of a device follows its values to another, streams %s', async (streams) => {
  const { errors, rest, other } = await scenario('crossing', { CONVTAPE_SIM_STREAMS: streams });
  for (const error of errors) expect(error).toMatch(/^ERR_DEVICE: unary: kernel .* on sim:0/);
  expect({ rest, other }).toEqual({ rest: [1, 2, 3, 4, 5, 6, 7, 8], other: true });
});

test.each([
  ['eager', 'direct'],
  ['lazy', 'direct'],
  ['random', 'refused'],
])('and by way of that to a third, streams %s, access %s', async (streams, access) => {
  const settings = { CONVTAPE_SIM: '3', CONVTAPE_SIM_STREAMS: streams, CONVTAPE_SIM_PEER: access };
  const { errors, rest, others } = await scenario('thirdDevice', settings);
  for (const error of errors) expect(error).toMatch(/^ERR_DEVICE: unary: kernel .* on sim:0/);
  expect({ rest, others }).toEqual({ rest: [1, 2, 3, 4, 5, 6, 7, 8], others: [true, true] });
});

test('memory that ends in the middle of the work', async () => {
  const result = await scenario('memory', { CONVTAPE_SIM_MEMORY_MB: '64' });
  expect(result.error).toMatch(/^ERR_OUT_OF_MEMORY: .*out of memory on sim:0: asked for 4 MB, .* reserved of 64 MB/);
  expect(result.made).toBeGreaterThanOrEqual(12);
  expect(result).toMatchObject({ left: 0, works: true, other: true });
});

test.each([1, 2, 3])('allocation %d fails once: caches are given back, and it is asked again', async (n) => {
  expect(await scenario('retry', { CONVTAPE_SIM_FAIL_ALLOCATION: String(n) })).toEqual({
    sum: 2 * (3 << 20),
    works: true,
  });
});

test('memory that is full of what the cache keeps', async () => {
  const result = await scenario('caches', { CONVTAPE_SIM_MEMORY_MB: '64' });
  expect(result.cached).toBeGreaterThan(24 << 20); // so that 40 MB are not there without it
  expect(result).toMatchObject({ first: 0, works: true });
});

test('a label out of range', async () => {
  expect(await scenario('label')).toEqual({
    read: 'RangeError: crossEntropy: label 9 in row 1 is outside 0 … 3 (on sim:0)',
    weight: [1],
    works: true,
  });
});
