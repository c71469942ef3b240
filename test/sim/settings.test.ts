// A variable of the simulator's with a value that it cannot have is no default: the addon does not load, and says which one it is;
// the process ends as others do.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

function load(settings: Record<string, string>): { status: number | null; description: string; error: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...['-r', join(__dirname, '../support/register.js')],
      ...['-p', `require(${JSON.stringify(join(__dirname, '../../lib'))}).device('sim:0').description`],
    ],
    { env: { ...process.env, ...settings }, encoding: 'utf8', timeout: 30_000 },
  );
  return {
    status,
    description: stdout,
    error: /^Error: (convtape: the native addon could not be loaded \(.*?\)\. )/m.exec(stderr)?.[1] ?? stderr,
  };
}

test.each([
  ['CONVTAPE_SIM_SEED', 'first', 'a whole number from 0 to 999999999999999999'],
  ['CONVTAPE_SIM_SEED', '-1', 'a whole number from 0 to 999999999999999999'],
  ['CONVTAPE_SIM_COPIES', 'Lazy', 'random, eager or lazy'],
  ['CONVTAPE_SIM_STREAMS', 'eagre', 'random, eager or lazy'],
  ['CONVTAPE_SIM_PEER', 'none', 'direct, refused, oneway or lying'],
  ['CONVTAPE_SIM_CHECK', 'false', '1 or 0'],
  ['CONVTAPE_SIM_MEMORY_MB', '0', 'a whole number from 1 to 4096'],
  ['CONVTAPE_SIM_MEMORY_MB', '64MB', 'a whole number from 1 to 4096'],
  ['CONVTAPE_SIM_PINNED_KB', '-', 'a whole number from 0 to 1073741824'],
  ['CONVTAPE_SIM_CLOCK_KHZ', '1e6', 'a whole number from 0 to 2147483647'],
  ['CONVTAPE_SIM_FAIL_ALLOCATION', '1000000000000000000', 'a whole number from 0 to 999999999999999999'],
  ['CONVTAPE_SIM_FAIL_FREE', 'all', 'a whole number from 0 to 999999999999999999'],
  ['CONVTAPE_SIM_LOSE', '1', 'a device and one of its kernels, counted from 1, as in 0:1'],
  ['CONVTAPE_SIM_LOSE', '1:0', 'a device and one of its kernels, counted from 1, as in 0:1'],
  ['CONVTAPE_SIM_LOSE', '16:1', 'a device and one of its kernels, counted from 1, as in 0:1'],
])('%s=%s', (name, value, wanted) => {
  expect(load({ [name]: value })).toEqual({
    status: 1,
    description: '',
    error: `convtape: the native addon could not be loaded (${name}: must be ${wanted}, got '${value}'). `,
  });
});

test('empty is not set, and what they may be arrives', () => {
  const names = [
    'SEED',
    'COPIES',
    'STREAMS',
    'PEER',
    'CHECK',
    'MEMORY_MB',
    'PINNED_KB',
    'CLOCK_KHZ',
    'FAIL_ALLOCATION',
    'LOSE',
  ];
  const unset = Object.fromEntries(names.map((name) => [`CONVTAPE_SIM_${name}`, '']));
  const settings = { ...unset, CONVTAPE_SIM_SEED: '7', CONVTAPE_SIM_CHECK: '0', CONVTAPE_SIM_LOSE: '15:1' };
  const [byDefault, given] = [load(unset), load(settings)];
  expect([byDefault.status, byDefault.error, given.status, given.error]).toEqual([0, '', 0, '']);
  expect(byDefault.description).toMatch(
    /^simulated GPU, seed 1, copies random, streams random, access direct, compute/,
  );
  expect(given.description).toMatch(/^simulated GPU, seed 7, .*, access direct, unchecked, compute/);
});
