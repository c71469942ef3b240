// Biome over the TypeScript, JavaScript and JSON; clang-format over the native sources.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const HELP = `usage: npm run lint [-- --fix | --help]

Checks lint rules and format: Biome for lib, test, benchmarks and scripts; clang-format for native.
  --fix   write what can be mended
`;

// Its major versions disagree in details, so one of them decides.
const CLANG_FORMAT = '14';

const root = fileURLToPath(new URL('..', import.meta.url));
const options = process.argv.slice(2);
const unknown = options.find((option) => option !== '--fix' && option !== '--help');
if (unknown !== undefined || options.includes('--help')) {
  (unknown ? process.stderr : process.stdout).write(unknown ? `lint: unknown option '${unknown}'\n\n${HELP}` : HELP);
  process.exit(unknown ? 2 : 0);
}
const fix = options.includes('--fix');

function run(command, args, stdio = 'inherit') {
  return spawnSync(command, args, { cwd: root, stdio, encoding: 'utf8' });
}

function clangFormat() {
  for (const command of [`clang-format-${CLANG_FORMAT}`, 'clang-format'])
    if (run(command, ['--version'], 'pipe').stdout?.includes(`version ${CLANG_FORMAT}.`)) return command;
  return null;
}

let failed = run('npx', ['--no-install', 'biome', 'check', ...(fix ? ['--write'] : []), '.']).status !== 0;

const formatter = clangFormat();
if (formatter === null) {
  const advice = `sudo apt-get install clang-format-${CLANG_FORMAT}`;
  process.stderr.write(`lint: native sources NOT checked, clang-format ${CLANG_FORMAT} is not installed (${advice})\n`);
  if (process.env.CI) failed = true;
} else {
  const tracked = run('git', ['ls-files', '-co', '--exclude-standard', 'native'], 'pipe').stdout.split('\n');
  const sources = tracked.filter((path) => /\.(h|cpp|cu|cuh)$/.test(path));
  const result = run(formatter, [...(fix ? ['-i'] : ['--dry-run', '--Werror']), ...sources]);
  if (result.status !== 0) failed = true;
  else process.stdout.write(`clang-format: ${sources.length} native files ${fix ? 'formatted' : 'clean'}\n`);
}
process.exit(failed ? 1 : 0);
