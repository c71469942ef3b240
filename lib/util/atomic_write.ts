// A file is either the old one or the new one, whole: what a reader sees after a crash, a full disk or a kill at any moment.
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Something could not be written; `what` says what and where. */
export class WriteError extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}: ${reasonOf(cause)}`, { cause });
  }
}

/** Whether it was for want of room on the disk, wherever down the chain of causes that is said. */
export function isFull(error: unknown): boolean {
  for (let e = error as NodeJS.ErrnoException | undefined; e instanceof Error; e = e.cause as typeof e)
    if (e.code === 'ENOSPC' || e.code === 'EDQUOT') return true;
  return false;
}

/**
 * Writes `path` by way of a temporary file in the same folder: write, fsync, rename, fsync of the folder.
 *
 * @throws WriteError `cannot write PATH: …` where anything fails; the old file is then as it was, and the temporary one is gone.
 */
export async function atomicWrite(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  const prefix = `.${basename(path)}.`;
  const temporary = join(folder, `${prefix}${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
  let made = false;
  try {
    await removeLeftovers(folder, prefix);
    const file = await open(temporary, 'wx', 0o666);
    made = true;
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    made = false;
    await syncFolder(folder);
  } catch (error) {
    if (made) await unlink(temporary).catch(() => {});
    throw new WriteError(`cannot write ${path}`, error);
  }
}

/** Writes all of `bytes` at the file's position: one `write` may stop early on a disk that is nearly full. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  // 8 MB at a time, so that other files' reads and writes get their turn on the thread pool
  const most = 2 ** 23;
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(most, bytes.length - at));
    at += bytesWritten;
  }
}

/** Writes all of `bytes` at the end of an open file that is called `path`. @throws WriteError; a part may be written then */
export function appendAll(file: number, path: string, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  } catch (error) {
    throw new WriteError(`cannot write ${path}`, error);
  }
}

/** Temporary files of writers that were killed. */
async function removeLeftovers(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(prefix) ? /^(\d+)\.[0-9a-f]{8}\.tmp$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && !running(Number(pid))) await unlink(join(folder, name)).catch(() => {});
  }
}

function running(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** The rename itself reaches the disk with its folder. Some file systems cannot sync a folder (EINVAL) and need not. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync().catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EINVAL' && error.code !== 'ENOTSUP') throw error;
    });
  } finally {
    await handle.close();
  }
}

const texts: Record<string, string> = {
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than this process may write',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOENT: 'no such file or folder',
  EEXIST: 'there is something else of that name',
  ENOTDIR: 'part of the path is not a folder',
  EISDIR: 'it is a folder',
  EIO: 'the device reported an input/output error',
  ELOOP: 'a loop of symbolic links',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files in the system',
};

/** Why a file operation failed, in words and the system's code: `no space left on the disk (ENOSPC)`. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code !== undefined && texts[code]) return `${texts[code]} (${code})`;
  return ((error as Error | null)?.message ?? String(error)).split('\n')[0]!;
}
