// Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): 60,000 and 10,000 pictures of clothes, 28×28, grey, ten classes.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../native/addon';
import { DataError, type Dataset, MemorySplit } from './dataset';
import { fetchFashionMnist } from './fetch';
import { readIdx } from './idx';

export const fashionClasses = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
] as const;

/** Where Debian's package dataset-fashion-mnist puts the files. */
const SYSTEM = '/usr/share/datasets/fashion-mnist';

/** Where downloads go: $XDG_CACHE_HOME/convtape, else ~/.cache/convtape. */
export function cacheFolder(): string {
  const xdg = process.env.XDG_CACHE_HOME;
  return join(xdg?.startsWith('/') ? xdg : join(homedir(), '.cache'), 'convtape');
}

/** A few thousand of the real images, which come with the package. */
export function sampleFolder(): string {
  return join(packageRoot(), 'data', 'fashion-mnist-sample');
}

export interface FashionMnistOptions {
  /** Whether to try the network where the files are not on this machine. Default true. */
  download?: boolean;
  log?: (line: string) => void;
  /** @internal Where to look: a system's folder and a cache. */
  folders?: { system: string; cache: string };
  /** @internal Where to download from. */
  sources?: readonly string[];
}

/**
 * Fashion-MNIST from `dir`; without it from Debian's package, an earlier download, a download, or, where none of these is to be had,
 * from the sample that comes with the package (`notices` and the log then say so).
 */
export async function openFashionMnist(dir: string | undefined, options: FashionMnistOptions = {}): Promise<Dataset> {
  if (dir !== undefined) return readFolder(dir, []);
  const { system = SYSTEM, cache = join(cacheFolder(), 'fashion-mnist') } = options.folders ?? {};
  for (const folder of [system, cache]) if (isThere(folder)) return readFolder(folder, []);
  let why = 'the full set is not on this machine';
  if (options.download ?? true) {
    try {
      await fetchFashionMnist(cache, { sources: options.sources, log: options.log });
      return await readFolder(cache, []);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      why += ` and the download failed (${error.message})`;
    }
  }
  const sample = await readFolder(sampleFolder(), []);
  const count = (n: number) => n.toLocaleString('en');
  const notice =
    `fashion-mnist: using the bundled sample of ${count(sample.train.length)} training and ${count(sample.test.length)} test images, ` +
    `since ${why}. Errors will be higher than with all 70,000; on Debian or Ubuntu: sudo apt-get install dataset-fashion-mnist`;
  options.log?.(notice);
  return { ...sample, notices: [notice] };
}

function isThere(folder: string): boolean {
  const first = join(folder, 'train-images-idx3-ubyte');
  return existsSync(`${first}.gz`) || existsSync(first);
}

async function readFolder(folder: string, notices: readonly string[]): Promise<Dataset> {
  if (!existsSync(folder)) throw new DataError(`fashion-mnist: there is no folder ${folder}`);
  const [train, test] = await Promise.all([readSplit(folder, 'train', 'train'), readSplit(folder, 't10k', 'test')]);
  return { name: 'fashion-mnist', classes: fashionClasses, channels: 1, height: 28, width: 28, train, test, notices };
}

async function readSplit(folder: string, prefix: string, name: string): Promise<MemorySplit> {
  const imagesPath = join(folder, `${prefix}-images-idx3-ubyte`);
  const labelsPath = join(folder, `${prefix}-labels-idx1-ubyte`);
  const [images, labels] = await Promise.all([readIdx(imagesPath, 3), readIdx(labelsPath, 1)]);
  const [count, height, width] = images.shape;
  if (height !== 28 || width !== 28)
    throw new DataError(`${imagesPath}: expected images of 28×28 pixels, got ${height}×${width}`);
  if (count === 0) throw new DataError(`${imagesPath} holds no images`);
  if (labels.shape[0] !== count)
    throw new DataError(`${labelsPath}: expected a label for each of ${count} images, got ${labels.shape[0]}`);
  const wrong = labels.data.findIndex((label) => label >= fashionClasses.length);
  if (wrong >= 0)
    throw new DataError(`${labelsPath}: expected labels from 0 to 9, got ${labels.data[wrong]} at position ${wrong}`);
  return new MemorySplit(name, images.data, labels.data);
}
