// Folders of images: one sub-folder a class.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { freemem, homedir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { reasonOf } from '../util/atomic_write';
import { checkWhole } from './arguments';
import { DataError, type Dataset, type Split } from './dataset';
import { DecodeError, Decoder, isImageName } from './images';

export type SplitName = 'train' | 'validation' | 'test';

export interface FolderOptions {
  /** Images are stored as size × size. Default 256. */
  size?: number;
  /** Bytes of decoded images to hold in memory; images beyond it are decoded again at each use. Default: a third of what is available. */
  memory?: number;
  /** The splits to decode and check; the others are left empty. Default: all. */
  splits?: readonly SplitName[];
  log?: (line: string) => void;
  /** Told, as images are opened and checked, how many are done. */
  progress?: (done: number, total: number) => void;
}

export interface Entry {
  path: string;
  /** Path inside the data set, with `/` between its parts: the name of the image in logs and in the order. */
  name: string;
  label: number;
}

/**
 * Opens `dir`: one sub-folder a class, images at any depth below it; or `train/` beside `val/` or `test/`, each with such sub-folders.
 * (Where both are there, `val/` is the validation split.) Without them a tenth of every class is held out as test split, chosen by the
 * images' names, so that it is the same on every machine and changes little when images come or go.
 *
 * Every image is decoded once on opening, so that an image that cannot be is left out from the start; each is named in the log.
 * The order is mixed (by a hash of the name), so that the first n images are of all classes.
 * @throws DataError in one line
 */
export async function openFolder(dir: string, options: FolderOptions = {}): Promise<Dataset> {
  const root = dir === '~' || dir.startsWith('~/') ? join(homedir(), dir.slice(1)) : dir;
  const { size = 256, splits: wanted = ['train', 'validation', 'test'], log } = options;
  checkWhole('openFolder', 'size', size, 1);
  const { classes, lists } = await listSplits(root);
  const decoder = new Decoder(size);
  const budget = { left: options.memory ?? Math.floor(availableMemory() / 3) };
  const total = wanted.reduce((sum, name) => sum + (lists[name]?.length ?? 0), 0);
  const skipped: string[] = [];
  let done = 0;
  const open = async (name: SplitName): Promise<FolderSplit> => {
    const list = wanted.includes(name) ? (lists[name] ?? []) : [];
    const split = await FolderSplit.open(list, decoder, budget, {
      done: () => options.progress?.(++done, total),
      skipped: (entry, reason) => {
        skipped.push(entry.name);
        log?.(`skipped ${entry.path}: ${reason}`);
      },
    });
    checkClasses(root, name, classes, list, split);
    return split;
  };
  const train = await open('train');
  const test = await open('test');
  const validation = lists.validation ? await open('validation') : undefined;
  const notices =
    skipped.length === 0
      ? []
      : [
          `folder: skipped ${skipped.length} of ${total} images that could not be decoded: ` +
            `${skipped.slice(0, 3).join(', ')}${skipped.length > 3 ? ', …' : ''}`,
        ];
  for (const notice of notices) log?.(notice);
  const shape = { channels: 3, height: size, width: size };
  return { name: `folder:${dir}`, classes, ...shape, train, test, ...(validation && { validation }), notices };
}

/** With a container's limit, where this Node knows of it (from 20.13 on). */
function availableMemory(): number {
  return process.availableMemory?.() ?? freemem();
}

// ── listing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export async function listSplits(root: string): Promise<{
  classes: string[];
  lists: { train: Entry[]; test: Entry[]; validation?: Entry[] };
}> {
  if (!existsSync(root)) throw new DataError(`folder: there is no folder ${root}`);
  if (!(await statOf(root)).isDirectory()) throw new DataError(`folder: ${root} is not a folder`);
  const inside = await subfolders(root);
  if (!inside.includes('train')) {
    const classes = inside;
    const [train, test] = holdOut(await listClasses(root, classes, classes));
    if (test.length === 0) throw new DataError(`folder: ${root} holds too few images to keep some for testing`);
    return { classes, lists: { train, test } };
  }
  const trainRoot = join(root, 'train');
  const classes = await subfolders(trainRoot);
  const train = await listClasses(trainRoot, classes, classes);
  const others: Entry[][] = [];
  for (const name of ['val', 'test']) {
    if (!inside.includes(name)) continue;
    const below = await subfolders(join(root, name));
    // ImageNet's test/ has images without classes
    if (below.length > 0) others.push(await listClasses(join(root, name), below, classes));
  }
  const [first, second] = others;
  if (first && second)
    return { classes, lists: { train: mixed(train), validation: mixed(first), test: mixed(second) } };
  if (first) return { classes, lists: { train: mixed(train), test: mixed(first) } };
  const [kept, held] = holdOut(train);
  if (held.length === 0) throw new DataError(`folder: ${trainRoot} holds too few images to keep some for testing`);
  return { classes, lists: { train: kept, test: held } };
}

async function subfolders(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of await namesIn(folder))
    if (!name.startsWith('.') && (await statOf(join(folder, name))).isDirectory()) names.push(name);
  if (names.length === 0 && folder.endsWith(`${sep}train`))
    throw new DataError(`folder: ${folder} holds no class folders`);
  return names;
}

