// Every operator from TypeScript, whatever order of threads, copies and streams: the CPU's values and gradients, and the same bits each time;
// with every check of the simulator's on. One seed to each pair of policies, and a tenth; every
// other run on the second device.
import { policyPairs } from '../support/simulated';
import { sampleCalls } from './run';

const runs = [...policyPairs, ['random', 'random'] as const].map(([copies, streams], i) => ({
  copies,
  streams,
  seed: i + 1,
  on: `sim:${i % 2}`,
}));

let first: Record<string, string> | undefined;

test.each(runs)(
  'copies $copies, streams $streams, seed $seed, on $on',
  async ({ copies, streams, seed, on }) => {
    const { settings, calls } = await sampleCalls(on, {
      CONVTAPE_SIM_COPIES: copies,
      CONVTAPE_SIM_STREAMS: streams,
      CONVTAPE_SIM_SEED: String(seed),
    });
    // It has arrived, and the checks are on.
    expect(settings).toMatch(
      new RegExp(`^${on}, simulated GPU, seed ${seed}, copies ${copies}, streams ${streams}, access \\w+, compute`),
    );
    expect(Object.keys(calls).length).toBeGreaterThan(100);
    expect(Object.entries(calls).filter(([, bits]) => !/^[0-9a-f]{40}$/.test(bits))).toEqual([]);
    first ??= calls;
    expect(calls).toEqual(first);
  },
  300_000,
);
