// The package as a stranger gets it: npm pack, the tarball installed in an empty folder, and used from there. With CONVTAPE_PACK=full npm
// packs as it does for the registry, with the CUDA kernels where nvcc is (npm run test:package); otherwise what the local build has.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, manifest, root } from '../support/package';

const full = process.env.CONVTAPE_PACK === 'full';
jest.setTimeout(full ? 1_800_000 : 300_000);

let folder: string;
let files: { path: string; size: number }[];
let packed: { filename: string; size: number };

function run(command: string, args: string[], cwd = folder, env: NodeJS.ProcessEnv = {}): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, ...env } });
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')} (status ${result.status})\n${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

/**
 * Installs the tarball with npm: from npm's cache, else from the registry. Where neither has the dependencies (no network, an empty
 * cache) they are copied from this repository's node_modules, so that everything but npm's own resolution is tested all the same.
 */
function install(tarball: string): void {
  writeFileSync(join(folder, 'package.json'), '{ "name": "stranger", "version": "1.0.0", "private": true }');
  const npm = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=0', tarball];
  for (const from of ['--offline', '--prefer-offline']) {
    if (spawnSync('npm', [...npm, from], { cwd: folder, encoding: 'utf8', timeout: 120_000 }).status === 0) return;
  }
  process.stderr.write('pack.test: no network and no npm cache; dependencies are taken from node_modules\n');
  cpSync(join(root, 'node_modules'), join(folder, 'node_modules'), {
    recursive: true,
    filter: (path) => !/node_modules\/(@types|typescript|@swc|@biomejs|jest.*|@jest|typedoc)$/.test(path),
  });
  mkdirSync(join(folder, 'node_modules/convtape'));
  run('tar', ['xzf', tarball, '--strip-components=1', '-C', join(folder, 'node_modules/convtape')]);
  const bin = join(folder, 'node_modules/.bin/convtape');
  rmSync(bin, { force: true });
  symlinkSync(join('..', 'convtape', manifest.bin.convtape), bin);
  chmodSync(bin, 0o755);
}

const localAddon = join(root, 'build/Release/convtape.node');
const stamp = () => statSync(localAddon).mtimeMs;
let before: number;

