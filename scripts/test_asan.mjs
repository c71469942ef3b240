// The tests that exercise the addon, under AddressSanitizer and UndefinedBehaviorSanitizer.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { counted, JEST, jest, jestArguments, root, run } from './jest.mjs';

const HELP = `usage: npm run test:asan [-- jest arguments]

Builds the addon with sanitizers into build-asan (npm run build:asan) and runs the operator, tape and robustness tests on it, or the
tests that the jest arguments name. Without arguments the last line counts: N passed, N failed.
`;

// Everything that reaches native code; other tests would only take time.
const TESTS = ['test/ops', 'test/autograd', 'test/tensor', 'test/conformance', 'test/optim', 'test/robustness'];

const args = jestArguments(HELP);

// The widest instruction set alone: the same sources, a third of the compiling.
const built = run('npm', ['run', '--silent', 'build:asan'], { CONVTAPE_ISAS: 'NATIVE' });
if (built !== 0) process.exit(built);

// Node is not built with sanitizers, so their library must come first; libstdc++ with it, or exceptions are not intercepted.
const library = (name) => execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
const env = {
  LD_PRELOAD: `${library('libasan.so')} ${library('libstdc++.so.6')}`,
  // Node itself frees little on its way out.
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  CONVTAPE_ADDON: join(root, 'build-asan', 'Release', 'convtape.node'),
  CONVTAPE_CPU_ISA: '',
  CONVTAPE_SANITIZED: '1', // tests that measure speed, or need the machine's whole memory, may look at this
};
process.exit(
  args.length > 0 ? jest(TESTS, args, env) : counted([{ name: 'sanitizers', command: [JEST, ...TESTS], env }]),
);
