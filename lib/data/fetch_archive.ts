// Small public sets that come as one compressed archive: downloaded in pieces that survive a stop, checked, and unpacked.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Parser } from 'tar';
import { atomicWrite, reasonOf, writeAll } from '../util/atomic_write';
import { makeFolder } from '../util/make_folder';
import { DataError } from './dataset';
import { networkReason } from './fetch';

export interface ArchiveSet {
  /** Where it can be had, one after another. */
  readonly addresses: readonly string[];
  readonly bytes: number;
  readonly sha256: string;
  /** The folder that it unpacks to. */
  readonly folder: string;
  /** Names of members that are written; whatever else an archive holds is passed over. */
  readonly members: RegExp;
  /** How many they are. */
  readonly files: number;
}

/** Checksums as TensorFlow Datasets lists them. */
export const archiveSets: Readonly<Record<'cifar10' | 'imagenette', ArchiveSet>> = {
  cifar10: {
    addresses: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
    bytes: 170_052_171,
    sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
    folder: 'cifar-10-batches-bin',
    members: /^cifar-10-batches-bin\/(data_batch_[1-5]\.bin|test_batch\.bin|batches\.meta\.txt)$/,
    files: 7,
  },
  imagenette: {
    addresses: ['https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz'],
    bytes: 341_663_724,
    sha256: '569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c',
    folder: 'imagenette2-320',
    members: /^imagenette2-320\/(train|val)\/n\d{8}\/[\w-]+\.JPEG$/,
    files: 13_394,
  },
};

export interface FetchArchiveOptions {
  log?: ((line: string) => void) | undefined;
  /** Bytes there are, and bytes in all. */
  progress?: ((done: number, total: number) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** Seconds without a byte after which an address counts as dead. Default 20. */
  patience?: number;
}

/**
 * Puts a set into `dir` and returns its folder there; one that is there already is left alone. What was downloaded before a stop is kept
 * (`….part`) and gone on from. The folder appears under its name once all of it is there.
 * @throws DataError in one line, naming the address and what went wrong
 */
export async function fetchArchive(set: ArchiveSet, dir: string, options: FetchArchiveOptions = {}): Promise<string> {
  const folder = join(dir, set.folder);
  if (existsSync(folder)) return folder;
  try {
    makeFolder(dir);
    const archive = join(dir, set.addresses[0]!.slice(set.addresses[0]!.lastIndexOf('/') + 1));
    await download(set, archive, options);
    options.log?.(`unpacking ${archive}`);
    await unpack(set, archive, folder);
    await unlink(archive);
  } catch (error) {
    if (error instanceof DataError || options.signal?.aborted) throw error;
    throw new DataError(`cannot write into ${dir}: ${reasonOf(error)}`, { cause: error });
  }
  return folder;
}

async function download(set: ArchiveSet, archive: string, options: FetchArchiveOptions): Promise<void> {
  if (existsSync(archive) && (await faultOf(archive, set)) === null) return;
  const part = `${archive}.part`;
  const faults: string[] = [];
  for (const address of set.addresses) {
    options.log?.(`downloading ${address} (${(set.bytes / 1e6).toFixed(0)} MB)`);
    try {
      await append(set, address, part, options);
      const fault = await faultOf(part, set);
      if (fault === null) return await rename(part, archive);
      await unlink(part);
      faults.push(`${address}: ${fault}`);
    } catch (error) {
      options.signal?.throwIfAborted();
      if ((error as NodeJS.ErrnoException).syscall === 'write') throw error;
      faults.push(`${address}: ${networkReason(error, options.patience ?? 20)}`);
    }
  }
  throw new DataError(`could not download ${faults.join('; ')}; run it again to go on`);
}

/** Goes on behind what is in `part`; begins anew where the server does not give pieces. */
async function append(set: ArchiveSet, address: string, part: string, options: FetchArchiveOptions): Promise<void> {
  const { patience = 20, signal, progress } = options;
  let done = await stat(part).then(
    (s) => (s.size > set.bytes ? 0 : s.size),
    () => 0,
  );
  if (done === set.bytes) return;
  const abort = new AbortController();
  const stop = () => abort.abort();
  signal?.addEventListener('abort', stop);
  let timer = setTimeout(stop, patience * 1000);
  try {
    const headers: Record<string, string> = done > 0 ? { range: `bytes=${done}-` } : {};
    const response = await fetch(address, { signal: abort.signal, headers });
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trimEnd());
    if (response.status !== 206) done = 0;
    const file = await open(part, done > 0 ? 'a' : 'w');
    try {
      for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(timer);
        timer = setTimeout(stop, patience * 1000);
        done += bytes.length;
        if (done > set.bytes) throw new Error(`more than the ${set.bytes} bytes that were expected`);
        await writeAll(file, bytes);
        progress?.(done, set.bytes);
      }
    } finally {
      await file.close();
    }
    if (done < set.bytes) throw new Error(`the connection ended after ${done} of ${set.bytes} bytes`);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    abort.abort();
  }
}

async function faultOf(path: string, { sha256, bytes }: ArchiveSet): Promise<string | null> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  const sum = hash.digest('hex');
  return sum === sha256 ? null : `wrong checksum: expected SHA-256 ${sha256} (${bytes} bytes), got ${sum}`;
}

/** Only regular files whose names are expected are written, into a folder that gets its name at the end. */
async function unpack(set: ArchiveSet, archive: string, folder: string): Promise<void> {
  const draft = `${folder}.unpacking`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const writing: Promise<void>[] = [];
  let files = 0;
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry) => {
      if (entry.type !== 'File' || !set.members.test(entry.path)) return void entry.resume();
      files++;
      const path = join(draft, entry.path.slice(set.folder.length + 1));
      const work = (async () => {
        const pieces: Buffer[] = [];
        for await (const piece of entry) pieces.push(Buffer.from(piece));
        await mkdir(dirname(path), { recursive: true });
        await atomicWrite(path, (file) => writeAll(file, Buffer.concat(pieces)));
      })();
      work.catch(() => {}); // reported where it is awaited
      writing.push(work);
    },
  });
  try {
    await new Promise<void>((resolve, reject) => {
      parser.on('end', resolve).on('error', reject);
      createReadStream(archive)
        .on('error', reject)
        .pipe(parser as unknown as NodeJS.WritableStream);
    });
  } catch (error) {
    throw new DataError(`${archive} cannot be unpacked: ${reasonOf(error)}`, { cause: error });
  }
  await Promise.all(writing);
  if (files !== set.files)
    throw new DataError(`${archive} holds ${files} of the ${set.files} files that belong to ${set.folder}`);
  await rename(draft, folder);
}
