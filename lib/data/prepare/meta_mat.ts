// meta.mat of ILSVRC's development kits: the table from class numbers to WordNet's. Of the format (MATLAB's "MAT-File Format", version 5)
// as much as that takes: a structure array of numbers and texts.
import { inflateSync } from 'node:zlib';
import { reasonOf } from '../../util/atomic_write';
import { DataError } from '../dataset';
import type { ClassEntry } from './class_list';

interface Element {
  readonly type: number;
  readonly data: Buffer;
  /** Bytes up to the next element. */
  readonly size: number;
}

const COMPRESSED = 15;
const MATRIX = 14;
const STRUCT = 2;
/** Readers of numbers, by the number of their type. */
const numbers: Record<number, (data: Buffer) => number[]> = {
  1: (d) => [...new Int8Array(d)],
  2: (d) => [...d],
  3: (d) => each(d, 2, (i) => d.readInt16LE(i)),
  4: (d) => each(d, 2, (i) => d.readUInt16LE(i)),
  5: (d) => each(d, 4, (i) => d.readInt32LE(i)),
  6: (d) => each(d, 4, (i) => d.readUInt32LE(i)),
  7: (d) => each(d, 4, (i) => d.readFloatLE(i)),
  9: (d) => each(d, 8, (i) => d.readDoubleLE(i)),
  16: (d) => [...d],
  17: (d) => each(d, 2, (i) => d.readUInt16LE(i)),
};

const each = (data: Buffer, size: number, read: (at: number) => number): number[] =>
  Array.from({ length: Math.floor(data.length / size) }, (_, i) => read(i * size));

/**
 * The classes of meta.mat: ILSVRC2012_ID, WNID and words of every synset that is a class (those above them in WordNet's tree have children).
 * @throws DataError where the file is not what the kit has
 */
export function readMetaMat(path: string, file: Buffer): ClassEntry[] {
  try {
    if (file.toString('latin1', 0, 10) !== 'MATLAB 5.0') throw new Error('it does not start with MATLAB 5.0');
    for (let at = 128; at + 8 <= file.length; ) {
      let element = elementAt(file, at);
      at += element.size;
      if (element.type === COMPRESSED) element = elementAt(inflateSync(element.data, { maxOutputLength: 2 ** 28 }), 0);
      const rows = element.type === MATRIX ? structures(element.data) : null;
      if (rows?.[0] && 'WNID' in rows[0]) return rows.filter(isClass).map(entryOf);
    }
    throw new Error('it holds no structure array with a field WNID');
  } catch (error) {
    throw new DataError(`${path} is not the table of classes that a development kit has: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

type Row = Record<string, number[]>;

const isClass = (row: Row) => (row['num_children']?.[0] ?? 0) === 0;
const textOf = (values: number[] | undefined) => String.fromCharCode(...(values ?? []));

function entryOf(row: Row): ClassEntry {
  const id = (row['ILSVRC2012_ID'] ?? row['ILSVRC2013_ID'] ?? row['ILSVRC2014_ID'] ?? row['ILSVRC2010_ID'])?.[0];
  if (id === undefined) throw new Error('a class has no ILSVRC2012_ID');
  return { id, wnid: textOf(row['WNID']), name: textOf(row['words']) };
}

/** A tag of eight bytes and its data, padded to eight; or data of up to four bytes within the tag. */
function elementAt(bytes: Buffer, at: number): Element {
  const small = bytes.readUInt16LE(at + 2);
  if (small > 0) return { type: bytes.readUInt16LE(at), data: bytes.subarray(at + 4, at + 4 + small), size: 8 };
  const type = bytes.readUInt32LE(at);
  const length = bytes.readUInt32LE(at + 4);
  if (at + 8 + length > bytes.length) throw new Error('it is cut short');
  // compressed elements alone are not padded
  const padded = type === COMPRESSED ? length : Math.ceil(length / 8) * 8;
  return { type, data: bytes.subarray(at + 8, at + 8 + length), size: 8 + padded };
}

function* elementsOf(bytes: Buffer): Generator<Element, undefined, void> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const element = elementAt(bytes, at);
    yield element;
    at += element.size;
  }
  return undefined;
}

/** The rows of a structure array; null where the matrix is of another class. */
function structures(matrix: Buffer): Row[] | null {
  const [flags, , , lengthOfNames, names, ...fields] = elementsOf(matrix);
  if (!flags || (flags.data[0] ?? 0) !== STRUCT || !lengthOfNames || !names) return null;
  const width = lengthOfNames.data.readInt32LE(0);
  const keys = Array.from({ length: names.data.length / width }, (_, i) =>
    names.data.toString('latin1', i * width, (i + 1) * width).replace(/\0.*$/s, ''),
  );
  return Array.from({ length: fields.length / keys.length }, (_, r) =>
    Object.fromEntries(keys.map((key, k) => [key, valuesOf(fields[r * keys.length + k]!)])),
  );
}

/** The numbers of a matrix, or the characters of a text. */
function valuesOf({ data }: Element): number[] {
  const content = [...elementsOf(data)][3];
  return content ? (numbers[content.type]?.(content.data) ?? []) : [];
}
