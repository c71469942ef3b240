// scripts/package.mjs in a scratch repository, with stand-ins for npm, CMake and nvcc: which addon is in the package's place, and when.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../support/package';

let folder: string;
let bin: string;

const ALL = [75, 80, 86, 89, 90, 100, 120];

/** A file as nvcc and the linker leave it: a container for every source, of PTX (kind 1) and machine code (kind 2). */
function containers(...sources: { machine: number[]; ptx: number[] }[]): Buffer {
  const parts = sources.map(({ machine, ptx }) => {
    const entries = [...ptx.map((a) => [1, a] as const), ...machine.map((a) => [2, a] as const)].map(([kind, sm]) => {
      const entry = Buffer.alloc(64 + 8 * sm, 0xaa);
      entry.writeUInt16LE(kind, 0);
      entry.writeUInt32LE(64, 4);
      entry.writeBigUInt64LE(BigInt(8 * sm), 8);
      entry.writeUInt32LE(sm, 28);
      return entry;
    });
    const header = Buffer.from('50ed55ba010010000000000000000000', 'hex');
    const body = Buffer.concat(entries);
    header.writeBigUInt64LE(BigInt(body.length), 8);
    return Buffer.concat([Buffer.from('between'), header, body]);
  });
  return Buffer.concat([Buffer.from('\x7fELF'), ...parts]);
}

