// Downloads of Fashion-MNIST, checked by SHA-256 before they get their names.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { checkNumber, checkOptions, show } from '../tensor/checks';
import { atomicWrite, reasonOf, writeAll } from '../util/atomic_write';
import { makeFolder } from '../util/make_folder';
import { checkFunction } from './arguments';
import { DataError } from './dataset';

const unzip = promisify(gunzip);

/** The authors' repository and their bucket. */
const SOURCES = [
  'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
  'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
];

/** The four files: bytes after unpacking, and the SHA-256 of those bytes (gzip's own header holds a date and may differ between mirrors). */
const FILES = [
  ['train-labels-idx1-ubyte.gz', 60_008, 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9'],
  ['t10k-labels-idx1-ubyte.gz', 10_008, '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34'],
  ['t10k-images-idx3-ubyte.gz', 7_840_016, '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b'],
  ['train-images-idx3-ubyte.gz', 47_040_016, 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888'],
] as const;

export interface FetchOptions {
  /** Addresses to try, one after another; the file's name is put at the end. Default: the authors' own. */
  sources?: readonly string[] | undefined;
  log?: ((line: string) => void) | undefined;
  /** Seconds without a byte after which a source counts as dead. Default 10. */
  patience?: number;
  /** @internal The files to get: name, bytes after unpacking, SHA-256 of those. */
  files?: readonly (readonly [string, number, string])[];
}

/**
 * Puts the four files of Fashion-MNIST (31 MB) into `dir`, made where it is missing; files that are there and sound are left alone.
 * A file appears under its name only once its checksum is right.
 * @throws DataError in one line, naming the file, the address and what went wrong
 */
export async function fetchFashionMnist(dir: string, options: FetchOptions = {}): Promise<void> {
  if (typeof dir !== 'string' || dir === '')
    throw new TypeError(`fetchFashionMnist: dir must be the path of a folder, got ${show(dir)}`);
  const known = ['sources', 'log', 'patience', 'files'] as const;
  const { sources = SOURCES, log, patience = 10, files = FILES } = checkOptions('fetchFashionMnist', options, known);
  if (!Array.isArray(sources))
    throw new TypeError(`fetchFashionMnist: sources must be an array of addresses, got ${show(sources)}`);
  for (const [i, source] of sources.entries())
    if (typeof source !== 'string')
      throw new TypeError(`fetchFashionMnist: sources[${i}] must be an address, got ${show(source)}`);
  checkFunction('fetchFashionMnist', 'log', log);
  checkNumber('fetchFashionMnist', 'patience', patience);
  if (!(patience > 0)) throw new RangeError(`fetchFashionMnist: patience must be above 0 seconds, got ${patience}`);
  try {
    makeFolder(dir);
  } catch (error) {
    throw new DataError(`cannot make the folder ${dir}: ${reasonOf(error)}`, { cause: error });
  }
  for (const file of files) {
    const [name] = file;
    const path = join(dir, name);
    const there = await readFile(path).catch(() => null);
    if (there && (await faultOf(there, file)) === null) continue;
    const bytes = await fromAny(sources, file, patience, log);
    await atomicWrite(path, (handle) => writeAll(handle, bytes)).catch((error: Error) => {
      throw new DataError(error.message, { cause: error });
    });
  }
}

type File = readonly [string, number, string];

async function fromAny(
  sources: readonly string[],
  file: File,
  patience: number,
  log?: (line: string) => void,
): Promise<Buffer> {
  const faults: string[] = [];
  for (const source of sources) {
    const address = source + file[0];
    log?.(`downloading ${address}`);
    try {
      const bytes = await download(address, file[1], patience);
      const fault = await faultOf(bytes, file);
      if (fault === null) return bytes;
      faults.push(`${address}: ${fault}`);
    } catch (error) {
      faults.push(`${address}: ${networkReason(error, patience)}`);
    }
  }
  throw new DataError(`could not download ${faults.join('; ')}`);
}

async function download(address: string, unpacked: number, patience: number): Promise<Buffer> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), patience * 1000);
  try {
    const response = await fetch(address, { signal: abort.signal });
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trimEnd());
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), patience * 1000);
      size += part.length;
      // gzip adds a thousandth at the very worst
      if (size > unpacked * 1.01 + 1024) throw new Error(`more than ${size} bytes, expected fewer than ${unpacked}`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/** What is wrong with the bytes of a downloaded file; null where nothing is. */
async function faultOf(bytes: Buffer, [, size, sha256]: File): Promise<string | null> {
  let content: Buffer;
  try {
    content = await unzip(bytes, { maxOutputLength: size + 1 });
  } catch (error) {
    return `not a sound gzip file (${reasonOf(error)})`;
  }
  const sum = createHash('sha256').update(content).digest('hex');
  return sum === sha256 ? null : `wrong checksum: expected SHA-256 ${sha256}, got ${sum} (${content.length} bytes)`;
}

export function networkReason(error: unknown, patience: number): string {
  // by its fields, not by its class: fetch's errors may be of another realm
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  if (name === 'AbortError') return `no answer for ${patience} seconds`;
  return cause?.code ? `${message} (${cause.code})` : reasonOf(error);
}
