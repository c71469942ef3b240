import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { fetchFashionMnist, Loader } from '../../data';
import { cacheFolder } from '../../data/fashion_mnist';
import { archiveSets, fetchArchive } from '../../data/fetch_archive';
import { prepareSet } from '../../data/prepare/prepare';
import { Stopped } from '../../data/prepare/shard_job';
import { type Layout, layouts } from '../../data/prepare/sources';
import { openShards, readSet, type ShardSet } from '../../data/shards';
import { Interrupted } from '../errors';
import { bytes, duration, type Io, Progress, table } from '../io';
import { wholeNumber } from '../options';
import { interruptible } from '../signals';

const fetchable = ['fashion-mnist', 'cifar10', 'imagenette'] as const;
type Fetchable = (typeof fetchable)[number];

interface PrepareArguments {
  layout: Layout | 'auto';
  size: number;
  encoding: 'raw' | 'jpeg';
  quality: number;
  shardImages: number;
  maxPixels: number;
  workers?: number;
  classes?: string;
  truth?: string;
  json?: boolean;
}

export function dataCommand(program: Command, io: Io): void {
  const data = program.command('data').description('prepare, inspect and download sets of images');
  data
    .command('prepare')
    .description(
      'scale and cut images once, into shards that a training run reads fast; from the archives of ILSVRC, class folders, or WebDataset. Run again after a stop, it goes on',
    )
    .argument('<src>', 'a folder or an archive')
    .argument('<out>', 'the set’s folder')
    .addOption(new Option('--layout <name>', 'how SRC is laid out').choices(['auto', ...layouts]).default('auto'))
    .option('--size <n>', 'height and width of the stored images', wholeNumber, 256)
    .addOption(new Option('--encoding <name>', 'how they are stored').choices(['jpeg', 'raw']).default('jpeg'))
    .option('--quality <n>', 'of JPEG, 1 to 100', quality, 95)
    .option('--shard-images <n>', 'images a shard', wholeNumber, 2048)
    .option('--max-pixels <n>', 'an image that would unfold to more is skipped', wholeNumber, 1e8)
    .option('--workers <n>', 'processes (default: one a core)', wholeNumber)
    .option('--classes <file>', 'the classes: WNID NAME, or NUMBER WNID NAME, a line each')
    .option('--truth <file>', 'class numbers of the flat validation images, one a line')
    .option('--json', 'print one JSON object')
    .action(async (src: string, out: string, options: PrepareArguments) => {
      const set = await prepare(io, src, out, options);
      io.out(options.json ? `${JSON.stringify(summary(out, set))}\n` : text(out, set));
    });
  data
    .command('inspect')
    .description('what a prepared set holds')
    .argument('<set>', 'the set’s folder')
    .option('--read', 'also read and check every image, as a training run does, and say how long that takes')
    .option('--json', 'print one JSON object')
    .action(async (dir: string, options: { read?: boolean; json?: boolean }) => {
      const set = await readSet(dir);
      const read = options.read ? await readAll(io, dir) : undefined;
      const rate = read
        ? `read ${read.images} images: ${read.imagesPerSecond.toFixed(0)} images/s, ${read.processorMilliseconds.toFixed(2)} ms of processor time an image\n`
        : '';
      io.out(
        options.json
          ? `${JSON.stringify({ ...summary(dir, set), ...(read && { read }) })}\n`
          : `${text(dir, set)}${rate}`,
      );
    });
  data
    .command('fetch')
    .description('download a small set, checked by its SHA-256; run again after a stop, it goes on')
    .addArgument(new Argument('<name>', 'which one').choices(fetchable))
    .argument('[dir]', 'where to (default: ~/.cache/convtape)')
    .option('--json', 'print one JSON object')
    .action(async (name: Fetchable, dir: string | undefined, options: { json?: boolean }) => {
      const data = await fetchSet(io, name, dir);
      io.out(options.json ? `${JSON.stringify({ name, data })}\n` : `use it with --data ${data}\n`);
    });
}

function quality(value: string): number {
  const n = wholeNumber(value);
  if (n > 100) throw new InvalidArgumentError('It must be from 1 to 100.');
  return n;
}

/** Lines between which nothing is said where progress cannot be redrawn. */
const QUIET_SECONDS = 10;