async function listClasses(root: string, folders: readonly string[], classes: readonly string[]): Promise<Entry[]> {
  if (folders.length === 0)
    throw new DataError(
      `folder: ${root} holds no class folders; the images of each class belong in a folder of their own`,
    );
  const entries: Entry[] = [];
  for (const folder of folders) {
    const label = classes.indexOf(folder);
    if (label < 0)
      throw new DataError(
        `folder: ${join(root, folder)} is of a class that the training images lack (${classes.length} there)`,
      );
    const paths = await imagesBelow(join(root, folder), new Set());
    if (paths.length === 0) throw new DataError(`folder: the class folder ${join(root, folder)} holds no images`);
    for (const path of paths) entries.push({ path, name: relative(root, path).split(sep).join('/'), label });
  }
  return entries;
}

/** @param above the real paths of the folders above, so that a link to one of them is not followed for ever */
async function imagesBelow(folder: string, above: ReadonlySet<string>): Promise<string[]> {
  const real = await realpath(folder);
  if (above.has(real)) return [];
  const paths: string[] = [];
  for (const name of await namesIn(folder)) {
    if (name.startsWith('.')) continue;
    const path = join(folder, name);
    if (isImageName(name)) paths.push(path);
    else if ((await statOf(path)).isDirectory()) paths.push(...(await imagesBelow(path, new Set([...above, real]))));
  }
  return paths;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    throw new DataError(`folder: ${folder} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

/** A link that leads nowhere is no folder, and no reason to stop. */
async function statOf(path: string): Promise<{ isDirectory(): boolean }> {
  return stat(path).catch(() => ({ isDirectory: () => false }));
}

/** What the order of images and the choice of those held out hang on. */
type Named = { readonly name: string; readonly label: number };

const hashes = <E extends Named>(entries: readonly E[]): [string, E][] =>
  entries.map((entry) => [createHash('sha1').update(entry.name).digest('hex'), entry]);

/** In the order of the names' hashes: mixed, and the same everywhere. */
function mixed<E extends Named>(entries: readonly E[]): E[] {
  return hashes(entries)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, entry]) => entry);
}

/** A tenth of every class (one at least, where a class has two) for testing; the rest for training. */
export function holdOut<E extends Named>(entries: readonly E[]): [train: E[], test: E[]] {
  const ordered = mixed(entries);
  const seen = new Map<number, number>();
  const sizes = new Map<number, number>();
  for (const { label } of ordered) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  const train: E[] = [];
  const test: E[] = [];
  for (const entry of ordered) {
    const size = sizes.get(entry.label)!;
    const place = seen.get(entry.label) ?? 0;
    seen.set(entry.label, place + 1);
    (place < (size < 2 ? 0 : Math.max(1, Math.round(size / 10))) ? test : train).push(entry);
  }
  return [train, test];
}

function checkClasses(
  root: string,
  name: SplitName,
  classes: readonly string[],
  list: readonly Entry[],
  split: Split,
): void {
  if (list.length === 0) return;
  if (split.length === 0)
    throw new DataError(`folder: none of the ${list.length} ${name} images in ${root} can be decoded`);
  if (name !== 'train') return;
  const left = new Set(Array.from({ length: split.length }, (_, i) => split.label(i)));
  for (const { label } of list)
    if (!left.has(label))
      throw new DataError(`folder: none of the images of class ${classes[label]} in ${root} can be decoded`);
}

// ── images ──────────────────────────────────────────────────────────────────────────────────────────────────────────

class FolderSplit implements Split {
  private constructor(
    private readonly entries: readonly Entry[],
    /** Decoded images, null where there was no memory for one. */
    private readonly cached: readonly (Uint8Array | null)[],
    private readonly decoder: Decoder,
    /** Of all the images; see meanImage. */
    readonly mean: Float32Array | undefined,
  ) {}

  static async open(
    list: readonly Entry[],
    decoder: Decoder,
    budget: { left: number },
    report: { done: () => void; skipped: (entry: Entry, reason: string) => void },
  ): Promise<FolderSplit> {
    const bytes = 3 * decoder.size * decoder.size;
    const sums = new Float64Array(bytes);
    const images: (Uint8Array | 'skipped' | null)[] = new Array(list.length).fill(null);
    let next = 0;
    const worker = async () => {
      while (next < list.length) {
        const at = next++;
        try {
          const image = await decoder.decode(list[at]!.path);
          for (let k = 0; k < bytes; k++) sums[k]! += image[k]!;
          if (budget.left >= bytes) {
            budget.left -= bytes;
            images[at] = image;
          }
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
          images[at] = 'skipped';
          report.skipped(list[at]!, error.message);
        }
        report.done();
      }
    };
    await Promise.all(Array.from({ length: decoder.limit }, worker));
    const good = list.filter((_, i) => images[i] !== 'skipped');
    const cached = images.filter((image) => image !== 'skipped');
    const mean = good.length === 0 ? undefined : Float32Array.from(sums, (sum) => sum / good.length);
    return new FolderSplit(good, cached, decoder, mean);
  }

  get length(): number {
    return this.entries.length;
  }

  label(i: number): number {
    return this.entries[i]!.label;
  }

  source(i: number): string {
    return this.entries[i]!.name;
  }

  pixels(i: number): Uint8Array | Promise<Uint8Array> {
    return this.cached[i] ?? this.#decode(this.entries[i]!);
  }

  async #decode(entry: Entry): Promise<Uint8Array> {
    try {
      return await this.decoder.decode(entry.path);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new DataError(
        `${entry.path} could be decoded when the data set was opened and now cannot: ${error.message}`,
        {
          cause: error,
        },
      );
    }
  }
}
