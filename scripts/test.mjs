// What `npm test` runs: with arguments, jest on what they name; without, every test there is, in the parts below one after the other.
import { join } from 'node:path';
import { counted, JEST, jestArguments, ON_DEVICES, run } from './jest.mjs';

const HELP = `usage: npm test [-- jest arguments]

Without arguments every test: on this machine's devices; the operators' once more with the CPU's narrower instruction sets (npm run
test:isas); on simulated GPUs (npm run test:sim). The last line counts them: N passed, N failed.
With arguments, jest's own run of what they name (npm test -- test/ops/conv2d).
`;

const ISAS = join('scripts', 'test_isas.mjs');
const SIM = join('scripts', 'test_sim.mjs');

// An addon is of one build and one instruction set for a process's whole life, so each of these is a run of its own.
const PARTS = [
  { name: 'this machine', command: [JEST] },
  { name: 'narrower instruction sets', command: [ISAS] },
  { name: 'simulated GPUs', command: [SIM, 'test/sim/', ...ON_DEVICES] },
  { name: 'simulated GPUs, values', command: [SIM, 'test/conformance', '-t', 'values'] },
  // What the checks find, the part above has found; without them finite differences take a fraction of the time.
  {
    name: 'simulated GPUs, gradients',
    command: [SIM, 'test/conformance', '-t', 'gradient$'],
    env: { CONVTAPE_SIM_CHECK: '0' },
  },
];

const args = jestArguments(HELP);
if (args.length > 0) process.exit(run(process.execPath, [JEST, ...args]));

process.exit(counted(PARTS));
