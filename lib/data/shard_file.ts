// One file of a prepared set: records (raw planes or JPEG) one after another, then an index with a checksum for each, then the exact sums
// from which the set's statistics come. docs/data.md has the format, byte by byte.
import { closeSync, openSync, readSync } from 'node:fs';
import { addon } from '../native/addon';
import { atomicWrite, reasonOf, writeAll } from '../util/atomic_write';
import { DataError } from './dataset';

export type ShardEncoding = 'raw' | 'jpeg';

/** What all records of a set have in common. */
export interface ShardShape {
  readonly encoding: ShardEncoding;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export interface ShardRecord {
  /** Planes (raw) or a JPEG file. */
  readonly bytes: Uint8Array;
  readonly label: number;
  /** Where the image came from. */
  readonly name: string;
}

/** Sums over the pixels of a shard's images. All are whole numbers below 2^53, so exact: they can be added in any order. */
export interface ShardSums {
  /** By place in the image: channels × height × width. */
  readonly pixels: Uint32Array;
  /** Σ aᵢ·aⱼ over all pixels for channels i ≤ j, row by row: 6 for 3 channels. */
  readonly products: readonly number[];
}

export interface ShardStatistics extends ShardSums {
  /** Digest of what the shard was made from. */
  readonly job: string;
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/** The index of a shard, in arrays: one entry a record. */
export interface ShardIndex {
  readonly count: number;
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
  /** CRC-32C of the stored bytes. */
  readonly checksums: Uint32Array;
  readonly labels: Int32Array;
  name(i: number): string;
}

const MAGIC = Buffer.from('CTSHARD\x01', 'latin1');
const HEADER = 64;
const ENTRY = 24;
const encodings: readonly ShardEncoding[] = ['raw', 'jpeg'];

interface Header extends ShardShape {
  readonly count: number;
  readonly indexAt: number;
  readonly indexBytes: number;
  readonly indexSum: number;
  readonly statisticsBytes: number;
  readonly statisticsSum: number;
}

/**
 * Writes a shard: it appears under its name whole, or not at all.
 * @param statistics asked for after the last record
 * @returns the file's size
 * @throws Error `cannot write PATH: …`
 */
export async function writeShard(
  path: string,
  shape: ShardShape,
  records: AsyncIterable<ShardRecord>,
  statistics: () => ShardStatistics,
): Promise<number> {
  let size = 0;
  await atomicWrite(path, async (file) => {
    const entries: Buffer[] = [];
    const names: Buffer[] = [];
    let namesEnd = 0;
    await writeAll(file, Buffer.alloc(HEADER));
    size = HEADER;
    for await (const { bytes, label, name } of records) {
      const text = Buffer.from(name);
      namesEnd += text.length;
      const entry = Buffer.alloc(ENTRY);
      entry.writeBigUInt64LE(BigInt(size), 0);
      entry.writeUInt32LE(bytes.length, 8);
      entry.writeUInt32LE(checksum(bytes), 12);
      entry.writeInt32LE(label, 16);
      entry.writeUInt32LE(namesEnd, 20);
      entries.push(entry);
      names.push(text);
      await writeAll(file, bytes);
      size += bytes.length;
    }
    const index = Buffer.concat([...entries, ...names]);
    const { pixels, ...rest } = statistics();
    const sums = Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength);
    const tail = Buffer.concat([sums, Buffer.from(JSON.stringify(rest))]);
    await writeAll(file, index);
    await writeAll(file, tail);
    const header = headerBytes({
      ...shape,
      count: entries.length,
      indexAt: size,
      indexBytes: index.length,
      indexSum: checksum(index),
      statisticsBytes: tail.length,
      statisticsSum: checksum(tail),
    });
    await file.write(header, 0, HEADER, 0);
    size += index.length + tail.length;
  });
  return size;
}

function headerBytes(h: Header): Buffer {
  const bytes = Buffer.alloc(HEADER);
  MAGIC.copy(bytes);
  [encodings.indexOf(h.encoding), h.channels, h.height, h.width, h.count, 1].forEach((value, i) => {
    bytes.writeUInt32LE(value, 8 + 4 * i);
  });
  bytes.writeBigUInt64LE(BigInt(h.indexAt), 32);
  [h.indexBytes, h.indexSum, h.statisticsBytes, h.statisticsSum].forEach((value, i) => {
    bytes.writeUInt32LE(value, 40 + 4 * i);
  });
  bytes.writeUInt32LE(checksum(bytes.subarray(0, 60)), 60);
  return bytes;
}

const checksum = (bytes: Uint8Array): number => addon.crc32c(bytes);

/** An open shard. Reading is by position (`pread`), so any number of threads and processes may share one file. */
export class ShardFile {
  private constructor(
    readonly path: string,
    /** Open until {@link close}. */
    readonly descriptor: number,
    readonly size: number,
    private readonly header: Header,
  ) {}

