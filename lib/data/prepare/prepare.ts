// A prepared set from archives or folders of images. See docs/data.md.
import { createReadStream, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { addon } from '../../native/addon';
import { atomicWrite, isFull, reasonOf, writeAll } from '../../util/atomic_write';
import { makeFolder } from '../../util/make_folder';
import { checkWhole } from '../arguments';
import { DataError } from '../dataset';
import { ShardFile, type ShardStatistics } from '../shard_file';
import { openShards, readSet, type ShardSet, type ShardSplitName, splitNames } from '../shards';
import { takeLock } from './lock';
import { jobDigest, type ShardJob, type ShardSettings, type SourceImage, Stopped } from './shard_job';
import { sampleSheet } from './sheet';
import { findSources, type Layout, type Sources } from './sources';
import { setStatistics } from './statistics';
import { makeShards } from './workers';

export interface PrepareOptions {
  layout?: Layout | undefined;
  /** Height and width of the stored images. Default 256. */
  size?: number;
  encoding?: 'raw' | 'jpeg';
  /** Of JPEG, 1 to 100. Default 95. */
  quality?: number;
  /** Images a shard. Default 2048. */
  shardImages?: number;
  /** The most pixels an image may unfold to. Default 100 million. */
  maxPixels?: number;
  /** Processes. Default: one a core. */
  workers?: number;
  classes?: string | undefined;
  truth?: string | undefined;
  signal?: AbortSignal;
  onNote?: (text: string) => void;
  /** Images done, of how many; in shards finished before are counted in both. */
  onProgress?: (done: number, total: number, before: number) => void;
  /** @internal */
  execArgv?: readonly string[];
}

/**
 * Prepares the images of `src` in the folder `out`. Begun again after whatever ended it, it goes on behind the last finished shard; what it
 * gives depends neither on that nor on the number of workers.
 * @returns what set.json says
 * @throws DataError in one line; {@link Stopped} where the signal came first
 */
export async function prepareSet(src: string, out: string, options: PrepareOptions = {}): Promise<ShardSet> {
  const settings = settingsOf(options);
  let release = () => {};
  try {
    outputFolder(out);
    release = takeLock(out);
    const sources = await usableSources(src, out, options);
    const plan = planOf(sources, settings, options.shardImages ?? 2048);
    await keepPlan(out, plan, sources);
    const finished = await make(out, plan, settings, options);
    const set = await conclude(src, out, sources, settings, plan, finished);
    removeUnpacked(out);
    return set;
  } catch (error) {
    // What failed while shards were made says more of itself already.
    if (!isFull(error) || (error as Error).message.endsWith(GOES_ON)) throw error;
    throw new DataError(`${(error as Error).message}; ${MAKE_ROOM}${GOES_ON}`, { cause: error });
  } finally {
    release();
  }
}

function outputFolder(path: string): void {
  try {
    makeFolder(path);
  } catch (error) {
    throw new DataError(`cannot make the folder ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

const MAKE_ROOM = 'make room there, then ';
const GOES_ON = 'the same command goes on from there';

function settingsOf(options: PrepareOptions): ShardSettings {
  const { size = 256, encoding = 'jpeg', quality = 95, maxPixels = 1e8, shardImages = 2048, workers = 1 } = options;
  const within = (name: string, value: number, most: number) => checkWhole('prepare', name, value, 1, most);
  within('size', size, 4096);
  within('quality', quality, 100);
  within('maxPixels', maxPixels, 2 ** 40);
  // sums of a shard's bytes fit 32 bits
  within('shardImages', shardImages, 2 ** 20);
  within('workers', workers, 1024);
  return { size, encoding, quality, maxPixels };
}

// ── the plan ────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Plan = readonly { readonly split: ShardSplitName; readonly job: ShardJob }[];

function planOf({ images }: Sources, settings: ShardSettings, each: number): Plan {
  return splitNames.flatMap((split) => {
    const list: readonly SourceImage[] = images[split] ?? [];
    return Array.from({ length: Math.ceil(list.length / each) }, (_, i) => {
      const part = list.slice(i * each, (i + 1) * each);
      const file = `${split}-${String(i).padStart(5, '0')}.shard`;
      return { split, job: { file, images: part, digest: jobDigest(part, settings) } };
    });
  });
}

/** Refuses to mix the shards of two preparations in one folder. */
async function keepPlan(out: string, plan: Plan, { layout, classes }: Sources): Promise<void> {
  const path = join(out, 'plan.json');
  const images = plan.reduce((sum, { job }) => sum + job.images.length, 0);
  const jobs = Object.fromEntries(plan.map(({ job }) => [job.file, job.digest]));
  const text = `${JSON.stringify({ layout, images, classes: classes.map((c) => c.wnid), jobs })}\n`;
  if (existsSync(path)) {
    if (readFileSync(path, 'utf8') === text) return;
    throw new DataError(
      `${out} was begun with other images or settings (${path}); give the same ones again, another folder, or remove this one`,
    );
  }
  const there = (await readdir(out)).filter((name) => !name.startsWith('.') && name !== 'prepare.lock');
  if (there.length > 0)
    throw new DataError(`${out} holds something else (${there[0]}): a set is prepared in a folder of its own`);
  await write(path, Buffer.from(text));
}

const write = (path: string, bytes: Uint8Array): Promise<void> =>
  atomicWrite(path, (file) => writeAll(file, bytes)).catch((error: Error) => {
    throw new DataError(error.message, { cause: error });
  });

const UNPACKED = '.unpacked';
/** Pictures are compressed already: with a tar's headers and padding small ones come to some ten times their size. */
const UNPACKED_RATIO = 50;
const UNPACKED_SLACK = 64 << 20;

const removeUnpacked = (out: string): void => rmSync(join(out, UNPACKED), { recursive: true, force: true });

/** Leaves nothing unpacked of what cannot be prepared. */
async function usableSources(src: string, out: string, options: PrepareOptions): Promise<Sources> {
  const { layout, classes, truth, onNote } = options;
  try {
    const sources = await findSources(src, {
      layout,
      classes,
      truth,
      unpack: (archive) => unpack(archive, out, onNote),
    });
    if (!sources.images.val?.length && !sources.images.test?.length)
      throw new DataError(`${src} holds too few images to keep some for testing`);
    return sources;
  } catch (error) {
    removeUnpacked(out);
    throw error;
  }
}

/** A compressed archive cannot be read by position; a plain copy of it lies in the set's folder until the set is whole. */
async function unpack(archive: string, out: string, note?: (text: string) => void): Promise<string> {
  const folder = join(out, UNPACKED);
  outputFolder(folder);
  const path = join(folder, `${Buffer.from(archive).toString('base64url').slice(-60)}-${basename(archive)}.tar`);
  if (existsSync(path)) return path;
  const most = UNPACKED_SLACK + UNPACKED_RATIO * statSync(archive).size;
  const tooLarge =
    `${archive} unpacks to more than ${most} bytes, ${UNPACKED_RATIO} times its size and 64 MiB: ` +
    'no archive of pictures does; if it is right, unpack it and give the .tar';
  note?.(`unpacking ${archive}`);
  try {
    await atomicWrite(path, async (file) => {
      const input = createReadStream(archive);
      const plain = createGunzip();
      input.on('error', (error) => plain.destroy(error));
      let bytes = 0;
      for await (const part of input.pipe(plain)) {
        bytes += (part as Uint8Array).length;
        if (bytes > most) throw new DataError(tooLarge);
        await writeAll(file, part as Uint8Array);
      }
    });
  } catch (error) {
    const { cause } = error as Error;
    if (cause instanceof DataError) throw cause;
    const broken = /^Z_/.test((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
    throw new DataError(broken ? `${archive} is not a sound gzip file: ${reasonOf(cause)}` : (error as Error).message, {
      cause: error,
    });
  }
  return path;
}

// ── the shards ──────────────────────────────────────────────────────────────────────────────────────────────────────────

type Finished = { images: number; bytes: number; statistics: ShardStatistics; counts: Map<number, number> };

/** What is in a finished shard; null where there is none, or one that is damaged or made from something else. */
function inspectShard(path: string, job: ShardJob): Finished | null {
  let shard: ShardFile | null = null;
  try {
    shard = ShardFile.open(path);
    const statistics = shard.statistics();
    if (statistics.job !== job.digest) return null;
    const counts = new Map<number, number>();
    for (const label of shard.index().labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    return { images: shard.count, bytes: shard.size, statistics, counts };
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  } finally {
    shard?.close();
  }
}

async function make(
  out: string,
  plan: Plan,
  settings: ShardSettings,
  options: PrepareOptions,
): Promise<Map<string, Finished>> {
  const finished = new Map<string, Finished>();
  const look = (job: ShardJob) => {
    const found = inspectShard(join(out, job.file), job);
    if (found) finished.set(job.file, found);
    return found !== null;
  };
  const total = plan.reduce((sum, { job }) => sum + job.images.length, 0);
  const left = plan.filter(({ job }) => !look(job)).map(({ job }) => job);
  const before = total - left.reduce((sum, job) => sum + job.images.length, 0);
  let done = before;
  if (finished.size > 0)
    options.onNote?.(`${finished.size} of ${plan.length} shards are finished already (${before} of ${total} images)`);
  options.onProgress?.(done, total, before);
  try {
    await makeShards(out, left, settings, {
      workers: options.workers ?? availableParallelism(),
      signal: options.signal ?? new AbortController().signal,
      onImages: (n) => {
        done += n;
        options.onProgress?.(done, total, before);
      },
      onShard: (job) => {
        if (!look(job)) throw new DataError(`${join(out, job.file)} was written and cannot be read back`);
      },
      onNote: (text) => options.onNote?.(text),
      execArgv: options.execArgv,
    });
  } catch (error) {
    if (error instanceof Stopped) throw error;
    const { message } = error as Error;
    const room = isFull(error) ? MAKE_ROOM : '';
    throw new DataError(
      `${message}; ${finished.size} of ${plan.length} shards are finished and kept: ${room}${GOES_ON}`,
      { cause: error },
    );
  }
  return finished;
}

// ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function conclude(
  src: string,
  out: string,
  { layout, classes, refused }: Sources,
  settings: ShardSettings,
  plan: Plan,
  finished: ReadonlyMap<string, Finished>,
): Promise<ShardSet> {
  const splits: Partial<ShardSet['splits']> = {};
  for (const name of splitNames) {
    const jobs = plan.filter(({ split }) => split === name).map(({ job }) => job);
    if (jobs.length === 0) continue;
    const counts = new Array<number>(classes.length).fill(0);
    const shards = jobs.map(({ file }) => {
      const { images, bytes, counts: own } = finished.get(file)!;
      for (const [label, n] of own) counts[label]! += n;
      return { file, images, bytes };
    });
    splits[name] = { images: shards.reduce((sum, s) => sum + s.images, 0), counts, shards };
  }
  const train = splits.train;
  const skipped = [...refused, ...plan.flatMap(({ job }) => finished.get(job.file)!.statistics.skipped)];
  await write(
    join(out, 'skipped.txt'),
    Buffer.from(skipped.map(({ name, reason }) => `${name}: ${reason}\n`.replace(/[\r\n]+(?=.)/g, ' ')).join('')),
  );
  if (!train || train.images === 0)
    throw new DataError(`none of the training images of ${src} could be read; ${join(out, 'skipped.txt')} says why`);
  const sums = train.shards.map(({ file }) => finished.get(file)!.statistics);
  const { mean, ...statistics } = setStatistics(sums, train.images, 3);
  const meanBytes = new Uint8Array(mean.buffer);
  await write(join(out, 'mean.f32'), meanBytes);
  const { size, encoding, quality } = settings;
  const set: ShardSet = {
    format: 'convtape-shards',
    version: 1,
    source: basename(src),
    layout,
    encoding,
    quality: encoding === 'jpeg' ? quality : null,
    channels: 3,
    height: size,
    width: size,
    classes: classes.map(({ wnid, name }) => ({ wnid, name })),
    splits: { ...splits, train },
    mean: { file: 'mean.f32', crc32c: addon.crc32c(meanBytes) },
    ...statistics,
    skipped: skipped.length,
  };
  await write(join(out, 'set.json'), Buffer.from(`${JSON.stringify(set, null, 1)}\n`));
  await write(join(out, 'sample.png'), await sampleSheet(await openShards(out)));
  return readSet(out);
}
