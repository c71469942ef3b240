// Removes what builds, tests and documentation leave behind; node_modules and runs/ stay.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `usage: node scripts/clean.mjs [folder ...] [--help]

Removes the named folders of the repository; without names, all that builds leave behind: build, build-*, dist, coverage, docs/api.
`;

const root = fileURLToPath(new URL('..', import.meta.url));
const all = ['build', ...readdirSync(root).filter((name) => name.startsWith('build-')), 'dist', 'coverage', 'docs/api'];
const wanted = process.argv.slice(2);
if (wanted.includes('--help')) {
  process.stdout.write(HELP);
} else {
  const unknown = wanted.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    process.stderr.write(`clean: '${unknown}' is none of ${all.join(', ')}\n`);
    process.exit(2);
  }
  for (const name of wanted.length > 0 ? wanted : all) rmSync(join(root, name), { recursive: true, force: true });
}
