// The data pipeline: images a second that come out of a loader, and that a small net learns from with its loader at work.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Loader, type LoaderOptions, openDataset } from '../data';
import type { Dataset } from '../data/dataset';
import { sampleFolder } from '../data/fashion_mnist';
import { openFolder } from '../data/folder';
import { loadSharp } from '../data/images';
import { prepareSet } from '../data/prepare/prepare';
import { openShards } from '../data/shards';
import type { Device } from '../tensor/device';
import { batchImages } from '../train/input';
import type { Bench } from './bench';
import type { Check } from './measure';
import { NetBench } from './nets';
import { relativeError } from './stats';

export interface DataOptions {
  /** `--data`; the bundled sample of Fashion-MNIST where it is not given. */
  data?: string;
  batch: number;
  /** Where the small net learns: one device or two. */
  placement: readonly Device[];
}

export async function dataSuite(bench: Bench, { data, batch, placement }: DataOptions): Promise<void> {
  const small = await openDataset(data ?? `fashion-mnist:${sampleFolder()}`);
  await loaderCase(bench, `data/loader/${small.name}/${batch}`, small, batch);
  if (small.channels === 1 && small.height === 28) await epochCase(bench, small, batch, placement);
  if (data === undefined) await photographCases(bench, bench.quick ? 4 : 128, placement[0]!);
}

const loaderOf = (dataset: Dataset, batch: number, size?: number, options: Partial<LoaderOptions> = {}) =>
  new Loader(dataset, dataset.train, {
    batch,
    shuffle: true,
    view: 'random',
    last: 'drop',
    scale: 1 / 255,
    seed: 1,
    ...(size === undefined ? { pad: 2 } : { size }),
    ...options,
  });

/** One pass: shuffled, a random window of each image, mirrored half the time, scaled to floats. */
async function loaderCase(bench: Bench, id: string, dataset: Dataset, batch: number, size?: number): Promise<void> {
  const loader = loaderOf(dataset, Math.min(batch, dataset.train.length), size);
  let epoch = 0;
  await bench.time({
    id,
    images: loader.steps * loader.batch,
    devices: [],
    check: () => checkLoader(dataset, loader.batch, size),
    run: async () => {
      for await (const _ of loader.epoch(epoch));
      epoch++;
      return undefined;
    },
  });
}

/** The first batch, without randomness: the stored bytes, scaled. `device`: where the views are made; on the host if not given. */
async function checkLoader(dataset: Dataset, batch: number, size?: number, device?: Device): Promise<Check> {
  const views = device ? 'device' : 'host';
  const plain = new Loader(dataset, dataset.train, { batch, scale: 1 / 255, views, ...(size && { size }) });
  for await (const made of plain.epoch(0)) {
    const { indices } = made;
    using on = device && batchImages(plain, made, device);
    const images = on ? await on.data() : made.images;
    const [channels, height, width] = plain.shape;
    const top = Math.floor((dataset.height - height) / 2);
    const left = Math.floor((dataset.width - width) / 2);
    const expected = new Float64Array(images.length);
    let at = 0;
    for (const i of indices) {
      const stored = await dataset.train.pixels(i);
      for (let c = 0; c < channels; c++)
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++, at++)
            expected[at] = stored[(c * dataset.height + top + y) * dataset.width + left + x]! / 255;
    }
    return { against: 'the stored bytes of a batch', error: relativeError(images, expected), tolerance: 1e-6 };
  }
  throw new Error('data: the loader gave no batch');
}

/** The small two-column net learning from a loader, as `convtape train` does. */
async function epochCase(bench: Bench, dataset: Dataset, batch: number, placement: readonly Device[]): Promise<void> {
  const loader = loaderOf(dataset, Math.min(batch, dataset.train.length));
  using net = new NetBench('alexnet-small', placement, loader.batch);
  const steps = Math.min(loader.steps, bench.quick ? 2 : 40);
  let epoch = 0;
  const form = placement.length === 1 ? 'grouped' : 'columns';
  await bench.time({
    id: `data/epoch/alexnet-small/${form}/${loader.batch}`,
    images: steps * loader.batch,
    devices: [...new Set(placement)],
    check: () => net.checkTraining(),
    run: async () => {
      let step = 0;
      for await (const { images, labels } of loader.epoch(epoch++)) {
        net.feed(images as Float32Array, labels);
        net.train();
        if (++step === steps) break;
        // As a trainer does: no more than a step is queued ahead of the one that is computed.
        await net.loss();
      }
      return undefined;
    },
  });
}

/** Photographs as ImageNet has them (500×375), to 227×227 windows of 256×256 squares: from their files at each use, and from prepared sets. */
async function photographCases(bench: Bench, images: number, device: Device): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'convtape-bench-'));
  try {
    const sharp = await loadSharp();
    const files = join(folder, 'photographs');
    for (const split of ['train', 'test']) {
      await mkdir(join(files, split, 'noise'), { recursive: true });
      for (let i = 0; i < (split === 'train' ? images : 1); i++)
        await writeFile(join(files, split, 'noise', `${i}.jpg`), await photograph(sharp, i));
    }
    await loaderCase(bench, `data/jpeg/${images}`, await openFolder(files, { memory: 0 }), images, 227);
    for (const encoding of ['jpeg', 'raw'] as const) {
      const set = join(folder, encoding);
      await prepareSet(files, set, { encoding, workers: availableParallelism() });
      await shardCase(bench, `data/shards/${encoding}/${images}`, await openShards(set), images, device);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// So that a raw set takes long enough to be timed.
const PASSES = 8;

/** Passes over a prepared set, from its files to views on the device, as training has them: bytes are read and decoded, windows cut from them there. */
async function shardCase(bench: Bench, id: string, dataset: Dataset, images: number, device: Device): Promise<void> {
  const loader = loaderOf(dataset, Math.min(32, images), 227, { views: 'device' });
  const passes = bench.quick ? 1 : PASSES;
  let epoch = 0;
  await bench.time({
    id,
    images: passes * loader.steps * loader.batch,
    devices: [device],
    check: () => checkLoader(dataset, loader.batch, 227, device),
    run: async () => {
      for (const last = epoch + passes; epoch < last; epoch++)
        for await (const made of loader.epoch(epoch)) batchImages(loader, made, device).dispose();
      return undefined;
    },
  });
}

/** Smooth colours with some grain: a file about as large as a photograph's. */
async function photograph(sharp: Awaited<ReturnType<typeof loadSharp>>, seed: number): Promise<Buffer> {
  const [width, height] = [500, 375];
  const pixels = Buffer.alloc(width * height * 3);
  let noise = seed + 1;
  for (let i = 0; i < pixels.length; i++) {
    noise = (Math.imul(noise, 1664525) + 1013904223) >>> 0;
    const at = Math.floor(i / 3);
    const wave = Math.sin((at % width) / 37 + seed) + Math.cos(Math.floor(at / width) / 29 + (i % 3));
    pixels[i] = Math.max(0, Math.min(255, 128 + 50 * wave + (noise >>> 27) - 16));
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } } as object)
    .jpeg({ quality: 90 })
    .toBuffer();
}
