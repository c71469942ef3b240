// What the scripts that run jest under special circumstances share.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Tests of single operators that run on every kind of device, beside the conformance tests. */
export const ON_DEVICES = ['test/ops/copy_to', 'test/ops/response_norm'];

/** jest's own program, for `node`. */
export const JEST = join('node_modules', 'jest', 'bin', 'jest.js');

/** The script's arguments, which are jest's; `--help` prints `help` and ends. */
export function jestArguments(help) {
  const args = process.argv.slice(2);
  if (!args.includes('--help')) return args;
  process.stdout.write(help);
  process.exit(0);
}

/** Runs a command in the package's folder; its exit status. */
export function run(command, args, env = {}) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;
}

/** Runs jest on `tests`, or on those that its arguments name; its exit status. */
export function jest(tests, args, env) {
  // What follows one of these is no test.
  const takesValue = ['-t', '--testNamePattern', '--outputFile', '-w', '--maxWorkers'];
  const named = args.some((a, i) => !a.startsWith('-') && !takesValue.includes(args[i - 1]));
  return run(process.execPath, [JEST, ...(named ? [] : tests), ...args], env);
}

/**
 * Runs the parts one after the other, each a `command` for `node` that passes jest's arguments on, and prints what they came to; the last
 * line is "N passed, N failed". The exit status.
 */
export function counted(parts) {
  const reports = mkdtempSync(join(tmpdir(), 'convtape-test-'));
  const lines = [];
  const total = { passed: 0, failed: 0 };
  for (const [i, { name, command, env }] of parts.entries()) {
    process.stderr.write(`\n━━━ ${name}: node ${command.join(' ')}\n`);
    const started = Date.now();
    const report = ['--ci', '--json', `--outputFile=${join(reports, `${i}.json`)}`];
    const { status } = spawnSync(process.execPath, [...command, ...report], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const files = readdirSync(reports).filter((file) => file.startsWith(`${i}.json`));
    const { passed, failed } = sum(files.map((file) => JSON.parse(readFileSync(join(reports, file), 'utf8'))));
    // What ended badly with no failed test to show for it, or reports without having run a test, has failed as a whole.
    const failures = failed === 0 && (status !== 0 || (files.length > 0 && passed === 0)) ? 1 : failed;
    total.passed += passed;
    total.failed += failures;
    lines.push(
      `${name.padEnd(28)}${passed} passed, ${failures} failed, ${Math.round((Date.now() - started) / 1000)} s`,
    );
  }
  rmSync(reports, { recursive: true, force: true });
  process.stdout.write(`\n${lines.join('\n')}\n${total.passed} passed, ${total.failed} failed\n`);
  return total.failed === 0 ? 0 : 1;
}

/** A suite that cannot even start has no tests: it counts as one that failed. */
function sum(reports) {
  const add = (count) => reports.reduce((total, report) => total + count(report), 0);
  return {
    passed: add((r) => r.numPassedTests),
    failed: add((r) => r.numFailedTests + r.numRuntimeErrorTestSuites),
  };
}
