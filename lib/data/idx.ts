// The idx format of MNIST and its successors: two zero bytes, a type (8: unsigned byte), the number of axes, their sizes as big-endian
// 32-bit numbers, then the values. Plain or gzipped.

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, gunzip } from 'node:zlib';
import { reasonOf } from '../util/atomic_write';
import { DataError } from './dataset';

const unzip = promisify(gunzip);

/** More than any idx file holds that this reader is for; a limit for gzip files that grow without end. */
const MOST_BYTES = 2 ** 30;

export interface Idx {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads `path`, or `path.gz`, whichever is there.
 * @param rank the number of axes that the file must have
 * @throws DataError in one line, naming the file, what was expected and what is there
 */
export async function readIdx(path: string, rank: number): Promise<Idx> {
  const { file, bytes } = await readEither(path);
  return parseIdx(file, isGzip(bytes) ? await inflate(file, bytes) : bytes, rank);
}

async function readEither(path: string): Promise<{ file: string; bytes: Buffer }> {
  for (const file of [`${path}.gz`, path]) {
    try {
      return { file, bytes: await readFile(file) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new DataError(`${file} cannot be read: ${reasonOf(error)}`, { cause: error });
    }
  }
  throw new DataError(`there is neither ${path}.gz nor ${path}`);
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function inflate(file: string, bytes: Buffer): Promise<Buffer> {
  try {
    return await unzip(bytes, { maxOutputLength: MOST_BYTES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR') {
      // what there is of a file cut short, to say how much is missing
      const there = await unzip(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MOST_BYTES }).catch(
        () => null,
      );
      const expected = there && expectedBytes(there);
      const counts = there && expected ? `: expected ${expected} bytes after unpacking, got ${there.length}` : '';
      throw new DataError(`${file} is cut short (${bytes.length} bytes of gzip)${counts}`, { cause: error });
    }
    throw new DataError(`${file} is not a sound gzip file: ${reasonOf(error)}`, { cause: error });
  }
}

/** What the header promises, header included; null where there is no whole header. */
function expectedBytes(bytes: Buffer): number | null {
  const rank = bytes[3]!;
  if (bytes.length < 4 || bytes.length < 4 + 4 * rank) return null;
  let count = 1;
  for (let axis = 0; axis < rank; axis++) count *= bytes.readUInt32BE(4 + 4 * axis);
  return 4 + 4 * rank + count;
}

export function parseIdx(file: string, bytes: Buffer, rank: number): Idx {
  const magic = bytes.length < 4 ? null : bytes.readUInt32BE(0);
  const wanted = 0x800 + rank;
  const hex = (n: number) => `0x${n.toString(16).padStart(8, '0')}`;
  if (magic !== wanted)
    throw new DataError(
      `${file} is not an idx file of unsigned bytes with ${rank} ${rank === 1 ? 'axis' : 'axes'}: ` +
        `expected it to start with ${hex(wanted)}, got ${magic === null ? `${bytes.length} bytes` : hex(magic)}`,
    );
  const expected = expectedBytes(bytes);
  if (expected === null)
    throw new DataError(`${file} is cut short: expected a header of ${4 + 4 * rank} bytes, got ${bytes.length} bytes`);
  if (bytes.length !== expected)
    throw new DataError(
      `${file} is ${bytes.length < expected ? 'cut short' : 'too long'}: expected ${expected} bytes${file.endsWith('.gz') ? ' after unpacking' : ''}, got ${bytes.length}`,
    );
  const shape = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  return { shape, data: bytes.subarray(4 + 4 * rank) };
}