beforeAll(() => {
  build();
  before = stamp();
  folder = mkdtempSync(join(tmpdir(), 'convtape-pack-'));
  const scripts = full ? [] : ['--ignore-scripts'];
  const output = run('npm', ['pack', '--json', ...scripts, '--pack-destination', folder], root);
  [packed] = JSON.parse(output);
  files = (packed as any).files;
  install(join(folder, packed.filename));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every file of the package has a place it comes from, and is of a kind that belongs there', () => {
  const tracked = new Set(run('git', ['ls-files'], root).split('\n'));
  const made = new Set(['dist/index.mjs', 'dist/index.d.mts', 'build/Release/convtape.node']);
  for (const { path } of files) {
    const source = path.match(/^dist\/(.*?)(\.d\.ts|\.js)$/)?.[1];
    const known = tracked.has(path) || made.has(path) || (source !== undefined && tracked.has(`lib/${source}.ts`));
    if (!known)
      throw new Error(`${path} is in the package, but neither in the repository nor made from something that is`);
  }
  const strays = files.filter((f) => /(^|\/)test\/|\.test\.|\.js\.map$|^lib\/|gyp$|^benchmarks\/|^docs\//.test(f.path));
  expect(strays).toEqual([]);
  for (const needed of ['LICENSE', 'README.md', 'CMakeLists.txt', 'scripts/install.mjs', ...made])
    expect(files.map((f) => f.path)).toContain(needed);
});

/** Whether packing finds nvcc, and what the package's addon has of CUDA. */
function cuda(): { nvcc: boolean; containers: number; missing: string | null } {
  const script = `import { cudaContents, findNvcc, lacking } from ${JSON.stringify(join(root, 'scripts/fat_addon.mjs'))};
    import { readdirSync } from 'node:fs';
    const contents = cudaContents('node_modules/convtape/build/Release/convtape.node');
    const sources = readdirSync('node_modules/convtape/native/cuda').filter((name) => name.endsWith('.cu')).length;
    const nvcc = process.env.CONVTAPE_CUDA !== 'OFF' && findNvcc() !== undefined;
    console.log(JSON.stringify({ nvcc, containers: contents.length, missing: lacking(contents, sources) }));`;
  return JSON.parse(run('node', ['--input-type=module', '-e', script]));
}

test('the package stays small', () => {
  // The kernels for seven architectures are 33 MB of an addon; the package is 10.2 MB with them, and 2.8 MB without.
  expect(packed.size).toBeLessThan(cuda().containers > 0 ? 12_000_000 : 3_100_000);
});

if (full) {
  test('packed with nvcc it has CUDA for every architecture, without it none; and the CPU kernels of all instruction sets', () => {
    const { nvcc, containers, missing } = cuda();
    expect(nvcc ? missing : containers).toBe(nvcc ? null : 0);
    const isas = run('node', ['-p', "require('./node_modules/convtape/build/Release/convtape.node').build.isas"]);
    if (process.arch === 'x64') expect(isas.match(/\w+/g)).toEqual(['avx512', 'avx2', 'portable']);
  });

  test('packing leaves the local build as it was', () => {
    expect(stamp()).toBe(before);
    expect(existsSync(join(root, 'build/aside/convtape.node'))).toBe(false);
  });
}

test('without a driver there are no GPUs, and all else works', () => {
  const here = readdirSync('/dev').some((name) => /^nvidia\d|^dxg$/.test(name));
  // Hides the cards from the driver where there is one.
  const env = here ? { CUDA_VISIBLE_DEVICES: '' } : {};
  const script =
    "const { devices, ops, tensor } = require('convtape'); [devices('cuda').length, ops.relu(tensor([-1, 2])).dataSync()[1]].join()";
  expect(run('node', ['-p', script], folder, env).trim()).toBe('0,2');
});

test('no install script of a dependency is needed for the addon to load', () => {
  // Installed with --ignore-scripts, as npm does by default from version 12 on.
  expect(existsSync(join(folder, 'node_modules/convtape/build/Release/convtape.node'))).toBe(true);
  expect(run('node', ['-p', "require('convtape').devices('cpu').length >= 2"]).trim()).toBe('true');
});

test('the install script leaves an addon that loads alone', () => {
  const before = run('stat', ['-c', '%Y %s', 'node_modules/convtape/build/Release/convtape.node']);
  expect(run('node', ['node_modules/convtape/scripts/install.mjs'])).toBe('');
  expect(run('stat', ['-c', '%Y %s', 'node_modules/convtape/build/Release/convtape.node'])).toBe(before);
});

const program = `
  const x = tensor([-1, 2, -3], { shape: [3] });
  const t = tape();
  const y = ops.relu(x);
  const { x: dx } = t.gradients(y, { x }, { seed: tensor([1, 1, 1], { shape: [3] }) });
  if (String(y.dataSync()) !== '0,2,0' || String(dx.dataSync()) !== '0,1,0') throw new Error(y.dataSync() + ' ' + dx.dataSync());
  t[Symbol.dispose]();
`;

test('CommonJS and ES modules share one Tensor class', () => {
  writeFileSync(join(folder, 'a.cjs'), `const { ops, tape, tensor } = require('convtape');${program}`);
  run('node', ['a.cjs']);
  writeFileSync(
    join(folder, 'a.mjs'),
    `import { createRequire } from 'node:module';
     import * as all from 'convtape';
     import { ops, tape, Tensor, tensor } from 'convtape';${program}
     const common = createRequire(import.meta.url)('convtape');
     if (common.Tensor !== Tensor) throw new Error('two Tensor classes');
     const missing = Object.keys(common).filter((name) => !(name in all));
     if (missing.length > 0) throw new Error('not exported from the ES module: ' + missing);`,
  );
  run('node', ['a.mjs']);
});

// What a program may do with the types, under each way TypeScript finds them. Nothing of Node's types is there, and the libraries are
// those of ES2022 alone: what `using` needs comes with the package.
const typed = `
  import { device, ops, tape, tensor } from 'convtape';
  import type { Device, Tape, Tensor } from 'convtape';
  export async function main(): Promise<number> {
    const where: Device = device('cpu:0');
    using x: Tensor<readonly [3]> = tensor([-1, 2, -3], { shape: [3], device: where });
    using t: Tape = tape();
    const y = ops.relu(x);
    const three: 3 = y.shape[0];
    const { x: dx } = t.gradients(y, { x }, { seed: y });
    const values: Float32Array = await dx.data();
    return values.length + three;
  }
  // @ts-expect-error a shape is no word
  tensor([1], { shape: 'one' });
`;

test.each([
  ['node16, CommonJS', 'b.cts', { module: 'node16', moduleResolution: 'node16' }],
  ['node16, ES module', 'b.mts', { module: 'node16', moduleResolution: 'node16' }],
  ['nodenext, ES module', 'b.mts', { module: 'nodenext', moduleResolution: 'nodenext' }],
  ['bundler', 'b.ts', { module: 'esnext', moduleResolution: 'bundler', verbatimModuleSyntax: true }],
])('the types hold under %s', (_, file, options) => {
  writeFileSync(join(folder, file), typed);
  const compilerOptions = { target: 'es2022', lib: ['es2022'], types: [], strict: true, noEmit: true, ...options };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
  run('node', [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']);
});

test('the command line is installed with it', () => {
  const { devices } = JSON.parse(run(join(folder, 'node_modules/.bin/convtape'), ['devices', '--json']));
  expect(devices.length).toBeGreaterThanOrEqual(2);
});

test('what the manifest names is there', () => {
  const installed = join(folder, 'node_modules/convtape');
  const { import: esm, require: cjs } = manifest.exports['.'];
  for (const path of [manifest.main, manifest.module, manifest.types, esm.types, esm.default, cjs.types, cjs.default])
    expect(existsSync(join(installed, path))).toBe(true);
});

test('an addon that does not load is compiled from the sources in the package', () => {
  // Compiling takes minutes on a small machine, so a stand-in for CMake notes what it was asked and puts the addon in its place.
  const installed = join(folder, 'node_modules/convtape');
  const addon = join(installed, 'build/Release/convtape.node');
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  cpSync(addon, join(folder, 'good.node'));
  const standIn = `#!/bin/sh\necho "$@" >> '${folder}/calls'\n[ "$1" = --build ] && cp '${folder}/good.node' '${addon}'\nexit 0\n`;
  writeFileSync(join(bin, 'cmake'), standIn, { mode: 0o755 });
  writeFileSync(addon, 'for another machine');
  expect(() => run('node', ['-e', "require('convtape')"])).toThrow(/could not be loaded.*npm rebuild convtape/);
  run('npm', ['rebuild', '--foreground-scripts', 'convtape'], folder, { PATH: `${bin}:${process.env.PATH}` });
  const calls = execFileSync('cat', [join(folder, 'calls')], { encoding: 'utf8' });
  expect(calls).toMatch(/^-S \S*node_modules\/convtape\/? -B \S*\/build\/source .*CMAKE_BUILD_TYPE=Release/);
  run('node', ['-e', "require('convtape')"]);
  expect(readdirSync(installed)).not.toContain('binding.gyp');
});
