// Biome over the TypeScript, JavaScript and JSON; clang-format over the native sources.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { getClangFormatPath } from 'clang-format-node';

const HELP = `usage: npm run lint [-- --fix | --help]

Checks lint rules and format: Biome for lib, test, benchmarks and scripts; clang-format for native.
  --fix   write what can be mended
`;

const root = fileURLToPath(new URL('..', import.meta.url));
const options = process.argv.slice(2);
const unknown = options.find((option) => option !== '--fix' && option !== '--help');
if (unknown !== undefined || options.includes('--help')) {
  (unknown ? process.stderr : process.stdout).write(unknown ? `lint: unknown option '${unknown}'\n\n${HELP}` : HELP);
  process.exit(unknown ? 2 : 0);
}
const fix = options.includes('--fix');

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', encoding: 'utf8', ...options });
}

let failed = run('npx', ['--no-install', 'biome', 'check', ...(fix ? ['--write'] : []), '.']).status !== 0;

// Versions of clang-format disagree in details: the one that package.json names decides.
const tracked = run('git', ['ls-files', '-co', '--exclude-standard', 'native'], { stdio: 'pipe' }).stdout.split('\n');
const sources = tracked.filter((path) => /\.(h|cpp|cu|cuh)$/.test(path));
const formatter = getClangFormatPath(process.platform, process.arch);
const { status, error } = run(formatter, [...(fix ? ['-i'] : ['--dry-run', '--Werror']), ...sources]);
if (status === 0) {
  process.stdout.write(`clang-format: ${sources.length} native files ${fix ? 'formatted' : 'clean'}\n`);
} else {
  if (error) process.stderr.write(`lint: native sources NOT checked: ${error.message}\n`);
  failed = true;
}
process.exit(failed ? 1 : 0);
