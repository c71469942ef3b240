// Carries out docs/adding-an-operator.md on a copy of the sources, word for word, and compiles the result.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from '../support/package';

jest.setTimeout(240_000);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'convtape-guide-'));
  for (const name of ['lib', 'native', 'test/support', 'tsconfig.json', 'package.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  // A block with a path: the whole of a new file or, marked diff, lines (+) to put behind the lines shown before them.
  const guide = readFileSync(join(root, 'docs/adding-an-operator.md'), 'utf8');
  for (const [, language, path, body] of guide.matchAll(/^```(\w+) (\S+)\n([\s\S]*?)\n```$/gm))
    if (language === 'diff') insert(join(folder, path!), body!);
    else {
      mkdirSync(dirname(join(folder, path!)), { recursive: true });
      writeFileSync(join(folder, path!), `${body}\n`);
    }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function insert(path: string, diff: string): void {
  const lines = diff.split('\n');
  const before = lines.filter((line) => !line.startsWith('+')).map((line) => `${line.slice(1)}\n`);
  const added = lines.filter((line) => line.startsWith('+')).map((line) => `${line.slice(1)}\n`);
  const text = readFileSync(path, 'utf8');
  const at = text.indexOf(before.join(''));
  if (at < 0) throw new Error(`${path} has no lines\n${before.join('')}`);
  const end = at + before.join('').length;
  writeFileSync(path, text.slice(0, end) + added.join('') + text.slice(end));
}

function run(command: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`);
}

test('what the guide adds to TypeScript compiles, and is the whole of it', () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  run(process.execPath, tsc, '--noEmit', '-p', '.');
  // Without its line in the registry nothing compiles.
  cpSync(join(root, 'lib/ops/registry.ts'), join(folder, 'lib/ops/registry.ts'));
  expect(() => run(process.execPath, tsc, '--noEmit', '-p', '.')).toThrow(/Property 'leakyRelu' is missing/);
});

test.each(['native/cpu/leaky_relu.cpp', 'native/cpu/table.cpp', 'native/core/registry.cpp'])(
  '%s compiles',
  (source) => {
    const isa = ['-DCONVTAPE_ISA=portable', '-DCONVTAPE_ISA_TABLE=kernelTablePortable'];
    run(
      process.env.CXX ?? 'c++',
      '-std=gnu++17',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-Wno-psabi',
      '-fsyntax-only',
      ...isa,
      '-Inative',
      source,
    );
  },
);
