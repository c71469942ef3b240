// Runs benchmarks, one after the other: the TypeScript files of benchmarks/, through ts-node.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `usage: npm run bench [-- [--list] [word ...] [-- argument ...]]

Runs the benchmarks whose path contains one of the words; all of them without words. What follows a second -- goes to each benchmark.
  --list   print their paths and run nothing
`;

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'benchmarks');

/** Files with a `main` of their own end in .bench.ts; the others are what they share. */
function find(at) {
  if (!existsSync(at)) return [];
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const path = join(at, entry.name);
    return entry.isDirectory() ? find(path) : entry.name.endsWith('.bench.ts') ? [relative(root, path)] : [];
  });
}

const given = process.argv.slice(2);
const split = given.includes('--') ? given.indexOf('--') : given.length;
const words = given.slice(0, split);
const unknown = words.find((word) => word.startsWith('-') && word !== '--list' && word !== '--help');
if (unknown !== undefined || words.includes('--help')) {
  (unknown ? process.stderr : process.stdout).write(unknown ? `bench: unknown option '${unknown}'\n\n${HELP}` : HELP);
  process.exit(unknown ? 2 : 0);
}
const wanted = words.filter((word) => word !== '--list');
const found = find(folder).sort();
const chosen = found.filter((path) => wanted.length === 0 || wanted.some((word) => path.includes(word)));
if (chosen.length === 0) {
  process.stderr.write(`bench: no benchmark matches ${wanted.join(', ')}; there are\n${found.join('\n')}\n`);
  process.exit(2);
}
if (words.includes('--list')) {
  process.stdout.write(`${chosen.join('\n')}\n`);
  process.exit(0);
}
let failed = 0;
for (const path of chosen) {
  process.stdout.write(`\n${path}\n`);
  const run = spawnSync(process.execPath, ['-r', 'ts-node/register/transpile-only', path, ...given.slice(split + 1)], {
    cwd: root,
    stdio: 'inherit',
  });
  if (run.status !== 0) failed++;
}
process.exit(failed > 0 ? 1 : 0);
