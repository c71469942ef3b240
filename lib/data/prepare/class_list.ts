// Classes and the validation images' ground truth: text files and the development kit of ILSVRC.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { reasonOf } from '../../util/atomic_write';
import { DataError } from '../dataset';
import { readMetaMat } from './meta_mat';
import { memorySource, tarMembers } from './tar';

export interface ClassEntry {
  readonly wnid: string;
  readonly name: string;
  /** The number that a ground truth file uses for it. */
  readonly id?: number;
}

export interface DevelopmentKit {
  readonly path: string;
  readonly classes: readonly ClassEntry[] | null;
  /** Class numbers of the validation images, in order. */
  readonly truth: readonly number[] | null;
}

/** Names that lists of classes go by. */
const listNames = [
  'classes.txt',
  'synset_words.txt',
  'LOC_synset_mapping.txt',
  'map_clsloc.txt',
  'classnames.txt',
  'synsets.txt',
];

/** The list of classes that lies in a folder, if one does. */
export function findClassList(dir: string): ClassEntry[] | null {
  const name = listNames.find((file) => existsSync(join(dir, file)));
  return name === undefined ? null : readClassList(join(dir, name));
}

/**
 * A line a class: `n01440764 tench, Tinca tinca`, `n01440764 449 tench` (as map_clsloc.txt), `449 n01440764 tench`, or a name alone.
 * @throws DataError
 */
export function readClassList(path: string): ClassEntry[] {
  return parseClassList(path, text(path));
}

export function parseClassList(path: string, content: string): ClassEntry[] {
  const entries = lines(content).map((line): ClassEntry => {
    const numbered = /^(n\d{8})\s+(\d+)\s+(\S.*)$/.exec(line) ?? /^(\d+)\s+(n\d{8})\s+(\S.*)$/.exec(line);
    if (numbered) {
      const [wnid, id] = numbered[1]!.startsWith('n') ? [numbered[1]!, numbered[2]!] : [numbered[2]!, numbered[1]!];
      return { wnid, id: Number(id), name: numbered[3]!.replaceAll('_', ' ') };
    }
    const plain = /^(n\d{8})(?:[\s,]+(\S.*))?$/.exec(line);
    return plain ? { wnid: plain[1]!, name: plain[2] ?? plain[1]! } : { wnid: line, name: line };
  });
  const seen = new Set<string>();
  for (const { wnid } of entries) {
    if (seen.has(wnid)) throw new DataError(`${path}: the class ${wnid} is listed twice`);
    seen.add(wnid);
  }
  if (entries.length === 0) throw new DataError(`${path}: expected classes, one a line; it is empty`);
  return entries;
}

/** A whole number a line. @throws DataError */
export function parseTruth(path: string, content: string): number[] {
  return lines(content).map((line, i) => {
    if (!/^\d+$/.test(line))
      throw new DataError(`${path}: expected the number of a class on line ${i + 1}, got ${line}`);
    return Number(line);
  });
}

export const readTruth = (path: string): number[] => parseTruth(path, text(path));

/** The development kit in a folder: an archive or a folder with `devkit` in its name. */
export function findDevelopmentKit(dir: string): DevelopmentKit | null {
  const name = readdirSync(dir).find((file) => /devkit/i.test(file));
  if (name === undefined) return null;
  const path = join(dir, name);
  const files = statSync(path).isDirectory() ? filesOf(path) : membersOf(path);
  const find = (pattern: RegExp) => [...files.keys()].find((file) => pattern.test(basename(file)));
  const [truth, map, meta] = [find(/validation_ground_truth\.txt$/), find(/^map_clsloc\.txt$/), find(/^meta\.mat$/)];
  const at = (file: string) => `${path}: ${file}`;
  return {
    path,
    truth: truth === undefined ? null : parseTruth(at(truth), files.get(truth)!().toString('utf8')),
    classes:
      map !== undefined
        ? parseClassList(at(map), files.get(map)!().toString('utf8'))
        : meta !== undefined
          ? readMetaMat(at(meta), files.get(meta)!())
          : null,
  };
}

function filesOf(dir: string): Map<string, () => Buffer> {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  return new Map(names.map((name) => [name, () => readFileSync(join(dir, name))]));
}

function membersOf(path: string): Map<string, () => Buffer> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes, { maxOutputLength: 2 ** 28 });
  } catch (error) {
    throw new DataError(`${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  const source = memorySource(path, bytes);
  const members = [...tarMembers(source, () => {})];
  return new Map(members.map((m) => [m.name, () => source.read(m.offset, m.length)]));
}

const lines = (content: string): string[] =>
  content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new DataError(`${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}
