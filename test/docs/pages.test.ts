// The pages for people, held against the repository: what they name is there, and what they should name they do.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { manifest, root } from '../support/package';

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const text = (page: string) => readFileSync(join(root, page), 'utf8');

test('there are pages to hold', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md', 'docs/adding-an-operator.md']));
});

describe.each(pages)('%s', (page) => {
  // What a guide has the reader make is not there: leaky_relu, KIND.
  const made = /leaky_relu|KIND/;

  test('paths it names exist', () => {
    const named = [...text(page).matchAll(/`((?:lib|native|test|scripts|docs|benchmarks|data|\.ci)\/[^\s`]*)`/g)];
    const paths = named.map((m) => m[1]!).filter((path) => !made.test(path) && !path.includes('*'));
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('links within the repository lead somewhere', () => {
    const prose = text(page).replace(/^```[\s\S]*?^```/gm, '');
    const links = [...prose.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map((m) => m[1]!);
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });

  test('npm scripts it names exist', () => {
    const named = [...text(page).matchAll(/npm run ([\w:-]+)/g)].map((m) => m[1]!);
    expect(named.filter((name) => !(name in manifest.scripts))).toEqual([]);
  });
});

test('the README names every environment variable that the package reads, docs/simulator.md the simulator’s own', () => {
  const read = new Set<string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (/\.(ts|cpp|mjs)$/.test(path))
        for (const [, name] of readFileSync(path, 'utf8').matchAll(
          /(?:process\.env\.|process\.env\['|[\w>]\(\s*")(CONVTAPE_[A-Z_]+)\b/g,
        ))
          read.add(name!);
    }
  };
  for (const folder of ['lib', 'native', 'scripts']) visit(join(root, folder));
  expect(read.size).toBeGreaterThan(3);
  const simulators = [...read].filter((name) => /^CONVTAPE_SIM(_|$)/.test(name));
  const others = [...read].filter((name) => !simulators.includes(name));
  expect(others.filter((name) => !text('README.md').includes(`\`${name}`))).toEqual([]);
  const table = [...text('docs/simulator.md').matchAll(/^\| `(\w+)` \|/gm)].map((m) => m[1]!);
  expect([...table].sort()).toEqual(simulators.sort());
  expect(text('README.md')).toContain(`\`${table[0]}\` | simulated GPUs`);
  expect(text('README.md')).toContain(`\`${table[1]}\` to \`${table.at(-1)}\``);
});
