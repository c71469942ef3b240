// Brings a clone from nothing to ready: system packages, node_modules, the native addon, dist/. Every step looks first and does only
// what is missing, so that a second run takes a fraction of a second and needs no network. Plain Node without dependencies: it runs
// before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `usage: node scripts/setup.mjs [--build] [--dist] [--native] [--no-install] [--retry] [--help]

Makes a clone ready to run: system packages (through apt-get), node_modules (npm ci), the native addon, dist/.
Only what is missing or out of date is done.

  --build        only the last two: compile the addon and the TypeScript where their sources have changed
  --dist         with --build: only the TypeScript
  --native       an addon for this machine's processor alone will do: compiles in a third of the time
  --no-install   never call apt-get; print the command instead (also: CONVTAPE_SETUP_INSTALL=0)
  --retry        try optional system packages again that could not be installed before
`;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const statePath = join(root, 'build', 'setup.json');
const logPath = (step) => join(root, 'build', `setup-${step}.log`);
const DATASET = '/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz';

const options = new Set(process.argv.slice(2));
for (const option of options)
  if (!['--build', '--dist', '--native', '--no-install', '--retry', '--help'].includes(option)) {
    process.stderr.write(`setup: unknown option '${option}'\n\n${HELP}`);
    process.exit(2);
  }
if (options.has('--help')) {
  process.stdout.write(HELP);
  process.exit(0);
}
const mayInstall = !options.has('--no-install') && process.env.CONVTAPE_SETUP_INSTALL !== '0';

// Standard error, so that a command that prints data (npm pack --json) can run this first.
function say(step, text) {
  process.stderr.write(`${step.padEnd(13)}${text}\n`);
}

/** What is not to be gone on from has been said. What runs beside it is waited for: apt-get must not be cut off in the middle. */
class Stopped extends Error {}

function stop(step, text) {
  say(step, text);
  throw new Stopped(step);
}

function readState() {
  try {
    return JSON.parse(readOr(statePath, '{}'));
  } catch {
    return {};
  }
}

function saveState(change) {
  mkdirSync(dirname(statePath), { recursive: true });
  writeFileSync(statePath, `${JSON.stringify({ ...readState(), ...change }, null, 2)}\n`);
}

/** First line of what a command prints; null where it cannot be run. */
function firstLine(command, ...args) {
  const run = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
  return run.status === 0 ? (run.stdout || run.stderr).split('\n')[0].trim() : null;
}

/** Runs a command with its output in build/setup-STEP.log; on a terminal, shows the last percentage or [n/m] it printed. */
function logged(step, doing, command, args, env = {}) {
  mkdirSync(join(root, 'build'), { recursive: true });
  const started = Date.now();
  const live = process.stderr.isTTY;
  const show = (text) => live && process.stderr.write(`\r\x1b[K${step.padEnd(13)}${text}`);
  show(`${doing} …`);
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (chunk) => {
      output += chunk;
      const progress = String(chunk).match(/\[\s*\d+(?:\/\d+|%)\]/g);
      if (progress) show(`${doing} … ${progress.at(-1)}`);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => take(`${error.message}\n`));
    child.on('close', (status) => {
      if (live) process.stderr.write('\r\x1b[K');
      writeFileSync(logPath(step), output);
      resolve({ ok: status === 0, output, seconds: ((Date.now() - started) / 1000).toFixed(1) });
    });
  });
}

function tail(output, lines = 30) {
  return output.trimEnd().split('\n').slice(-lines).join('\n');
}

// ── system packages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const compilers = () => [process.env.CXX, 'c++', 'g++', 'clang++'];

/** What must be there, how to see whether it is, and Debian's name for it. */
function missingTools() {
  const found = [];
  const missing = [];
  const cmake = firstLine('cmake', '--version');
  const version = cmake?.match(/(\d+)\.(\d+)/);
  if (version && (+version[1] > 3 || (+version[1] === 3 && +version[2] >= 18)))
    found.push(cmake.replace('version ', ''));
  else missing.push({ what: 'cmake 3.18 or newer', package: 'cmake' });

  const compiler = compilers().find((name) => name && firstLine(name, '--version'));
  if (compiler) found.push(firstLine(compiler, '--version'));
  else missing.push({ what: 'a C++17 compiler', package: 'g++' });

  const maker = ['ninja', 'make'].find((name) => firstLine(name, '--version'));
  if (maker) found.push(maker);
  else missing.push({ what: 'make or ninja', package: 'make' });
  return { found, missing };
}

/** The words in front of apt-get: none for root, `sudo -n` where it asks for no password; null where it may not be called. */
function aptPrefix() {
  if (firstLine('apt-get', '--version') === null) return null;
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : null;
}

let updated = false;
async function aptInstall(step, packages) {
  const refusal = aptRefusal();
  if (refusal) return { ok: false, reason: refusal };
  const apt = [
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    '-q',
    '-o',
    'Acquire::Retries=1',
    '-o',
    'Acquire::http::Timeout=20',
  ];
  const [command, ...rest] = [...aptPrefix(), ...apt];
  // Once will do. A stale list is no reason to stop: the install itself decides.
  if (!updated) await logged(step, 'apt-get update', command, [...rest, 'update']);
  updated = true;
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  const run = await logged(step, `apt-get install ${packages.join(' ')}`, command, [...rest, ...install]);
  if (run.ok) return { ok: true, seconds: run.seconds };
  return { ok: false, reason: run.output.split('\n').find((line) => line.startsWith('E: ')) ?? tail(run.output, 1) };
}

/** Why apt-get may not be called; null where it may. */
function aptRefusal() {
  if (!mayInstall) return 'installing is switched off';
  return aptPrefix() ? null : 'needs root, or sudo without a password';
}

const byHand = (packages) => `sudo apt-get update && sudo apt-get install -y ${packages.join(' ')}`;

/** What {@link missingTools} found to be missing, installed where that may be done. */
async function systemPackages({ found, missing }) {
  if (missing.length > 0) {
    const packages = missing.map((m) => m.package);
    const what = missing.map((m) => m.what).join(', ');
    const result = await aptInstall('tools', packages);
    const still = result.ok ? missingTools().missing : missing;
    if (still.length > 0) {
      if (result.reason) say('tools', `could not install ${packages.join(' ')}: ${result.reason}`);
      stop('tools', `${what} missing. On Debian or Ubuntu run:\n\n    ${byHand(packages)}\n`);
    }
    say('tools', `installed ${packages.join(' ')} (${result.seconds} s)`);
  } else {
    say('tools', found.join(', '));
  }
}

/** What a clone works without, but less well. */
const optional = [
  {
    step: 'data',
    package: 'dataset-fashion-mnist',
    find: () => (existsSync(DATASET) ? `Fashion-MNIST in ${dirname(DATASET)}` : null),
    missing: 'Fashion-MNIST is not here',
    without: 'going on with the small sample in the repository. For all 70,000 images run',
  },
  {
    step: 'jpeg',
    // Debian's and Ubuntu's common name for the files of libjpeg-turbo that a compiler needs.
    package: 'libjpeg-dev',
    find: () => (staticJpeg() ? `libjpeg-turbo, ${staticJpeg()}` : null),
    missing: 'libjpeg-turbo is not here',
    without: 'prepared JPEG images will be decoded by sharp, several times slower. For the faster way run',
  },
];

/** The archive of the JPEG library that the compiler would link; null where it has none. */
function staticJpeg() {
  const compiler = compilers().find((name) => name && firstLine(name, '--version'));
  const path = compiler && firstLine(compiler, '-print-file-name=libjpeg.a');
  return path && isAbsolute(path) && existsSync(path) ? resolve(path) : null;
}

async function optionalPackage({ step, package: name, find, missing, without }) {
  const here = find();
  if (here) return say(step, here);
  const { tried = {} } = readState();
  // An attempt without a network takes long to fail: one a day, unless asked for.
  const tries = mayInstall && (options.has('--retry') || !(Date.now() - (tried[name] ?? 0) < 86_400_000));
  let why = '';
  if (tries) {
    const result = await aptInstall(step, [name]);
    if (result.ok && find()) return say(step, `installed ${name} (${result.seconds} s)`);
    saveState({ tried: { ...tried, [name]: Date.now() } });
    why = ` (${result.reason ?? 'not in the package'})`;
  }
  say(step, `${missing}${why}; ${without}: ${byHand([name])}`);
}

// ── node_modules ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Compares versions, not times: a checkout touches the lock file, and `npm ci` without a network would leave nothing behind. */
function modulesOutOfDate() {
  const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return 'missing';
  const wanted = read('package-lock.json');
  const installed = read('node_modules/.package-lock.json');
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === '' || (optional && !installed[path])) continue;
    if (installed[path]?.version !== version) return `${path.replace(/^node_modules\//, '')} is not at ${version}`;
  }
  return null;
}

async function modules() {
  const reason = modulesOutOfDate();
  if (!reason) return say('node_modules', 'up to date');
  const npm = ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--no-progress'];
  const run = await logged('node_modules', 'npm ci', 'npm', npm);
  // npm says first what is wrong, then how it is used.
  const words = run.output.split('\n').filter((line) => line.startsWith('npm error') && line.length > 10);
  if (!run.ok)
    stop(
      'node_modules',
      `npm ci failed; it needs the npm registry, or npm's cache, once:\n${words.slice(0, 12).join('\n')}`,
    );
  say('node_modules', `npm ci, because ${reason === 'missing' ? 'it was missing' : reason} (${run.seconds} s)`);
}

// ── builds ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A hash of the contents of files and folders, and of some words: changes whenever a build from them might. */
function fingerprint(paths, words = []) {
  const hash = createHash('sha256').update(words.join('\0'));
  const add = (path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) for (const name of readdirSync(full).sort()) add(join(path, name));
    else hash.update(`\0${path}\0`).update(readFileSync(full));
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

/** A build's result as it was left: another build in its place is noticed. */
function stamp(path) {
  const full = join(root, path);
  if (!existsSync(full)) return null;
  const { mtimeMs, size } = statSync(full);
  return `${Math.round(mtimeMs)}:${size}`;
}

/** One set-up at a time: waits while another process that is alive holds build/setup.lock. */
async function lock() {
  const path = join(root, 'build', 'setup.lock');
  mkdirSync(dirname(path), { recursive: true });
  for (let waited = 0; ; waited++) {
    try {
      writeFileSync(path, `${process.pid} ${startOf(process.pid)}`, { flag: 'wx' });
      process.on('exit', () => rmSync(path, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    // Empty for the moment between its creation and its writing.
    const [holder, started] = readOr(path, '').split(' ');
    if (holder ? alive(Number(holder), started) : waited < 20) {
      if (waited === 20) say('setup', `waiting for another set-up (process ${holder})`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    } else rmSync(path, { force: true });
  }
}

/** @param started what {@link startOf} said of it: another process may have its number by now, in a container that began again almost surely */
function alive(pid, started) {
  try {
    process.kill(pid, 0);
    return started === undefined || started === startOf(pid);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Clock ticks from the system's start to the process's, where /proc tells. */
function startOf(pid) {
  const stat = readOr(`/proc/${pid}/stat`, '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function readOr(path, fallback) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback;
  }
}

/** `sources`: the fingerprint of what is built; `enough`: of other builds that would do. */
async function build(step, name, doing, result, sources, { enough = [], env = {} } = {}) {
  const state = readState();
  if (
    [sources, ...enough].includes(state[step]?.sources) &&
    state[step].result !== null &&
    state[step].result === stamp(result)
  )
    return say(step, 'up to date');
  const cores = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(os.availableParallelism());
  const run = await logged(step, doing, 'npm', ['run', '--silent', name], {
    CMAKE_BUILD_PARALLEL_LEVEL: cores,
    ...env,
  });
  if (!run.ok) stop(step, `failed; the whole log is in build/setup-${step}.log\n${tail(run.output, 40)}`);
  saveState({ [step]: { sources, result: stamp(result) } });
  for (const [, note] of run.output.matchAll(/convtape: ((?:CUDA kernels|JPEG decoded|no static libjpeg).*)/g))
    say(step, note);
  say(step, `built ${result} (${run.seconds} s)`);
}

/** A packing that was cut off has left the packaged addon where the local build's belongs (scripts/package.mjs). */
function putBack() {
  const aside = join(root, 'build', 'aside', 'convtape.node');
  if (existsSync(aside)) renameSync(aside, join(root, 'build', 'Release', 'convtape.node'));
}

async function addon() {
  if (options.has('--dist')) return;
  // A build folder that was moved or copied names its old place, which CMake refuses.
  const cache = join(root, 'build', 'CMakeCache.txt');
  const home = existsSync(cache) && readFileSync(cache, 'utf8').match(/^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m)?.[1];
  if (home && home !== root) rmSync(cache);
  const all = process.env.CONVTAPE_ISAS ?? 'ALL';
  const sources = (isas) =>
    fingerprint(
      ['CMakeLists.txt', 'native', 'node_modules/node-addon-api/package.json'],
      [process.version, process.arch, process.env.CONVTAPE_CUDA ?? '', staticJpeg() ?? 'no JPEG library', isas],
    );
  const native = options.has('--native') && all === 'ALL';
  await build(
    'addon',
    'build:addon',
    `compiling C++${native ? ' for this processor' : ''}`,
    'build/Release/convtape.node',
    sources(native ? 'NATIVE' : all),
    { enough: native ? [sources('ALL')] : [], env: { CONVTAPE_ISAS: native ? 'NATIVE' : all } },
  );
}

async function typescript() {
  const sources = fingerprint([
    'lib',
    'tsconfig.json',
    'tsconfig.build.json',
    'package.json',
    'scripts/esm_wrapper.mjs',
  ]);
  await build('dist', 'build:ts', 'compiling TypeScript', 'dist/index.mjs', sources);
}

async function packages(tools) {
  await systemPackages(tools);
  for (const each of optional) await optionalPackage(each);
}

async function everything() {
  if (Number(process.versions.node.split('.')[0]) < 20)
    stop('node', `needs Node.js 20 or newer, this is ${process.version}`);
  await lock();
  putBack();
  let [system, npm] = [Promise.resolve(), Promise.resolve()];
  if (!options.has('--build')) {
    const tools = missingTools();
    // Where they cannot be installed it ends here, before npm has begun.
    if (tools.missing.length > 0 && aptRefusal()) await systemPackages(tools);
    // Both wait for the network, and for nothing of each other's.
    [system, npm] = [packages(tools), modules()];
  }
  // The compiler of TypeScript uses one core, and so does CMake before it compiles.
  const ended = await Promise.allSettled([Promise.all([system, npm]).then(addon), npm.then(typescript)]);
  for (const { reason } of ended) if (reason) throw reason;
}

try {
  await everything();
} catch (error) {
  if (!(error instanceof Stopped)) throw error;
  process.exitCode = 1;
}