async function prepare(io: Io, src: string, out: string, options: PrepareArguments): Promise<ShardSet> {
  const progress = new Progress(io);
  const begun = performance.now();
  let said = begun;
  let started = false;
  const onProgress = (done: number, total: number, before: number) => {
    if (!started) progress.begin('preparing', total, done);
    started = true;
    const now = performance.now();
    const rate = (done - before) / ((now - begun) / 1000);
    const note = rate > 0 ? `${rate.toFixed(0)} images/s, ${duration((total - done) / rate)} left` : '';
    progress.update(done, note);
    if (io.terminal || now - said < QUIET_SECONDS * 1000) return;
    said = now;
    progress.line(`${done} of ${total} images, ${note}`);
  };
  const { layout, ...rest } = options;
  try {
    const { result, received } = await interruptible(io, 'stopping; finished shards are kept', (signal) =>
      prepareSet(src, out, {
        ...rest,
        layout: layout === 'auto' ? undefined : layout,
        signal,
        onProgress,
        onNote: (line) => progress.line(line),
      }).catch((error: unknown) => {
        if (error instanceof Stopped) return null;
        throw error;
      }),
    );
    if (result === null)
      throw new Interrupted('stopped; finished shards are kept: the same command goes on from there', received!);
    return result;
  } finally {
    progress.end();
  }
}

function summary(dir: string, set: ShardSet) {
  const size = Object.values(set.splits).reduce((sum, s) => sum + s.shards.reduce((b, f) => b + f.bytes, 0), 0);
  const sample = join(dir, 'sample.png');
  return { path: dir, bytes: size, ...(existsSync(sample) && { sample }), ...set };
}

const MOST_CLASSES = 20;

function text(dir: string, set: ShardSet): string {
  const names = Object.keys(set.splits) as (keyof ShardSet['splits'])[];
  const rows = names.map((name) => {
    const { images, shards, counts } = set.splits[name]!;
    const size = shards.reduce((sum, s) => sum + s.bytes, 0);
    return [name, images, shards.length, bytes(size), `${Math.min(...counts)} to ${Math.max(...counts)}`];
  });
  const classes = set.classes
    .slice(0, MOST_CLASSES)
    .map(({ wnid, name }, i) => [wnid, name, ...names.map((split) => set.splits[split]!.counts[i]!)]);
  const more = set.classes.length - MOST_CLASSES;
  const numbers = (values: readonly number[]) => values.map((v) => v.toFixed(2)).join(', ');
  return [
    `${dir}: images of ${set.height}×${set.width}, ${set.encoding === 'jpeg' ? `JPEG of quality ${set.quality}` : 'raw'}, ${set.classes.length} classes, from ${set.source} (${set.layout})\n\n`,
    table(['split', 'images', 'shards', 'size', 'images a class'], rows),
    '\n',
    table(['class', 'name', ...names], classes),
    more > 0 ? `… and ${more} more (--json has them all)\n` : '',
    `\nmean of the colours: ${numbers(set.channelMeans)}; standard deviations along their principal components: ${numbers(set.deviations)}\n`,
    set.skipped > 0 ? `${set.skipped} images skipped; ${join(dir, 'skipped.txt')} says which and why\n` : '',
    existsSync(join(dir, 'sample.png')) ? `a sample to look at: ${join(dir, 'sample.png')}\n` : '',
  ].join('');
}

/** Downloads; returns what `--data` takes. */
async function fetchSet(io: Io, name: Fetchable, dir = cacheFolder()): Promise<string> {
  const progress = new Progress(io);
  const log = (line: string) => progress.line(line);
  if (name === 'fashion-mnist') {
    const folder = join(dir, 'fashion-mnist');
    await fetchFashionMnist(folder, { log });
    return `fashion-mnist:${folder}`;
  }
  try {
    const set = archiveSets[name];
    progress.begin('downloading', set.bytes);
    const { result, received } = await interruptible(io, 'stopping; what has come is kept', (signal) =>
      fetchArchive(set, dir, { log, signal, progress: (done) => progress.update(done) }).catch((error: unknown) => {
        if (signal.aborted) return null;
        throw error;
      }),
    );
    if (result === null) throw new Interrupted('stopped; what has come is kept: the same command goes on', received!);
    return `${name === 'cifar10' ? 'cifar10' : 'folder'}:${result}`;
  } finally {
    progress.end();
  }
}

/** Every image of a set once, in the order of a training run, up to where a device would take over. */
async function readAll(io: Io, dir: string) {
  const progress = new Progress(io);
  const data = await openShards(dir, (line) => progress.line(line));
  const splits = [...new Set([data.train, data.validation ?? data.test, data.test])];
  const total = splits.reduce((sum, split) => sum + split.length, 0);
  progress.begin('reading', total);
  const begun = performance.now();
  const before = process.cpuUsage();
  let images = 0;
  try {
    for (const split of splits) {
      const loader = new Loader(data, split, { batch: 128, shuffle: true, view: 'random', views: 'device' });
      for await (const batch of loader.epoch(0)) {
        images += batch.count;
        progress.update(images);
      }
    }
  } finally {
    progress.end();
  }
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { images, seconds, imagesPerSecond: images / seconds, processorMilliseconds: (user + system) / 1000 / images };
}