function command(name: string, body: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\ncd '${folder}'\n${body}\n`, { mode: 0o755 });
}

function run(script: string, option: string, env: NodeJS.ProcessEnv = {}): { status: number | null; text: string } {
  const args = [join(folder, 'scripts', script), option];
  const { status, stderr, stdout } = spawnSync(process.execPath, args, {
    env: { PATH: bin, ...env },
    encoding: 'utf8',
  });
  return { status, text: stderr + stdout };
}

const place = () => join(folder, 'build/Release/convtape.node');
const fat = () => join(folder, 'compiled.node');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'convtape-package-'));
  bin = join(folder, 'bin');
  for (const name of ['bin', 'scripts', 'lib', 'native/cuda']) mkdirSync(join(folder, name), { recursive: true });
  for (const name of ['setup.mjs', 'package.mjs']) cpSync(join(root, 'scripts', name), join(folder, 'scripts', name));
  // What this machine has in /usr/local is hidden.
  const text = readFileSync(join(root, 'scripts/fat_addon.mjs'), 'utf8');
  expect(text).toContain("'/usr/local/cuda/bin/nvcc'");
  writeFileSync(join(folder, 'scripts/fat_addon.mjs'), text.replaceAll('/usr/local/cuda/', '/nowhere/cuda/'));
  for (const name of ['a.cu', 'b.cu', 'c.cpp']) writeFileSync(join(folder, 'native/cuda', name), '');
  for (const name of ['sh', 'mkdir', 'cp', 'touch']) symlinkSync(`/bin/${name}`, join(bin, name));
  command(
    'npm',
    `[ "$3" = build:addon ] && mkdir -p build/Release && echo "lean $CONVTAPE_ISAS" > build/Release/convtape.node
     [ "$3" = build:ts ] && mkdir -p dist && touch dist/index.mjs
     true`,
  );
  command(
    'cmake',
    `echo "$CONVTAPE_CUDA $CONVTAPE_ISAS $*" >> calls
     [ "$1" = --build ] && mkdir -p build-cuda/Release && cp compiled.node build-cuda/Release/convtape.node
     true`,
  );
  command('nvcc', `for sm in ${ALL.join(' ')}; do echo sm_$sm; done`);
  writeFileSync(fat(), containers({ machine: ALL, ptx: [120] }, { machine: ALL, ptx: [120] }));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('with nvcc the package gets the addon with CUDA, and the local build’s is put back as it was', () => {
  expect(run('setup.mjs', '--build').status).toBe(0);
  const { mtimeMs } = statSync(place());
  expect(run('package.mjs', '--place')).toMatchObject({ status: 0, text: expect.stringMatching(/built build-cuda/) });
  expect(readFileSync(place()).equals(readFileSync(fat()))).toBe(true);
  const calls = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
  expect(calls).toHaveLength(2);
  for (const call of calls) expect(call).toMatch(/^ON ALL /);

  expect(run('package.mjs', '--restore')).toEqual({ status: 0, text: '' });
  expect(readFileSync(place(), 'utf8')).toBe('lean ALL\n');
  expect(statSync(place()).mtimeMs).toBe(mtimeMs);
  expect(run('setup.mjs', '--build').text).toMatch(/addon +up to date/);
});

test('a clone that was never built is packed as well, and has no addon afterwards', () => {
  expect(run('package.mjs', '--place').status).toBe(0);
  expect(readFileSync(place()).equals(readFileSync(fat()))).toBe(true);
  expect(run('package.mjs', '--restore').status).toBe(0);
  expect(existsSync(place())).toBe(false);
});

test('--build leaves the local build’s addon in its place', () => {
  run('setup.mjs', '--build');
  expect(run('package.mjs', '--build').status).toBe(0);
  expect(readFileSync(place(), 'utf8')).toBe('lean ALL\n');
});

test.each([
  ['without nvcc', {}, 'without CUDA, because nvcc is not here (on PATH, in /usr/local/cuda/bin, or named by CUDACXX)'],
  ['with CUDA switched off', { CONVTAPE_CUDA: 'OFF' }, 'without CUDA, because CONVTAPE_CUDA is OFF'],
])('%s the package holds the local build’s addon, for all processors, and one line says so', (_, env, words) => {
  if (!('CONVTAPE_CUDA' in env)) rmSync(join(bin, 'nvcc'));
  run('setup.mjs', '--build', { ...env, CONVTAPE_ISAS: 'NATIVE' });
  expect(readFileSync(place(), 'utf8')).toBe('lean NATIVE\n');
  const { status, text } = run('package.mjs', '--place', { ...env, CONVTAPE_ISAS: 'NATIVE' });
  expect(status).toBe(0);
  expect(text.split('\n').filter((line) => /^package /.test(line))).toEqual([`package      ${words}`]);
  expect(readFileSync(place(), 'utf8')).toBe('lean ALL\n');
  expect(existsSync(join(folder, 'calls'))).toBe(false);
  expect(run('package.mjs', '--restore').status).toBe(0);
  expect(readFileSync(place(), 'utf8')).toBe('lean ALL\n');
});

const lacks = [
  [
    'an architecture',
    [
      { machine: ALL, ptx: [120] },
      { machine: ALL.slice(1), ptx: [120] },
    ],
    /has machine code for sm_80, .*; it should be for sm_75, /,
  ],
  [
    'PTX',
    [
      { machine: ALL, ptx: [120] },
      { machine: ALL, ptx: [] },
    ],
    /has PTX of no architecture; it should be of compute_120/,
  ],
  [
    'the newest PTX',
    [
      { machine: ALL, ptx: [75] },
      { machine: ALL, ptx: [75] },
    ],
    /has PTX of compute_75; it should/,
  ],
  ['a file', [{ machine: ALL, ptx: [120] }], /has CUDA code of 1 files where 2 were compiled/],
] as const;

test.each(lacks)('an addon that lacks %s is not packed', (_, sources, words) => {
  writeFileSync(fat(), containers(...sources.map(({ machine, ptx }) => ({ machine: [...machine], ptx: [...ptx] }))));
  run('setup.mjs', '--build');
  const { status, text } = run('package.mjs', '--place');
  expect([status, text]).toEqual([1, expect.stringMatching(words)]);
  expect(readFileSync(place(), 'utf8')).toBe('lean ALL\n');
});

test('an nvcc that is too old for an architecture is named, with what to do', () => {
  command('nvcc', 'for sm in 75 80 86 89 90 900; do echo sm_$sm; done');
  const { status, text } = run('package.mjs', '--place');
  expect([status, text]).toEqual([1, expect.stringContaining('nvcc does not compile for sm_100, sm_120: needs')]);
});

test('a compiler that fails ends it with its own words', () => {
  command('cmake', 'echo "a.cu(7): error: no such thing"; exit 1');
  const { status, text } = run('package.mjs', '--place');
  expect([status, text]).toEqual([1, expect.stringContaining('a.cu(7): error: no such thing')]);
});

test('after a packing that was cut off set-up puts the local build’s addon back, and so does the next packing', () => {
  run('setup.mjs', '--build');
  for (const next of ['setup.mjs', 'package.mjs']) {
    expect(run('package.mjs', '--place').status).toBe(0);
    expect(run(next, '--build').status).toBe(0);
    expect(readFileSync(place(), 'utf8')).toBe('lean ALL\n');
  }
});

test('an addon that another process has put in the place while npm packed is an error', () => {
  run('setup.mjs', '--build');
  run('package.mjs', '--place');
  run('setup.mjs', '--build');
  const { status, text } = run('package.mjs', '--restore');
  expect([status, text]).toEqual([1, expect.stringContaining('was replaced while the package was made')]);
  expect(readFileSync(place(), 'utf8')).toBe('lean ALL\n');
});

test('what is checked is what CMake is told to compile', () => {
  const told = readFileSync(join(root, 'CMakeLists.txt'), 'utf8').match(/set\(CMAKE_CUDA_ARCHITECTURES (75.*)\)/)![1]!;
  expect(told).toBe([...ALL.slice(0, -1).map((sm) => `${sm}-real`), ALL.at(-1)].join(' '));
  const listed = readFileSync(join(root, 'scripts/fat_addon.mjs'), 'utf8').match(/ARCHITECTURES = \[(.*)\]/)![1]!;
  expect(listed).toBe(ALL.join(', '));
});

test('a wrong option is wrong usage; --help explains', () => {
  expect(run('package.mjs', '--bild').status).toBe(2);
  expect(run('package.mjs', '--help')).toMatchObject({
    status: 0,
    text: expect.stringContaining('usage: node scripts/package.mjs'),
  });
});
