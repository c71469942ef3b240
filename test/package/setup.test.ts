// scripts/setup.mjs on machines that lack something: a scratch repository, and a PATH that holds only what the test put there.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../support/package';

let folder: string;
let bin: string;

/** A command that notes its arguments in `calls` and then does `body`. */
function command(name: string, body = ''): void {
  writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >> '${folder}/calls'\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}

const calls = () =>
  existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n') : [];
const asked = (pattern: RegExp) => calls().filter((call) => pattern.test(call));

function setup(...options: string[]): { status: number | null; text: string } {
  const script = join(folder, 'scripts/setup.mjs');
  const run = spawnSync(process.execPath, [script, ...options], { env: { PATH: bin }, encoding: 'utf8' });
  return { status: run.status, text: run.stderr + run.stdout };
}

function lock(path: string, version: string): void {
  const packages = { '': {}, 'node_modules/a': { version }, 'node_modules/b': { version: '1.0.0', optional: true } };
  writeFileSync(join(folder, path), JSON.stringify({ packages }));
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'convtape-setup-'));
  bin = join(folder, 'bin');
  for (const name of ['bin', 'scripts', 'lib', 'native']) mkdirSync(join(folder, name));
  cpSync(join(root, 'scripts/setup.mjs'), join(folder, 'scripts/setup.mjs'));
  writeFileSync(join(folder, 'native/a.cpp'), 'int a;');
  writeFileSync(join(folder, 'lib/a.ts'), 'let a;');
  lock('package-lock.json', '1.0.0');
  for (const name of ['sh', 'env', 'mkdir', 'cp', 'touch', 'tee']) symlinkSync(`/bin/${name}`, join(bin, name));
  command('cmake', 'echo cmake version 3.25.1');
  // As the real one does, it gives back the bare name of what it does not find.
  command(
    'c++',
    `[ "$1" = --version ] && echo c++ 12 && exit 0
     [ -f '${folder}/libjpeg.a' ] && echo '${folder}/libjpeg.a' || echo libjpeg.a`,
  );
  command('make', 'echo make');
  // npm ci leaves what the lock file says; npm run leaves what the build would.
  command(
    'npm',
    `cd '${folder}'
     [ "$1" = ci ] && mkdir -p node_modules && cp package-lock.json node_modules/.package-lock.json
     [ "$3" = build:addon ] && mkdir -p build/Release && touch build/Release/convtape.node
     [ "$3" = build:ts ] && mkdir -p dist && touch dist/index.mjs
     true`,
  );
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('does everything once, and nothing the second time', () => {
  expect(setup()).toMatchObject({ status: 0 });
  const [install, ...builds] = asked(/^npm/).map((call) => call.split(' ').slice(0, 4).join(' '));
  expect(install).toBe('npm ci --prefer-offline --no-audit');
  // The two builds run side by side, so either may be the first to say so.
  expect(builds.sort()).toEqual(['npm run --silent build:addon', 'npm run --silent build:ts']);
  rmSync(join(folder, 'calls'));
  const again = setup();
  expect(again.status).toBe(0);
  expect(again.text.match(/up to date/g)).toHaveLength(3);
  expect(asked(/^npm/)).toEqual([]);
});

test('builds again what has changed, and only that', () => {
  setup();
  rmSync(join(folder, 'calls'));
  writeFileSync(join(folder, 'lib/a.ts'), 'let b;');
  setup();
  expect(asked(/^npm/)).toEqual(['npm run --silent build:ts']);
  rmSync(join(folder, 'calls'));
  writeFileSync(join(folder, 'build/Release/convtape.node'), 'from somewhere else');
  setup('--build');
  expect(asked(/^(npm|apt-get|sudo)/)).toEqual(['npm run --silent build:addon']);
});

test('--native: one processor’s kernels will do; all of them do as well', () => {
  command(
    'npm',
    `cd '${folder}'; mkdir -p node_modules build/Release dist
     cp package-lock.json node_modules/.package-lock.json; touch dist/index.mjs
     [ "$3" = build:addon ] && echo "isas $CONVTAPE_ISAS" | tee -a calls > build/Release/convtape.node
     true`,
  );
  setup('--native');
  expect(asked(/isas NATIVE/)).toHaveLength(1);
  setup('--native');
  expect(asked(/isas NATIVE/)).toHaveLength(1);
  setup();
  expect(asked(/isas ALL/)).toHaveLength(1);
  expect(setup('--native').text).toMatch(/addon +up to date/);
});

