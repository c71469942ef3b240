// What there is to prepare: images with their classes, from the layouts that people have them in.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { reasonOf } from '../../util/atomic_write';
import { DataError } from '../dataset';
import { holdOut, listSplits } from '../folder';
import { isImageName } from '../images';
import type { ShardSplitName } from '../shards';
import {
  type ClassEntry,
  type DevelopmentKit,
  findClassList,
  findDevelopmentKit,
  readClassList,
  readTruth,
} from './class_list';
import type { SourceImage } from './shard_job';
import { FileSource, type Refused, type Source, type TarMember, tarMembers } from './tar';
import { readWebDataset } from './webdataset';

export const layouts = ['ilsvrc', 'folders', 'webdataset'] as const;
export type Layout = (typeof layouts)[number];

export interface Sources {
  readonly layout: Layout;
  readonly classes: readonly { readonly wnid: string; readonly name: string }[];
  readonly images: Readonly<Partial<Record<ShardSplitName, readonly SourceImage[]>>>;
  /** Members of archives that are not read: links, names that lead out. */
  readonly refused: readonly Refused[];
}

export interface SourceOptions {
  layout?: Layout | undefined;
  /** A file with the classes. Default: one of the usual names in SRC, or the development kit's. */
  classes?: string | undefined;
  /** A file with the validation images' class numbers. Default: the development kit's. */
  truth?: string | undefined;
  /** Where a compressed archive, which cannot be read by position, is unpacked to; gives the path of the plain one. */
  unpack: (archive: string) => Promise<string>;
}

const isArchive = (name: string) => /\.(tar|tar\.gz|tgz)$/i.test(name) && !name.startsWith('.');
const isCompressed = (name: string) => /gz$/i.test(name);
const isValidation = (path: string) => /(^|[^a-z])val(id|idation)?([^a-z]|$)/i.test(path);

/**
 * Finds the images of `src`, a folder or an archive, and their classes.
 * @throws DataError in one line
 */
export async function findSources(src: string, options: SourceOptions): Promise<Sources> {
  if (!existsSync(src)) throw new DataError(`there is nothing at ${src}`);
  const single = !statSync(src).isDirectory();
  if (single && !isArchive(basename(src)))
    throw new DataError(`${src} is neither a folder nor an archive (.tar, .tar.gz, .tgz)`);
  const archives = single ? [src] : archivesBelow(src);
  const kit = single ? null : findDevelopmentKit(src);
  const plain = archives.filter((path) => !/devkit/i.test(basename(path)));
  const layout = options.layout ?? (await detect(src, plain, kit, options.unpack));
  const given = options.classes === undefined ? null : readClassList(options.classes);
  if (layout === 'folders') return fromFolders(src, given ?? findClassList(src));
  const list = given ?? (single ? null : findClassList(src)) ?? kit?.classes ?? null;
  if (layout === 'webdataset') return readWebDataset(src, plain, list, options.unpack);
  const truth = options.truth === undefined ? (kit?.truth ?? null) : readTruth(options.truth);
  return fromIlsvrc(src, plain, list, truth, options.unpack);
}

function archivesBelow(src: string): string[] {
  const within = (dir: string) => {
    try {
      return readdirSync(dir)
        .filter(isArchive)
        .map((name) => join(dir, name))
        .sort();
    } catch (error) {
      throw new DataError(`${dir} cannot be read: ${reasonOf(error)}`, { cause: error });
    }
  };
  const below = ['train', 'val', 'test'].map((name) => join(src, name)).filter((dir) => existsSync(dir));
  return [src, ...below.filter((dir) => statSync(dir).isDirectory())].flatMap(within);
}

const isClassArchive = (path: string) => /^n\d{8}\.tar$/i.test(basename(path));

async function detect(
  src: string,
  archives: readonly string[],
  kit: DevelopmentKit | null,
  unpack: SourceOptions['unpack'],
): Promise<Layout> {
  if (archives.length === 0) return kit && flatImages(join(src, 'val')).length > 0 ? 'ilsvrc' : 'folders';
  const first = archives.find((path) => !isValidation(relative(src, path))) ?? archives[0]!;
  if (kit || isClassArchive(first) || /ILSVRC/i.test(basename(first))) return 'ilsvrc';
  using source = new FileSource(isCompressed(first) ? await unpack(first) : first);
  for (const { name } of tarMembers(source, () => {})) return isArchive(name) ? 'ilsvrc' : 'webdataset';
  throw new DataError(`${first} holds no files`);
}

// ── class folders ─────────────────────────────────────────────────────────────────────────────────────────────────────

async function fromFolders(src: string, list: readonly ClassEntry[] | null): Promise<Sources> {
  const { classes, lists } = await listSplits(src);
  const toSource = ({ path, name, label }: { path: string; name: string; label: number }): SourceImage => ({
    path,
    offset: 0,
    length: -1,
    label,
    name,
  });
  const { train, validation, test } = lists;
  return {
    layout: 'folders',
    classes: named(classes, list),
    images: {
      train: train.map(toSource),
      ...(validation && { val: validation.map(toSource) }),
      test: test.map(toSource),
    },
    refused: [],
  };
}

