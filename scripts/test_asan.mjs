// The tests that exercise the addon, under AddressSanitizer and UndefinedBehaviorSanitizer.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `usage: npm run test:asan [-- jest arguments]

Builds the addon with sanitizers into build-asan (npm run build:asan) and runs the operator, tape and robustness tests on it, or the
tests that the jest arguments name.
`;

// Everything that reaches native code; other tests would only take time.
const TESTS = ['test/ops', 'test/autograd', 'test/tensor', 'test/conformance', 'test/optim', 'test/robustness'];

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(HELP);
  process.exit(0);
}
const run = (command, commandArgs, env = {}) =>
  spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;

// The widest instruction set alone: the same sources, a third of the compiling.
const built = run('npm', ['run', '--silent', 'build:asan'], { CONVTAPE_ISAS: 'NATIVE' });
if (built !== 0) process.exit(built);

// Node is not built with sanitizers, so their library must come first; libstdc++ with it, or exceptions are not intercepted.
const library = (name) => execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
const options = args.some((a) => !a.startsWith('-')) ? args : [...TESTS, ...args];
const status = run(process.execPath, [join('node_modules', 'jest', 'bin', 'jest.js'), ...options], {
  LD_PRELOAD: `${library('libasan.so')} ${library('libstdc++.so.6')}`,
  // Node itself frees little on its way out.
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  CONVTAPE_ADDON: join(root, 'build-asan', 'Release', 'convtape.node'),
  CONVTAPE_CPU_ISA: '',
  CONVTAPE_SANITIZED: '1', // tests that measure speed, or need the machine's whole memory, may look at this
});
process.exit(status);
