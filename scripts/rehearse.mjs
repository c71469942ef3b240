// A rehearsal of the ImageNet run on a tree of its layout, made here: archives of 1,000 classes with the set's known oddities, prepared, trained for
// a few steps at full size, killed again and again, resumed, evaluated with ten crops. What must come out: never a torn file, and the same
// bits as of a run that nobody killed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';

const HELP = `usage: npm run rehearse -- [options]

  --classes <n>       default 1000
  --images <n>        training images, default 3000; a third as many for validation
  --model <name>      alexnet (default) or alexnet-small
  --batch <n>         default 16
  --steps <n>         updates of the whole run, default 12
  --kills <n>         times the run is killed, default 20
  --seed <n>          of the images and of the moments, default 0
  --layout <name>     ilsvrc (default): archives, prepared first by convtape data prepare; folders: class folders, read as they are
  --out <folder>      where all of it goes, kept afterwards; default: a temporary folder, removed
  --command <text>    how the command line is run, default: node dist/cli/main.js
`;

const { values: options } = parseArgs({
  options: {
    classes: { type: 'string', default: '1000' },
    images: { type: 'string', default: '3000' },
    model: { type: 'string', default: 'alexnet' },
    batch: { type: 'string', default: '16' },
    steps: { type: 'string', default: '12' },
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: '0' },
    layout: { type: 'string', default: 'ilsvrc' },
    out: { type: 'string' },
    command: { type: 'string', default: 'node dist/cli/main.js' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const root = fileURLToPath(new URL('..', import.meta.url));
const number = (name) => {
  const n = Number(options[name]);
  if (!Number.isSafeInteger(n) || n < (name === 'kills' || name === 'seed' ? 0 : 1))
    fail(`--${name}: expected a whole number, got '${options[name]}'`, 2);
  return n;
};
const [classes, images, batch, steps, kills] = ['classes', 'images', 'batch', 'steps', 'kills'].map(number);
if (options.layout !== 'ilsvrc' && options.layout !== 'folders')
  fail(`--layout: expected ilsvrc or folders, got '${options.layout}'`, 2);
if (images < classes) fail(`--images: expected one a class and more, ${classes}, got ${images}`, 2);

function fail(message, status = 1) {
  process.stderr.write(`rehearse: ${message}\n`);
  process.exit(status);
}

const say = (text) => process.stdout.write(`${text}\n`);

// mulberry32: the same images and moments for the same seed.
let state = number('seed') >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const between = (low, high) => low + Math.floor(random() * (high - low + 1));

// ── the images ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

const stamps = await (async () => {
  const { gunzipSync } = await import('node:zlib');
  const folder = join(root, 'data', 'fashion-mnist-sample');
  const name = readdirSync(folder).find((file) => /^train-images/.test(file));
  const file = readFileSync(join(folder, name));
  const bytes = name.endsWith('.gz') ? gunzipSync(file) : file;
  return { count: bytes.readUInt32BE(4), pixels: (i) => bytes.subarray(16 + i * 784, 16 + (i + 1) * 784) };
})();

const oddities = ['cmyk', 'grey', 'turned', 'png', 'cut short'];

/** A picture of a class: a piece of clothing, as large and as coloured as chance has it. @param oddity one of the set's own, or undefined */
async function picture(label, oddity) {
  const stamp = stamps.pixels((label * 7 + between(0, 6)) % stamps.count);
  const [width, height] = [between(260, 420), between(260, 420)];
  const tint = { r: 60 + ((label * 37) % 196), g: 60 + ((label * 91) % 196), b: 60 + ((label * 53) % 196) };
  const grey = sharp(stamp, { raw: { width: 28, height: 28, channels: 1 } }).resize(width, height, { fit: 'fill' });
  if (oddity === 'grey') return grey.toColourspace('b-w').jpeg({ quality: 80 }).toBuffer();
  const coloured = sharp(await grey.png().toBuffer()).tint(tint);
  switch (oddity) {
    case 'cmyk':
      return coloured.toColourspace('cmyk').jpeg({ quality: 80 }).toBuffer();
    case 'turned':
      return coloured.jpeg({ quality: 80 }).withMetadata({ orientation: 6 }).toBuffer();
    case 'png':
      return coloured.png().toBuffer();
    case 'cut short':
      return (await coloured.jpeg({ quality: 80 }).toBuffer()).subarray(0, 40);
    default:
      return coloured.jpeg({ quality: 80 }).toBuffer();
  }
}

/** One file of a tar archive (POSIX ustar). */
function tarEntry(name, content, type = '0', link = '') {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((a, b) => a + b, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const end = Buffer.alloc(1024);
const wnid = (label) => `n${String(1_000_000 + label * 137).padStart(8, '0')}`;
const nameOf = (label) => `thing ${label}`;
const split = (total) =>
  Array.from({ length: classes }, (_, c) => Math.floor(total / classes) + (c < total % classes ? 1 : 0));

/** The tree in `folder`; gives the arguments of `data prepare`, or the `--data` of class folders. */
async function makeTree(folder) {
  mkdirSync(folder, { recursive: true });
  const perClass = split(images);
  const validation = split(Math.max(classes, Math.floor(images / 3)));
  let made = 0;
  const next = async (label) => {
    const odd = made % 40 < oddities.length ? oddities[made % 40] : undefined;
    made++;
    return picture(label, odd);
  };
  if (options.layout === 'folders') {
    for (const [name, counts] of [
      ['train', perClass],
      ['val', validation],
    ])
      for (let label = 0; label < classes; label++) {
        const of = join(folder, name, wnid(label));
        mkdirSync(of, { recursive: true });
        for (let i = 0; i < counts[label]; i++) writeFileSync(join(of, `${wnid(label)}_${i}.JPEG`), await next(label));
      }
    return { made };
  }
  const train = openSync(join(folder, 'ILSVRC2012_img_train.tar'), 'w');
  for (let label = 0; label < classes; label++) {
    const parts = [];
    for (let i = 0; i < perClass[label]; i++) parts.push(tarEntry(`${wnid(label)}_${i}.JPEG`, await next(label)));
    if (label === 0) parts.push(tarEntry('link.JPEG', Buffer.alloc(0), '2', '/etc/passwd'));
    if (label === 1) parts.push(tarEntry('../../outside.JPEG', await picture(1)));
    writeSync(train, tarEntry(`${wnid(label)}.tar`, Buffer.concat([...parts, end])));
  }
  writeSync(train, end);
  closeSync(train);
  const order = validation.flatMap((count, label) => Array(count).fill(label));
  for (let i = order.length - 1; i > 0; i--) {
    const j = between(0, i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  const flat = openSync(join(folder, 'ILSVRC2012_img_val.tar'), 'w');
  for (const [i, label] of order.entries())
    writeSync(flat, tarEntry(`ILSVRC2012_val_${String(i + 1).padStart(8, '0')}.JPEG`, await next(label)));
  writeSync(flat, end);
  closeSync(flat);
  const lines = (n, text) => `${Array.from({ length: n }, (_, i) => text(i)).join('\n')}\n`;
  writeFileSync(
    join(folder, 'classes.txt'),
    lines(classes, (label) => `${label + 1} ${wnid(label)} ${nameOf(label)}`),
  );
  writeFileSync(
    join(folder, 'truth.txt'),
    lines(order.length, (i) => order[i] + 1),
  );
  return { made };
}

// ── the run ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Runs the command line. @param kill kill it so many milliseconds after so many lines of what it writes to standard error */
function convtape(args, kill) {
  const [program, ...before] = options.command.split(' ');
  return new Promise((resolve) => {
    const child = spawn(program, [...before, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err, timer] = ['', '', null];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      err += text;
      if (kill && !timer && err.split('\n').length > kill.lines)
        timer = setTimeout(() => child.kill('SIGKILL'), kill.delay);
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, out, err });
    });
  });
}

async function must(args) {
  const result = await convtape(args);
  if (result.status !== 0)
    fail(`convtape ${args.join(' ')} ended with ${result.status ?? result.signal}:\n${result.err}${result.out}`);
  return result;
}

/** Reads a checkpoint by the format's own description. @returns the step, or null where there is none. Ends the rehearsal where it is torn. */
function checkpointStep(path) {
  if (!existsSync(path)) return null;
  const file = readFileSync(path);
  const length = file.length >= 8 ? Number(file.readBigUInt64LE(0)) : Number.POSITIVE_INFINITY;
  if (8 + length > file.length) fail(`${path} is torn: its header is cut short`);
  const { __metadata__: metadata, ...tensors } = JSON.parse(file.toString('utf8', 8, 8 + length));
  const last = Math.max(...Object.values(tensors).map((t) => t.data_offsets[1]));
  if (file.length !== 8 + length + last) fail(`${path} is torn: ${file.length} bytes, expected ${8 + length + last}`);
  return Number(metadata.step);
}

const digest = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');
const checkpoints = (run) => [
  join(run, 'checkpoint.safetensors'),
  join(run, 'best.safetensors'),
  ...(existsSync(join(run, 'checkpoints'))
    ? readdirSync(join(run, 'checkpoints'))
        .filter((f) => !f.startsWith('.'))
        .map((f) => join(run, 'checkpoints', f))
    : []),
];
/** What a run logged, but for what hangs on the clock. */
const logged = (run) =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((text) => {
      const { imagesPerSecond: _, dataWait: __, memory: ___, ...line } = JSON.parse(text);
      return JSON.stringify(line);
    })
    .join('\n');

const out = options.out ?? mkdtempSync(join(tmpdir(), 'convtape-rehearsal-'));
process.on('exit', () => options.out ?? rmSync(out, { recursive: true, force: true }));
if (options.out && existsSync(out) && readdirSync(out).length > 0) fail(`${out} is not empty`, 2);

const tree = join(out, 'tree');
const { made } = await makeTree(tree);
say(`${made} images in ${classes} classes, with ${oddities.join(', ')} among them`);
let data = `folder:${tree}`;
if (options.layout === 'ilsvrc') {
  const set = join(out, 'set');
  const small = options.model === 'alexnet-small' ? ['--size', '32'] : [];
  const given = [
    '--layout',
    'ilsvrc',
    '--classes',
    join(tree, 'classes.txt'),
    '--truth',
    join(tree, 'truth.txt'),
    ...small,
  ];
  const before = readdirSync(out).sort().join();
  await must(['data', 'prepare', tree, set, ...given]);
  const outside = readdirSync(out)
    .filter((name) => name !== 'set')
    .sort()
    .join();
  if (outside !== before) fail(`preparing wrote outside its folder: there is ${outside} now, and was ${before}`);
  data = `shards:${set}`;
  say(`prepared: ${readdirSync(set).length} files in ${set}`);
}

const passes = Math.ceil((steps * batch) / images);
const recipe = [
  ...['--data', data, '--model', options.model, '--batch', String(batch), '--epochs', String(passes), '--lr', '0.001'],
  ...[
    '--set',
    `trainLimit=${Math.min(images, Math.ceil(steps / passes) * batch)}`,
    `testLimit=${2 * batch}`,
    'checkpointSteps=1',
  ],
  ...['checkpointKeep=2', 'logSteps=1', 'schedule=constant'],
];
const whole = join(out, 'whole');
const begun = performance.now();
await must(['train', ...recipe, '--out', whole]);
const time = performance.now() - begun;
const total = checkpointStep(join(whole, 'checkpoint.safetensors'));
say(`${total} steps of ${options.model} without a pause: ${(time / 1000).toFixed(1)} s`);

const killed = join(out, 'killed');
const resume = ['train', ...recipe, '--out', killed, '--resume'];

/** The run in `killed`, which came to its end, against the one that nobody stopped. */
function compare() {
  for (const name of ['checkpoint.safetensors', 'best.safetensors'])
    if (digest(join(whole, name)) !== digest(join(killed, name)))
      fail(`${name} of the killed run has other bits than that of the whole one`);
  if (logged(whole) !== logged(killed))
    fail('metrics.jsonl of the killed run says something else than that of the whole one');
  const left = readdirSync(killed).filter((name) => name.endsWith('.tmp'));
  if (left.length > 0) fail(`the killed run left ${left.join(', ')}`);
}

let reached = 0;
let ends = 0;
for (let done = 0, session = 1; done < kills; session++) {
  if (session > 3 * kills + 10) fail(`only ${done} of ${session - 1} sessions could be killed`);
  // Anywhere: while the run is read in, in a step, an evaluation, a checkpoint's way to the disk.
  const kill = { lines: between(1, 4 + Math.max(1, total - reached)), delay: (1.5 * random() * time) / total };
  const result = await convtape(resume, kill);
  if (result.signal !== 'SIGKILL' && result.status !== 0)
    fail(`session ${session} ended with ${result.status}:\n${result.err}`);
  const step = checkpoints(killed).map(checkpointStep)[0] ?? 0;
  if (step < reached)
    fail(`session ${session}: the checkpoint of step ${reached} is gone, there is one of step ${step}`);
  reached = step;
  say(`session ${session}: ${result.signal ? 'killed' : 'came to its end'}, checkpoint of step ${step}`);
  if (result.signal) done++;
  else {
    // Once more from the beginning, as long as there are kills to come.
    compare();
    ends++;
    reached = 0;
    rmSync(killed, { recursive: true });
  }
}
await must(resume);
compare();
say(`killed ${kills} times, ${ends + 1} times at the end: no torn file, and the bits of the run that nobody stopped`);

// Class folders call the images of val/ the test's, where there are no others.
const which = options.layout === 'folders' ? 'test' : 'validation';
const few = ['--split', which, '--limit', String(2 * batch)];
const evaluated = JSON.parse((await must(['eval', killed, ...few, '--ten-crop', '--json'])).out);
if (evaluated.classes !== classes || !(evaluated.top1 >= 0 && evaluated.top1 <= 1))
  fail(`eval gave ${JSON.stringify(evaluated)}`);
say(`ten crops of ${evaluated.images} images: top-1 error ${(100 * evaluated.top1).toFixed(1)}%; done`);
