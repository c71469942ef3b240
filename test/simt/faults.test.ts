// The simulator finds every fault it claims to find, whatever the order of threads, copies and streams.
import { spawnSync } from 'node:child_process';
import { buildTarget } from '../support/native_build';
import { policyPairs, simulated } from '../support/simulated';

let program: string;
beforeAll(() => {
  program = buildTarget('simt_faults');
}, 900_000);

test.each(policyPairs)(
  'copies %s, streams %s, ten seeds: each planted fault is named, and nothing else is',
  (copies, streams) => {
    for (let seed = 1; seed <= 10; seed++) {
      const run = spawnSync(program, {
        encoding: 'utf8',
        timeout: 60_000,
        env: simulated(2, { seed, copies, streams }),
      });
      const lines = run.stdout.trim().split('\n');
      expect(lines.filter((line) => line.startsWith('NOT OK'))).toEqual([]);
      expect(lines.at(-1)).toBe('142 passed, 0 failed');
      expect(run.status).toBe(0);
    }
  },
);
