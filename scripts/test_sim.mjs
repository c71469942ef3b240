// The tests that run on devices, with the CUDA kernels on simulated GPUs.
import { jest, jestArguments, ON_DEVICES, run } from './jest.mjs';

const HELP = `usage: npm run test:sim [-- jest arguments]

Builds the addon with simulated GPUs into build-sim (npm run build:sim) and runs conformance tests, gradient checks, tests of two columns
and of failures on sim:0 and sim:1, or the tests that the jest arguments name. Kernels alone are test/simt's matter. CONVTAPE_SIM_* choose the simulator's seed and policies (docs/simulator.md).
`;

const TESTS = ['test/sim/', 'test/conformance', ...ON_DEVICES];

const args = jestArguments(HELP);
const built = run('npm', ['run', '--silent', 'build:sim']);
if (built !== 0) process.exit(built);

process.exit(
  jest(TESTS, args, {
    CONVTAPE_SIM: process.env.CONVTAPE_SIM ?? '2',
    CONVTAPE_TEST_KINDS: 'sim',
    CONVTAPE_CPU_ISA: '', // the addon of build-sim has this processor's alone
  }),
);
