// The safetensors format (https://huggingface.co/docs/safetensors): 8 bytes with the length of the header, little-endian; the header, JSON:
// name → { dtype, shape, data_offsets: [begin, end] } and `__metadata__`: text → text; then the values, little-endian, row-major, without gaps.
import { type FileHandle, open } from 'node:fs/promises';
import { atomicWrite, reasonOf, writeAll } from '../util/atomic_write';

const arrays = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  F8_E5M2: Uint8Array,
  F8_E4M3: Uint8Array,
  U16: Uint16Array,
  I16: Int16Array,
  // JavaScript has no 16-bit floats: their bits
  F16: Uint16Array,
  BF16: Uint16Array,
  U32: Uint32Array,
  I32: Int32Array,
  F32: Float32Array,
  U64: BigUint64Array,
  I64: BigInt64Array,
  F64: Float64Array,
} as const;

export type SafetensorsDType = keyof typeof arrays;
export type ArrayOf<D extends SafetensorsDType> = InstanceType<(typeof arrays)[D]>;
export type AnyArray = ArrayOf<SafetensorsDType>;

/** A tensor to be written. `data` is called when its turn comes, so that a large model need not lie in memory twice. */
export interface TensorToWrite {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly data: () => ArrayBufferView | Promise<ArrayBufferView>;
}

export interface TensorEntry {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** Bytes from the start of the values. */
  readonly begin: number;
  readonly end: number;
}

/** A file that is not as the format has it; the message is one line that names the file. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

/** The limit of the format's reference implementation. */
const MOST_HEADER = 100_000_000;

/**
 * Writes `path` atomically: it holds the old content or the new, whole.
 * @throws Error `cannot write PATH: …`; what was there before is then untouched
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [name: string, tensor: TensorToWrite]>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  // the reference sorts by size of element, so that every tensor is aligned for a reader that maps the file
  const list = [...tensors].sort(
    ([, a], [, b]) => arrays[b.dtype].BYTES_PER_ELEMENT - arrays[a.dtype].BYTES_PER_ELEMENT,
  );
  const header = new Map<string, object>();
  header.set('__metadata__', metadata);
  let end = 0;
  for (const [name, { dtype, shape }] of list) {
    if (header.has(name)) throw new SafetensorsError(`cannot write ${path}: there are two tensors named '${name}'`);
    const begin = end;
    end += byteLength(dtype, shape);
    header.set(name, { dtype, shape, data_offsets: [begin, end] });
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const padding = (8 - (json.length % 8)) % 8;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length + padding));
  await atomicWrite(path, async (file) => {
    await writeAll(file, Buffer.concat([length, json, Buffer.alloc(padding, ' ')]));
    for (const [name, { dtype, shape, data }] of list) {
      const values = await data();
      const expected = byteLength(dtype, shape);
      if (values.byteLength !== expected)
        throw new Error(
          `'${name}' [${shape.join(', ')}] has ${values.byteLength} bytes of values, expected ${expected}`,
        );
      await writeAll(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  });
}

function byteLength(dtype: SafetensorsDType, shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, arrays[dtype].BYTES_PER_ELEMENT);
}

/** An open file whose header has been read and checked; values are read when they are asked for. */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    readonly metadata: Readonly<Record<string, string>>,
    readonly tensors: ReadonlyMap<string, TensorEntry>,
    private readonly start: number,
    private readonly file: FileHandle,
  ) {}

  /** @throws SafetensorsError in one line where the file cannot be read, is cut short, or its header is not as it should be */
  static async open(path: string): Promise<SafetensorsFile> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      throw new SafetensorsError(`cannot read ${path}: ${reasonOf(error)}`, { cause: error });
    }
    try {
      const { metadata, tensors, start } = await readHeader(path, file);
      return new SafetensorsFile(path, metadata, tensors, start, file);
    } catch (error) {
      await file.close();
      if (error instanceof SafetensorsError) throw error;
      throw new SafetensorsError(`cannot read ${path}: ${reasonOf(error)}`, { cause: error });
    }
  }

  /** The values of a tensor, in an array of their type; 16-bit and 8-bit floats as bits. */
  async read(name: string): Promise<AnyArray> {
    const entry = this.tensors.get(name);
    if (!entry) throw new SafetensorsError(`${this.path} holds no tensor named '${name}'`);
    const bytes = new Uint8Array(entry.end - entry.begin);
    await readFully(this.path, this.file, bytes, this.start + entry.begin);
    return new arrays[entry.dtype](bytes.buffer);
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

/** All of a file. */
export async function readSafetensors(path: string): Promise<{
  metadata: Readonly<Record<string, string>>;
  tensors: Map<string, { dtype: SafetensorsDType; shape: readonly number[]; data: AnyArray }>;
}> {
  const file = await SafetensorsFile.open(path);
  try {
    const tensors = new Map<string, { dtype: SafetensorsDType; shape: readonly number[]; data: AnyArray }>();
    for (const [name, { dtype, shape }] of file.tensors)
      tensors.set(name, { dtype, shape, data: await file.read(name) });
    return { metadata: file.metadata, tensors };
  } finally {
    await file.close();
  }
}

async function readFully(path: string, file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, Math.min(2 ** 23, bytes.length - at), position + at);
    if (bytesRead === 0)
      throw new SafetensorsError(`${path} is cut short: expected ${bytes.length} bytes from ${position} on, got ${at}`);
    at += bytesRead;
  }
}