test('a package at another version than the lock file says is installed; an optional one that is not there is not missed', () => {
  setup();
  rmSync(join(folder, 'calls'));
  lock('package-lock.json', '1.0.1');
  expect(setup().text).toMatch(/npm ci, because a is not at 1\.0\.1/);
  const packages = { '': {}, 'node_modules/a': { version: '1.0.1' } };
  writeFileSync(join(folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
  expect(setup().text).toMatch(/node_modules up to date/);
});

test('without CMake, compiler and apt-get: the exact command, and status 1', () => {
  rmSync(join(bin, 'cmake'));
  rmSync(join(bin, 'c++'));
  const { status, text } = setup();
  expect(status).toBe(1);
  expect(text).toContain('cmake 3.18 or newer, a C++17 compiler missing');
  expect(text).toContain('    sudo apt-get update && sudo apt-get install -y cmake g++\n');
  expect(asked(/^npm/)).toEqual([]);
});

test('an old CMake counts as missing', () => {
  command('cmake', 'echo cmake version 3.16.3');
  expect(setup('--no-install').text).toContain('cmake 3.18 or newer missing');
});

// As root apt-get is called directly; as another user through sudo -n, which asks for no password or fails.
test('with apt-get at hand, what is missing is installed', () => {
  command('sudo', 'shift; "$@"');
  command('cmake-to-be', 'echo cmake version 3.25.1');
  rmSync(join(bin, 'cmake'));
  command('apt-get', `case "$*" in *install*cmake*) cp '${bin}/cmake-to-be' '${bin}/cmake';; esac`);
  const { status, text } = setup();
  expect(text).toMatch(/tools +installed cmake/);
  expect(status).toBe(0);
  expect(asked(/^apt-get.* update$/).length).toBeGreaterThanOrEqual(1);
  expect(asked(/^apt-get.*install -y --no-install-recommends cmake$/)).toHaveLength(1);
});

/** Lines of sh that wait until a file has a line that begins so, and fail after a minute. */
const until = (file: string, words: string) =>
  `n=0; until grep -qs '^${words}' '${join(folder, file)}'; do n=$((n + 1)); [ $n -lt 600 ] || exit 1; sleep 0.1; done`;

test('apt-get and npm ci run side by side; a failure of one lets the other end', () => {
  for (const name of ['grep', 'sleep']) symlinkSync(`/bin/${name}`, join(bin, name));
  command('sudo', 'shift; "$@"');
  command(
    'apt-get',
    `case "$*" in *install*libjpeg-dev*) ${until('calls', 'npm ci')}; touch '${folder}/libjpeg.a';; esac`,
  );
  expect(setup()).toMatchObject({ status: 0, text: expect.stringMatching(/^jpeg +installed libjpeg-dev/m) });

  rmSync(join(folder, 'libjpeg.a'));
  rmSync(join(folder, 'node_modules'), { recursive: true });
  command('npm', `echo npm error no network; echo failed > '${folder}/failed'; exit 1`);
  command(
    'apt-get',
    `case "$*" in *install*libjpeg-dev*) ${until('failed', 'failed')}
       sleep 0.2; touch '${folder}/libjpeg.a';; esac`,
  );
  const { status, text } = setup('--retry');
  expect([status, existsSync(join(folder, 'libjpeg.a'))]).toEqual([1, true]);
  expect(text).toContain("npm ci failed; it needs the npm registry, or npm's cache, once:\nnpm error no network\n");
});

test('an apt-get that fails is reported with its own words', () => {
  command('sudo', 'shift; "$@"');
  rmSync(join(bin, 'make'));
  command('apt-get', '[ "$1" = --version ] && exit 0; echo "E: Unable to locate package make"; exit 100');
  const { status, text } = setup();
  expect(status).toBe(1);
  expect(text).toContain('could not install make: E: Unable to locate package make');
  expect(text).toContain('sudo apt-get install -y make');
});

test('the JPEG library is installed where it is missing, and the addon built again with it', () => {
  setup('--no-install');
  expect(setup('--no-install').text).toContain(
    'prepared JPEG images will be decoded by sharp, several times slower. For the faster way run: sudo apt-get update && sudo apt-get install -y libjpeg-dev\n',
  );
  expect(asked(/build:addon/)).toHaveLength(1);
  command('sudo', 'shift; "$@"');
  command('apt-get', `case "$*" in *install*libjpeg-dev*) touch '${folder}/libjpeg.a';; esac`);
  const { status, text } = setup();
  expect(status).toBe(0);
  expect(text).toMatch(/^jpeg +installed libjpeg-dev \([\d.]+ s\)$/m);
  expect(asked(/build:addon/)).toHaveLength(2);
  expect(setup().text).toContain(`libjpeg-turbo, ${folder}/libjpeg.a\n`);
  expect(asked(/build:addon/)).toHaveLength(2);
});

test('what is optional and cannot be installed does not stop it, and is tried again only the next day or when asked', () => {
  command('sudo', 'shift; "$@"');
  command('apt-get', '[ "$1" = --version ] && exit 0; echo "E: Unable to locate package"; exit 100');
  const first = setup();
  expect(first.status).toBe(0);
  expect(first.text).toMatch(
    /^jpeg +libjpeg-turbo is not here \(E: Unable to locate package\); prepared JPEG images will/m,
  );
  expect(asked(/^apt-get.*install -y .*libjpeg-dev/)).toHaveLength(1);
  expect(setup().text).toMatch(/^jpeg +libjpeg-turbo is not here; prepared JPEG images will/m);
  expect(asked(/^apt-get.*install -y .*libjpeg-dev/)).toHaveLength(1);
  setup('--retry');
  expect(asked(/^apt-get.*install -y .*libjpeg-dev/)).toHaveLength(2);
  // the list of packages is asked for once a run
  expect(asked(/^apt-get.* update$/).length).toBe(2);
});

test('a lock whose owner has ended does not count, even where another process has its number', () => {
  mkdirSync(join(folder, 'build'));
  writeFileSync(join(folder, 'build/setup.lock'), `${process.pid} 12345`);
  const { status, text } = setup();
  expect([status, /waiting for another set-up/.test(text)]).toEqual([0, false]);
  expect(existsSync(join(folder, 'build/setup.lock'))).toBe(false);
});

test('a build that fails shows its last lines and stops', () => {
  command('npm', '[ "$1" = ci ] || { echo "native/a.cpp:1: error: no such thing"; exit 1; }');
  const { status, text } = setup();
  expect(status).toBe(1);
  expect(text).toContain('native/a.cpp:1: error: no such thing');
});

test('a wrong option is wrong usage; --help explains', () => {
  expect(setup('--bild').status).toBe(2);
  expect(setup('--help')).toMatchObject({ status: 0, text: expect.stringContaining('usage: node scripts/setup.mjs') });
});
