// Native programs on simulated GPUs (docs/simulator.md): every order of copies and streams that they are run under.

export const policies = ['eager', 'lazy', 'random'] as const;
/** Each policy of copies with each of streams. */
export const policyPairs = policies.flatMap((copies) => policies.map((streams) => [copies, streams] as const));

/** The environment of a program on so many simulated devices; the simulator's own default where a policy is not given. */
export function simulated(
  devices: number,
  { seed, copies, streams }: { seed: number; copies?: string; streams?: string },
): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CONVTAPE_SIM: String(devices),
    CONVTAPE_SIM_SEED: String(seed),
    ...(copies && { CONVTAPE_SIM_COPIES: copies }),
    ...(streams && { CONVTAPE_SIM_STREAMS: streams }),
  };
}
