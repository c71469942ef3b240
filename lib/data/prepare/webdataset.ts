// WebDataset: tar archives whose members share a name up to the first dot of its last part, `000017.jpg` beside `000017.cls` (the class's
// number or name as text) or `000017.json` (with a key `label`, `cls` or `class`).
import { basename, relative } from 'node:path';
import { DataError } from '../dataset';
import { holdOut } from '../folder';
import { isImageName } from '../images';
import type { ShardSplitName } from '../shards';
import type { ClassEntry } from './class_list';
import type { SourceImage } from './shard_job';
import type { SourceOptions, Sources } from './sources';
import { FileSource, type Refused, type TarMember, tarMembers } from './tar';

type Unlabelled = Omit<SourceImage, 'label'> & { split: ShardSplitName; key: string };

/** The largest label member that is read. */
const MOST_LABEL = 1 << 20;

export async function readWebDataset(
  src: string,
  archives: readonly string[],
  list: readonly ClassEntry[] | null,
  unpack: SourceOptions['unpack'],
): Promise<Sources> {
  const refused: Refused[] = [];
  const found: Unlabelled[] = [];
  for (const archive of archives) {
    const path = /gz$/i.test(archive) ? await unpack(archive) : archive;
    const split = splitOf(relative(src, archive) || basename(archive));
    const title = basename(archive).replace(/\.(tar|tar\.gz|tgz)$/i, '');
    using source = new FileSource(path);
    const images = new Map<string, TarMember>();
    const labels = new Map<string, string>();
    for (const m of tarMembers(source, (what) => refused.push({ ...what, name: `${title}/${what.name}` }))) {
      const dot = m.name.indexOf('.', m.name.lastIndexOf('/') + 1);
      const [key, extension] = dot < 0 ? [m.name, ''] : [m.name.slice(0, dot), m.name.slice(dot + 1).toLowerCase()];
      if (isImageName(m.name)) images.set(key, m);
      else if ((extension === 'cls' || extension === 'json') && m.length <= MOST_LABEL) {
        const label = labelIn(source.read(m.offset, m.length).toString('utf8'), extension);
        if (label !== null && (extension === 'cls' || !labels.has(key))) labels.set(key, label);
      }
    }
    for (const [key, m] of images) {
      const label = labels.get(key);
      if (label === undefined)
        refused.push({ name: `${title}/${m.name}`, reason: 'it has no label beside it (.cls or .json)' });
      else found.push({ path, offset: m.offset, length: m.length, name: `${title}/${m.name}`, split, key: label });
    }
    await new Promise(setImmediate);
  }
  if (found.length === 0)
    throw new DataError(`${src} holds no images with labels: expected members such as 000017.jpg and 000017.cls`);
  return labelled(src, found, list, refused);
}

function splitOf(path: string): ShardSplitName {
  if (/(^|[^a-z])val(id|idation)?([^a-z]|$)/i.test(path)) return 'val';
  return /(^|[^a-z])test([^a-z]|$)/i.test(path) ? 'test' : 'train';
}

function labelIn(text: string, extension: string): string | null {
  if (extension === 'cls') return text.trim();
  try {
    const value = JSON.parse(text) as Record<string, unknown> | null;
    const label = value?.['label'] ?? value?.['cls'] ?? value?.['class'];
    return typeof label === 'number' || typeof label === 'string' ? String(label) : null;
  } catch {
    return null;
  }
}

/** Numbers are the classes' places; anything else is a class's name. */
function labelled(
  src: string,
  found: readonly Unlabelled[],
  list: readonly ClassEntry[] | null,
  refused: readonly Refused[],
): Sources {
  const keys = [...new Set(found.map(({ key }) => key))];
  const byNumber = keys.every((key) => /^\d{1,6}$/.test(key));
  const most = byNumber ? Math.max(...keys.map(Number)) : 0;
  if (byNumber && list && most >= list.length)
    throw new DataError(
      `${src}: a label is ${most}, and the list has ${list.length} classes, from 0 to ${list.length - 1}`,
    );
  const names = byNumber ? Array.from({ length: most + 1 }, (_, i) => String(i)) : [...keys].sort();
  const known = new Map(list?.map(({ wnid, name }) => [wnid, name]));
  const classes = byNumber && list ? list : names.map((wnid) => ({ wnid, name: known.get(wnid) ?? wnid }));
  const place = new Map(names.map((name, label) => [name, label]));
  const images: Partial<Record<ShardSplitName, SourceImage[]>> = {};
  for (const { split, key, ...image } of found) {
    const label = byNumber ? Number(key) : place.get(key)!;
    images[split] ??= [];
    images[split].push({ ...image, label });
  }
  if (!images.train) throw new DataError(`${src} holds no training images: every archive is named val or test`);
  if (!images.val && !images.test) [images.train, images.test] = holdOut(images.train);
  return { layout: 'webdataset', classes: classes.map(({ wnid, name }) => ({ wnid, name })), images, refused };
}