/** The classes' names, where a list has them. */
function named(wnids: readonly string[], list: readonly ClassEntry[] | null) {
  const names = new Map(list?.map(({ wnid, name }) => [wnid, name]));
  return wnids.map((wnid) => ({ wnid, name: names.get(wnid) ?? wnid }));
}

// ── ILSVRC ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Archives of class archives, class archives, or class folders for training; a flat archive or folder of validation images. */
async function fromIlsvrc(
  src: string,
  archives: readonly string[],
  list: readonly ClassEntry[] | null,
  truth: readonly number[] | null,
  unpack: SourceOptions['unpack'],
): Promise<Sources> {
  const refused: Refused[] = [];
  const train: (Omit<SourceImage, 'label'> & { wnid: string })[] = [];
  const flat: Omit<SourceImage, 'label'>[] = [];
  const addClass = (path: string, wnid: string, within: Source) => {
    for (const m of tarMembers(within, (what) => refused.push({ ...what, name: `${wnid}/${what.name}` })))
      if (isImageName(basename(m.name)))
        train.push({ path, offset: m.offset, length: m.length, name: `${wnid}/${m.name}`, wnid });
  };
  for (const archive of archives) {
    const path = isCompressed(archive) ? await unpack(archive) : archive;
    using source = new FileSource(path);
    if (isClassArchive(archive)) {
      addClass(path, basename(archive).replace(/\.tar$/i, ''), source);
      continue;
    }
    for (const m of tarMembers(source, (what) => refused.push(what)))
      if (isArchive(m.name)) {
        addClass(path, wnidOf(archive, m), source.within(m));
        await new Promise(setImmediate); // a thousand archives take a while: signals are heard between them
      } else if (isImageName(basename(m.name)))
        flat.push({ path, offset: m.offset, length: m.length, name: basename(m.name) });
  }
  for (const name of flatImages(join(src, 'val')))
    flat.push({ path: join(src, 'val', name), offset: 0, length: -1, name });
  if (train.length === 0 && existsSync(join(src, 'train'))) {
    const { classes, images } = await fromFolders(join(src, 'train'), null);
    for (const image of [...images.train!, ...images.test!]) train.push({ ...image, wnid: classes[image.label]!.wnid });
  }
  if (train.length === 0)
    throw new DataError(`${src} holds no training images of ILSVRC: no archive of class archives`);
  const wnids = [...new Set(train.map(({ wnid }) => wnid))].sort();
  const labels = new Map(wnids.map((wnid, label) => [wnid, label]));
  const labelled = train.map(({ wnid, ...image }) => ({ ...image, label: labels.get(wnid)! }));
  const val = flat.length === 0 ? null : validation(src, flat, list, truth, labels);
  const [kept, held] = val ? [labelled, val] : holdOut(labelled);
  return {
    layout: 'ilsvrc',
    classes: named(wnids, list),
    images: { train: kept, [val ? 'val' : 'test']: held },
    refused,
  };
}

function wnidOf(archive: string, { name }: TarMember): string {
  const wnid = basename(name).replace(/\.(tar|tar\.gz|tgz)$/i, '');
  if (isCompressed(name))
    throw new DataError(`${archive}: its member ${name} is compressed, which an archive within an archive cannot be`);
  return wnid;
}

/** Images of a folder that has no class folders. */
function flatImages(dir: string): string[] {
  if (!existsSync(dir) || !statSync(dir).isDirectory()) return [];
  return readdirSync(dir).filter(isImageName).sort();
}

/** Image i (by the number at the end of its name) is of the class with the number on line i of the ground truth. */
function validation(
  src: string,
  flat: readonly Omit<SourceImage, 'label'>[],
  list: readonly ClassEntry[] | null,
  truth: readonly number[] | null,
  labels: ReadonlyMap<string, number>,
): SourceImage[] {
  if (truth === null)
    throw new DataError(
      `${src} holds ${flat.length} validation images and no ground truth: add the development kit (ILSVRC2012_devkit_t12.tar.gz), or --truth FILE`,
    );
  if (!list?.some(({ id }) => id !== undefined))
    throw new DataError(
      `the ground truth has class numbers, and no list says whose they are: add the development kit, or --classes FILE with lines "NUMBER WNID NAME"`,
    );
  const byId = new Map(list.map(({ id, wnid }) => [id, wnid]));
  return [...flat]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((image) => {
      const number = Number(/(\d+)\.\w+$/.exec(image.name)?.[1]);
      const id = truth[number - 1];
      if (id === undefined)
        throw new DataError(
          `the ground truth has ${truth.length} lines, and none for the validation image ${image.name}`,
        );
      const label = labels.get(byId.get(id) ?? '');
      if (label === undefined)
        throw new DataError(
          `the validation image ${image.name} is of class ${id} (${byId.get(id) ?? 'not in the list'}), of which there are no training images`,
        );
      return { ...image, label };
    });
}
