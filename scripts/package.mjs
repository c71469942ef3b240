// npm runs this around packing (prepack, postpack): where nvcc is, the package gets the addon with CUDA for every architecture, from its own
// build folder, and the local build's is put back behind it.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ARCHITECTURES, buildFat, cudaContents, FOLDER, findNvcc, lacking, root, unknownTo } from './fat_addon.mjs';

const HELP = `usage: node scripts/package.mjs --build | --place | --restore | --help

Packaging, which npm pack and npm publish do by themselves.
  --build     compiles what is packaged: dist/, and the addon, with CUDA for sm_${ARCHITECTURES.join(', ')} where nvcc is (minutes; in build-cuda)
  --place     the same, and puts that addon where the package takes it from (prepack)
  --restore   puts the local build's addon back there (postpack)
Without nvcc, or with CONVTAPE_CUDA=OFF, the package holds the local build's addon, and --build and --place say so.
`;

const [option, ...more] = process.argv.slice(2);
if (!['--build', '--place', '--restore', '--help'].includes(option) || more.length > 0) {
  process.stderr.write(`package: one option of these, got '${process.argv.slice(2).join(' ')}'\n\n${HELP}`);
  process.exit(2);
}
if (option === '--help') {
  process.stdout.write(HELP);
  process.exit(0);
}

const fat = join(FOLDER, 'Release', 'convtape.node');
const place = join(root, 'build', 'Release', 'convtape.node');
// The local build's addon while the other has its place: scripts/setup.mjs puts it back where a packing was cut off.
const aside = join(root, 'build', 'aside', 'convtape.node');
// What has been put into the place, for --restore to compare.
const note = join(root, 'build', 'packing.json');

// Standard error: npm pack --json prints data.
const say = (text) => process.stderr.write(`${'package'.padEnd(13)}${text}\n`);
function stop(text) {
  say(text);
  process.exit(1);
}

function setup(...options) {
  const script = join(root, 'scripts', 'setup.mjs');
  // A package is for every processor, whatever the local build is for.
  const env = { ...process.env, CONVTAPE_ISAS: 'ALL' };
  const { status } = spawnSync(process.execPath, [script, '--build', ...options], { stdio: 'inherit', env });
  if (status !== 0) process.exit(1);
}

/** Whether the package is to hold the addon of build-cuda. */
async function build() {
  const nvcc = findNvcc();
  const off = process.env.CONVTAPE_CUDA === 'OFF';
  if (off || !nvcc) {
    setup();
    say(
      `without CUDA, because ${off ? 'CONVTAPE_CUDA is OFF' : 'nvcc is not here (on PATH, in /usr/local/cuda/bin, or named by CUDACXX)'}`,
    );
    return false;
  }
  const unknown = unknownTo(nvcc);
  if (unknown.length > 0)
    stop(
      `${nvcc} does not compile for ${unknown.join(', ')}: needs the CUDA toolkit 12.8 or newer; CONVTAPE_CUDA=OFF packs without CUDA`,
    );
  setup('--dist');
  const started = Date.now();
  say(`compiling for all CPUs and, with ${nvcc}, for sm_${ARCHITECTURES.join(', ')}; the first time takes minutes`);
  const output = await buildFat(nvcc, ['convtape']).catch((error) =>
    stop(error.message.split('\n').slice(-40).join('\n')),
  );
  for (const [, jpeg] of output.matchAll(/convtape: ((?:JPEG decoded|no static libjpeg).*)/g)) say(jpeg);
  const sources = readdirSync(join(root, 'native', 'cuda')).filter((name) => name.endsWith('.cu')).length;
  const missing = lacking(cudaContents(fat), sources);
  if (missing) stop(`${fat} has ${missing}`);
  say(`built ${fat.slice(root.length)} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return true;
}

const stamp = (path) => {
  const { mtimeMs, size } = statSync(path);
  return `${mtimeMs}:${size}`;
};

function putInPlace() {
  for (const path of [aside, place]) mkdirSync(dirname(path), { recursive: true });
  const copy = `${aside}.packaged`;
  cpSync(fat, copy);
  // A name moves with its time, by which set-up knows the local build's.
  if (existsSync(place)) renameSync(place, aside);
  renameSync(copy, place);
  writeFileSync(note, JSON.stringify({ placed: stamp(place) }));
}

function restore() {
  if (!existsSync(note)) return;
  const { placed } = JSON.parse(readFileSync(note, 'utf8'));
  rmSync(note);
  const replaced = !existsSync(place) || stamp(place) !== placed;
  if (replaced) rmSync(aside, { force: true });
  else if (existsSync(aside)) renameSync(aside, place);
  else rmSync(place);
  if (replaced) stop(`${place} was replaced while the package was made, which may be without CUDA: pack again`);
}

if (option === '--restore') restore();
else {
  rmSync(note, { force: true });
  if ((await build()) && option === '--place') putInPlace();
}