  /** @throws DataError in one line: the file and what is wrong with it */
  static open(path: string): ShardFile {
    let descriptor: number;
    try {
      descriptor = openSync(path, 'r');
    } catch (error) {
      throw new DataError(`${path} cannot be opened: ${reasonOf(error)}`, { cause: error });
    }
    try {
      const header = readHeader(path, read(path, descriptor, 0, HEADER, 'header'));
      const size = header.indexAt + header.indexBytes + header.statisticsBytes;
      const last = Buffer.alloc(2);
      const there = readSync(descriptor, last, 0, 2, size - 1);
      if (there !== 1)
        throw new DataError(`${path} is ${there < 1 ? 'cut short' : 'too long'}: expected ${size} bytes`);
      return new ShardFile(path, descriptor, size, header);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  get shape(): ShardShape {
    const { encoding, channels, height, width } = this.header;
    return { encoding, channels, height, width };
  }

  get count(): number {
    return this.header.count;
  }

  index(): ShardIndex {
    const { count, indexAt, indexBytes, indexSum } = this.header;
    const bytes = read(this.path, this.descriptor, indexAt, indexBytes, 'index');
    if (checksum(bytes) !== indexSum)
      throw new DataError(`${this.path} is damaged: its index has another checksum than was written`);
    const index = {
      offsets: new Float64Array(count),
      lengths: new Uint32Array(count),
      checksums: new Uint32Array(count),
      labels: new Int32Array(count),
    };
    const ends = new Uint32Array(count);
    for (let i = 0, at = 0; i < count; i++, at += ENTRY) {
      index.offsets[i] = Number(bytes.readBigUInt64LE(at));
      index.lengths[i] = bytes.readUInt32LE(at + 8);
      index.checksums[i] = bytes.readUInt32LE(at + 12);
      index.labels[i] = bytes.readInt32LE(at + 16);
      ends[i] = bytes.readUInt32LE(at + 20);
    }
    const names = Buffer.from(bytes.subarray(count * ENTRY));
    const name = (i: number) => names.toString('utf8', i === 0 ? 0 : ends[i - 1]!, ends[i]!);
    return { count, ...index, name };
  }

  statistics(): ShardStatistics {
    const { channels, height, width, indexAt, indexBytes, statisticsBytes, statisticsSum } = this.header;
    const bytes = read(this.path, this.descriptor, indexAt + indexBytes, statisticsBytes, 'statistics');
    if (checksum(bytes) !== statisticsSum)
      throw new DataError(`${this.path} is damaged: its statistics have another checksum than was written`);
    const pixels = new Uint32Array(channels * height * width);
    new Uint8Array(pixels.buffer).set(bytes.subarray(0, pixels.byteLength));
    return { pixels, ...JSON.parse(bytes.toString('utf8', pixels.byteLength)) };
  }

  /** The stored bytes of record `i`. */
  record(index: ShardIndex, i: number): Buffer {
    const bytes = read(this.path, this.descriptor, index.offsets[i]!, index.lengths[i]!, `record ${i}`);
    if (checksum(bytes) !== index.checksums[i]!)
      throw new DataError(`${this.path}, record ${i} (${index.name(i)}): its checksum is wrong: the file is damaged`);
    return bytes;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function read(path: string, descriptor: number, at: number, bytes: number, what: string): Buffer {
  const out = Buffer.alloc(bytes);
  try {
    for (let done = 0; done < bytes; ) {
      const n = readSync(descriptor, out, done, bytes - done, at + done);
      if (n === 0)
        throw new DataError(
          `${path} is cut short: its ${what} ends at byte ${at + bytes}, the file at byte ${at + done}`,
        );
      done += n;
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  return out;
}

function readHeader(path: string, bytes: Buffer): Header {
  if (!bytes.subarray(0, 7).equals(MAGIC.subarray(0, 7)))
    throw new DataError(`${path} is no shard: expected it to start with CTSHARD`);
  const word = (i: number) => bytes.readUInt32LE(8 + 4 * i);
  if (bytes[7] !== 1 || word(5) !== 1)
    throw new DataError(`${path} is a shard of another version (${bytes[7]}.${word(5)}), expected 1.1`);
  if (checksum(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60))
    throw new DataError(`${path} is damaged: its header has another checksum than was written`);
  return {
    encoding: encodings[word(0)]!,
    channels: word(1),
    height: word(2),
    width: word(3),
    count: word(4),
    indexAt: Number(bytes.readBigUInt64LE(32)),
    indexBytes: bytes.readUInt32LE(40),
    indexSum: bytes.readUInt32LE(44),
    statisticsBytes: bytes.readUInt32LE(48),
    statisticsSum: bytes.readUInt32LE(52),
  };
}