async function readHeader(path: string, file: FileHandle) {
  const fail = (what: string): never => {
    throw new SafetensorsError(`${path} is not a sound safetensors file: ${what}`);
  };
  const status = await file.stat();
  if (!status.isFile()) fail('it is not a file');
  const { size } = status;
  if (size < 8) fail(`expected at least 8 bytes, got ${size}`);
  const prefix = Buffer.alloc(8);
  await readFully(path, file, prefix, 0);
  const length = prefix.readBigUInt64LE();
  if (length > MOST_HEADER) fail(`its header would have ${length} bytes, more than the ${MOST_HEADER} allowed`);
  const start = 8 + Number(length);
  if (start > size) fail(`it is cut short: expected a header of ${length} bytes, got ${size - 8}`);
  const text = new Uint8Array(Number(length));
  await readFully(path, file, text, 8);
  return { ...parseHeader(text, size - start, fail), start };
}

function parseHeader(text: Uint8Array, available: number, fail: (what: string) => never) {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (error) {
    return fail(`its header is not JSON (${reasonOf(error)})`);
  }
  if (text[0] !== 0x7b || !isRecord(header)) return fail('its header is not a JSON object');
  const tensors = new Map<string, TensorEntry>();
  const metadata: [string, string][] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') {
      tensors.set(name, parseEntry(name, value, fail));
      continue;
    }
    if (!isRecord(value)) return fail('__metadata__ is not an object');
    for (const [key, text] of Object.entries(value)) {
      if (typeof text !== 'string') return fail(`__metadata__ '${key}' is not a text`);
      metadata.push([key, text]);
    }
  }
  // in the order of the file they must cover the values without a gap or an overlap
  let at = 0;
  let before = 'the start';
  for (const [name, { begin, end }] of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at)
      return fail(
        `'${name}' ${begin < at ? 'overlaps' : 'leaves a gap after'} ${before}: it begins at ${begin}, expected ${at}`,
      );
    at = end;
    before = `'${name}'`;
  }
  if (at !== available)
    return fail(
      `${available < at ? 'it is cut short' : 'it is too long'}: expected ${at} bytes of values, got ${available}`,
    );
  return { metadata: Object.fromEntries(metadata), tensors };
}

function parseEntry(name: string, value: unknown, fail: (what: string) => never): TensorEntry {
  if (!isRecord(value)) return fail(`'${name}' is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(arrays, dtype))
    return fail(`'${name}' has the unknown dtype ${short(dtype)}; known are ${Object.keys(arrays).join(', ')}`);
  if (!isCounts(shape)) return fail(`'${name}' has the shape ${short(shape)}, expected an array of whole numbers`);
  if (!isCounts(offsets) || offsets.length !== 2)
    return fail(`'${name}' has the data_offsets ${short(offsets)}, expected two whole numbers`);
  const [begin, end] = offsets as [number, number];
  const expected = byteLength(dtype as SafetensorsDType, shape);
  if (end - begin !== expected)
    return fail(
      `'${name}' is ${dtype} [${shape.join(', ')}], ${expected} bytes, but its data_offsets ${short(offsets)} hold ${end - begin}`,
    );
  return { dtype: dtype as SafetensorsDType, shape, begin, end };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
