// What the scripts that run jest under special circumstances share.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

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
  return run(process.execPath, [join('node_modules', 'jest', 'bin', 'jest.js'), ...(named ? [] : tests), ...args], env);
}
