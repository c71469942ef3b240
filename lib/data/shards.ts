// A prepared set: a folder of shards with set.json, as `convtape data prepare` writes it.
import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { addon } from '../native/addon';
import { reasonOf } from '../util/atomic_write';
import { DataError, type Dataset, type Split } from './dataset';
import { decodeStored } from './images';
import { permutation } from './order';
import { ShardFile, type ShardIndex, type ShardShape } from './shard_file';

const whole = z.number().int().nonnegative();

const splitSchema = z.strictObject({
  images: whole,
  /** Images of each class. */
  counts: z.array(whole),
  shards: z.array(z.strictObject({ file: z.string().regex(/^[\w.-]+$/), images: whole, bytes: whole })),
});

const setSchema = z.strictObject({
  format: z.literal('convtape-shards'),
  version: z.literal(1),
  source: z.string(),
  layout: z.string(),
  encoding: z.enum(['raw', 'jpeg']),
  /** Of JPEG records, 1 to 100. */
  quality: z.number().nullable(),
  channels: whole.min(1),
  height: whole.min(1),
  width: whole.min(1),
  /** In the order of the labels. `wnid`: WordNet's number, or the name of the class's folder. */
  classes: z.array(z.strictObject({ wnid: z.string(), name: z.string() })).min(1),
  splits: z.strictObject({ train: splitSchema, val: splitSchema.optional(), test: splitSchema.optional() }),
  /** Of the training images: a mean a pixel as little-endian float32 in a file of its own, and its checksum (CRC-32C). */
  mean: z.strictObject({ file: z.string().regex(/^[\w.-]+$/), crc32c: whole }),
  channelMeans: z.array(z.number()),
  /** Of the colours of the training images' pixels, in the units of the bytes squared. */
  covariance: z.array(z.array(z.number())),
  /** Orthonormal, of falling deviation. */
  eigenvectors: z.array(z.array(z.number())),
  /** Square roots of the eigenvalues. */
  deviations: z.array(z.number()),
  /** Images that could not be read; skipped.txt names them. */
  skipped: whole,
});

export type ShardSet = z.infer<typeof setSchema>;
export const splitNames = ['train', 'val', 'test'] as const;
export type ShardSplitName = (typeof splitNames)[number];

/** @throws DataError in one line where the folder holds no finished set, or set.json is not as it should be */
export async function readSet(dir: string): Promise<ShardSet> {
  const path = join(dir, 'set.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DataError(
      missing
        ? `${dir} holds no prepared set (there is no set.json): make one with convtape data prepare SRC ${dir}`
        : `${path} cannot be read: ${reasonOf(error)}`,
      { cause: error },
    );
  }
  let set: ShardSet;
  try {
    const result = setSchema.safeParse(JSON.parse(text));
    if (!result.success) {
      const { path: keys, message } = result.error.issues[0]!;
      throw new DataError(`${path}: ${keys.join('.') || 'the whole'}: ${message}`);
    }
    set = result.data;
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path} is damaged: ${reasonOf(error)}`, { cause: error });
  }
  for (const split of Object.values(set.splits)) {
    const counted = split.counts.reduce((sum, n) => sum + n, 0);
    const held = split.shards.reduce((sum, s) => sum + s.images, 0);
    if (counted !== split.images || held !== split.images || split.counts.length !== set.classes.length)
      throw new DataError(`${path} contradicts itself: ${split.images} images, ${counted} by class, ${held} in shards`);
  }
  return set;
}

/**
 * Opens the set in `dir`. Where it has validation images and no test images, they serve as both.
 * Images are in a mixed order, the same on every machine, so that the first n are of all classes.
 * @throws DataError in one line
 */
export async function openShards(dir: string, log?: (line: string) => void): Promise<Dataset> {
  const set = await readSet(dir);
  const mean = await readMean(dir, set);
  const open = (name: ShardSplitName, own?: Float32Array) => {
    const split = set.splits[name];
    return split && split.images > 0 ? new ShardSplit(dir, set, split.shards, own) : undefined;
  };
  const train = open('train', mean);
  if (!train) throw new DataError(`${dir} holds no training images`);
  const validation = open('val');
  const test = open('test') ?? validation;
  if (!test) throw new DataError(`${dir} holds no images to test on`);
  const notices =
    set.encoding === 'jpeg' && !addon.build.jpeg
      ? ['shards: this build decodes JPEG by sharp, several times slower than by libjpeg-turbo (docs/data.md)']
      : [];
  for (const notice of notices) log?.(notice);
  const { channels, height, width, eigenvectors: vectors, deviations } = set;
  return {
    name: `shards:${dir}`,
    classes: set.classes.map((c) => c.name),
    channels,
    height,
    width,
    train,
    test,
    ...(validation && { validation }),
    ...(channels === 3 && { colours: { vectors, deviations } }),
    notices,
  };
}

export async function readMean(dir: string, set: ShardSet): Promise<Float32Array> {
  const path = join(dir, set.mean.file);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new DataError(`${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  const mean = new Float32Array(set.channels * set.height * set.width);
  if (bytes.length !== mean.byteLength || addon.crc32c(bytes) !== set.mean.crc32c)
    throw new DataError(
      `${path} is damaged: expected ${mean.byteLength} bytes with checksum ${set.mean.crc32c}, got ${bytes.length}`,
    );
  new Uint8Array(mean.buffer).set(bytes);
  return mean;
}

