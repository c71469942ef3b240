// The tests that run on devices, with the CUDA kernels on simulated GPUs.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `usage: npm run test:sim [-- jest arguments]

Builds the addon with simulated GPUs into build-sim (npm run build:sim) and runs conformance tests, gradient checks, tests of two columns
and of failures on sim:0 and sim:1, or the tests that the jest arguments name. Kernels alone are test/simt's matter. CONVTAPE_SIM_* choose the simulator's seed and policies (docs/simulator.md).
`;

const TESTS = ['test/sim/', 'test/conformance', 'test/ops/copy_to'];

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(HELP);
  process.exit(0);
}
const run = (command, commandArgs, env = {}) =>
  spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;

const built = run('npm', ['run', '--silent', 'build:sim']);
if (built !== 0) process.exit(built);

const chosen = args.some((a) => !a.startsWith('-'));
const jest = [join('node_modules', 'jest', 'bin', 'jest.js'), ...(chosen ? args : [...TESTS, ...args])];
process.exit(
  run(process.execPath, jest, {
    CONVTAPE_SIM: process.env.CONVTAPE_SIM ?? '2',
    CONVTAPE_TEST_KINDS: 'sim',
    CONVTAPE_CPU_ISA: '', // the addon of build-sim has this processor's alone
  }),
);
