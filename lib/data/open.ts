import { checkBoolean, checkChoice, checkNumber, checkOptions, show } from '../tensor/checks';
import { checkFunction, checkWhole } from './arguments';
import { openCifar10 } from './cifar10';
import { DataSpecError, type Dataset } from './dataset';
import { openFashionMnist } from './fashion_mnist';
import { type FolderOptions, openFolder } from './folder';
import { openShards } from './shards';

export interface OpenOptions extends FolderOptions {
  /** Whether Fashion-MNIST may be downloaded where it is not on this machine. Default true. */
  download?: boolean;
}

/** The kinds of data set, as `--data` names them, with what follows the name. */
export const dataKinds = ['fashion-mnist[:DIR]', 'cifar10:DIR', 'folder:DIR', 'shards:DIR', 'imagenet:DIR'] as const;

/**
 * Opens what a `--data` text names: `fashion-mnist`, `fashion-mnist:DIR`, `cifar10:DIR`, `folder:DIR`, or
 * `shards:DIR`, a set made by `convtape data prepare` (`imagenet:DIR` is the same).
 * @throws DataSpecError where the text names no kind there is, or lacks a folder; DataError where the files are not as they should be
 */
export async function openDataset(spec: string, given: OpenOptions = {}): Promise<Dataset> {
  if (typeof spec !== 'string') throw new TypeError(`openDataset: takes a text like 'folder:DIR', got ${show(spec)}`);
  const options = checkOpen(given);
  const colon = spec.indexOf(':');
  const kind = colon < 0 ? spec : spec.slice(0, colon);
  const dir = colon < 0 ? undefined : spec.slice(colon + 1);
  if (dir === '') throw new DataSpecError(`--data ${spec}: a folder is missing after the colon`);
  const needed = (): string => {
    if (dir === undefined)
      throw new DataSpecError(`--data ${spec}: expected ${kind}:DIR, with the folder of the images`);
    return dir;
  };
  switch (kind) {
    case 'fashion-mnist':
      return openFashionMnist(dir, options);
    case 'cifar10':
      return openCifar10(needed(), options.log);
    case 'folder':
      return openFolder(needed(), options);
    case 'shards':
    case 'imagenet':
      return openShards(needed(), options.log);
    default:
      throw new DataSpecError(`--data ${spec}: there is no such kind of data; there are ${dataKinds.join(', ')}`);
  }
}

function checkOpen(given: OpenOptions): OpenOptions {
  const options = {
    ...checkOptions('openDataset', given, ['size', 'memory', 'splits', 'log', 'progress', 'download']),
  };
  const { size, memory, splits, log, progress, download } = options;
  if (size !== undefined) checkWhole('openDataset', 'size', size, 1);
  if (memory !== undefined) {
    checkNumber('openDataset', 'memory', memory);
    if (!(memory >= 0)) throw new RangeError(`openDataset: memory must be a number of bytes, got ${memory}`);
  }
  if (splits !== undefined) {
    if (!Array.isArray(splits))
      throw new TypeError(`openDataset: splits must be an array of names, got ${show(splits)}`);
    for (const [i, name] of splits.entries())
      checkChoice('openDataset', `splits[${i}]`, name, ['train', 'validation', 'test']);
  }
  checkFunction('openDataset', 'log', log);
  checkFunction('openDataset', 'progress', progress);
  if (download !== undefined) checkBoolean('openDataset', 'download', download);
  return options;
}