/** Closes the files of a split that nothing refers to any more. */
const abandoned = new FinalizationRegistry<readonly number[]>((descriptors) => {
  for (const descriptor of descriptors) closeSync(descriptor);
});

class ShardSplit implements Split {
  readonly length: number;
  readonly #files: ShardFile[] = [];
  readonly #indices: ShardIndex[] = [];
  /** Image i is record `#record[i]` of shard `#shard[i]`. */
  readonly #shard: Int32Array;
  readonly #record: Int32Array;

  constructor(
    dir: string,
    private readonly shape: ShardShape & { classes: readonly unknown[] },
    shards: ShardSet['splits']['train']['shards'],
    readonly mean: Float32Array | undefined,
  ) {
    this.length = shards.reduce((sum, s) => sum + s.images, 0);
    this.#shard = new Int32Array(this.length);
    this.#record = new Int32Array(this.length);
    const place = permutation(this.length, 0, 0);
    let next = 0;
    try {
      for (const [s, { file, images }] of shards.entries()) {
        const shard = ShardFile.open(join(dir, file));
        this.#files.push(shard);
        this.#indices.push(this.#check(shard, images));
        for (let r = 0; r < images; r++, next++) {
          this.#shard[place[next]!] = s;
          this.#record[place[next]!] = r;
        }
      }
    } catch (error) {
      for (const shard of this.#files) shard.close();
      throw error;
    }
    abandoned.register(
      this,
      this.#files.map((shard) => shard.descriptor),
    );
  }

  #check(shard: ShardFile, images: number): ShardIndex {
    for (const key of ['encoding', 'channels', 'height', 'width'] as const)
      if (shard.shape[key] !== this.shape[key])
        throw new DataError(
          `${shard.path}: ${key} is ${shard.shape[key]}, set.json says ${this.shape[key]}: the file is of another set`,
        );
    if (shard.count !== images)
      throw new DataError(`${shard.path} holds ${shard.count} images, set.json says ${images}`);
    const index = shard.index();
    const wrong = index.labels.findIndex((label) => !(label >= 0 && label < this.shape.classes.length));
    if (wrong >= 0)
      throw new DataError(
        `${shard.path}: expected labels from 0 to ${this.shape.classes.length - 1}, got ${index.labels[wrong]} at record ${wrong}`,
      );
    return index;
  }

  label(i: number): number {
    return this.#indices[this.#shard[i]!]!.labels[this.#record[i]!]!;
  }

  source(i: number): string {
    return this.#indices[this.#shard[i]!]!.name(this.#record[i]!);
  }

  async pixels(i: number): Promise<Uint8Array> {
    const { channels, height, width } = this.shape;
    const out = new Uint8Array(channels * height * width);
    await this.readInto([i], out);
    return out;
  }

  async readInto(images: ArrayLike<number>, out: Uint8Array): Promise<void> {
    if (this.shape.encoding === 'jpeg' && !addon.build.jpeg) return this.#bySharp(images, out);
    const n = images.length;
    const files = new Int32Array(n);
    const offsets = new Float64Array(n);
    const lengths = new Uint32Array(n);
    const checksums = new Uint32Array(n);
    for (let k = 0; k < n; k++) {
      const shard = this.#shard[images[k]!]!;
      const record = this.#record[images[k]!]!;
      const index = this.#indices[shard]!;
      files[k] = this.#files[shard]!.descriptor;
      offsets[k] = index.offsets[record]!;
      lengths[k] = index.lengths[record]!;
      checksums[k] = index.checksums[record]!;
    }
    const { encoding, channels, height, width } = this.shape;
    try {
      await addon.readRecords(files, offsets, lengths, checksums, encoding === 'jpeg', channels, height, width, out);
    } catch (error) {
      const [, place, text] = /^(\d+): (.*)$/s.exec((error as Error).message) ?? [];
      if (place === undefined) throw error;
      throw this.#fault(images[Number(place)]!, text!, error);
    }
  }

  async #bySharp(images: ArrayLike<number>, out: Uint8Array): Promise<void> {
    const { height, width } = this.shape;
    const size = 3 * height * width;
    const decode = async (k: number) => {
      const i = images[k]!;
      const shard = this.#shard[i]!;
      const stored = this.#files[shard]!.record(this.#indices[shard]!, this.#record[i]!);
      try {
        out.set(await decodeStored(stored, height, width), k * size);
      } catch (error) {
        throw this.#fault(i, reasonOf(error), error);
      }
    };
    await Promise.all(Array.from({ length: images.length }, (_, k) => decode(k)));
  }

  #fault(i: number, text: string, cause: unknown): DataError {
    const { path } = this.#files[this.#shard[i]!]!;
    return new DataError(`${path}, record ${this.#record[i]} (${this.source(i)}): ${text}`, { cause });
  }
}
