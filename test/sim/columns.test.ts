// A scaled-down AlexNet in two columns, trained on two simulated GPUs and on two CPU devices from one seed.
import { type Training, train } from './run';

const sims: [string, string] = ['sim:0', 'sim:1'];

describe('20 steps', () => {
  const unchecked = { CONVTAPE_SIM_CHECK: '0' };
  let granted: Training;

  beforeAll(async () => {
    granted = await train(sims, 20, unchecked);
  }, 900_000);

  test('the losses of sim:0,sim:1 are those of cpu:0,cpu:1', async () => {
    const cpu = await train(['cpu:0', 'cpu:1'], 20);
    expect(granted.losses.length).toBe(20);
    expect(new Set(cpu.losses).size).toBe(20);
    for (const [step, loss] of granted.losses.entries()) {
      const error = Math.abs(loss - cpu.losses[step]!) / Math.abs(cpu.losses[step]!);
      if (!(error < 1e-4)) throw new Error(`step ${step}: ${loss} on sim, ${cpu.losses[step]} on cpu`);
    }
  }, 900_000);

  // The simulator loses what is copied in a direction that was not granted, so a copy that went that way would be seen.
  test.each(['refused', 'oneway'])(
    'access %s: the losses and bits of access granted',
    async (access) => {
      expect(await train(sims, 20, { ...unchecked, CONVTAPE_SIM_PEER: access })).toEqual(granted);
    },
    900_000,
  );
});

// Same bits, whatever way the copies take and whatever order the streams run in; with every check of the simulator's on.
test('access granted, refused, granted one way, or granted and false: the same bits, and those of both columns on one device', async () => {
  const granted = await train(sims, 1, { CONVTAPE_SIM_STREAMS: 'eager' });
  for (const [devices, settings] of [
    [sims, { CONVTAPE_SIM_PEER: 'refused' }],
    [sims, { CONVTAPE_SIM_PEER: 'oneway', CONVTAPE_SIM_COPIES: 'lazy' }],
    [sims, { CONVTAPE_SIM_PEER: 'lying', CONVTAPE_SIM_STREAMS: 'lazy', CONVTAPE_SIM_COPIES: 'lazy' }],
    [['sim:1', 'sim:1'], { CONVTAPE_SIM_COPIES: 'eager' }],
  ] as [[string, string], Record<string, string>][])
    expect({ devices, settings, ...(await train(devices, 1, settings)) }).toEqual({ devices, settings, ...granted });
}, 1_800_000);
