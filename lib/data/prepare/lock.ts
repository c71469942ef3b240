// One writer a folder. A lock left by a process that is gone, killed or not, is taken over.
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { reasonOf } from '../../util/atomic_write';
import { DataError } from '../dataset';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, so that another with its number is not taken for it. */
  readonly started: string | null;
}

const NAME = 'prepare.lock';

/**
 * Takes the lock of a folder.
 * @returns how to give it back
 * @throws DataError where another process holds it
 */
export function takeLock(dir: string): () => void {
  const path = join(dir, NAME);
  const own: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  // A link appears whole or not at all, and only where there is none.
  const draft = join(dir, `.${NAME}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    writeFileSync(draft, JSON.stringify(own), { flag: 'wx' });
    for (let attempt = 0; ; attempt++) {
      try {
        linkSync(draft, path);
        return () => release(path, own);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 20) throw error;
      }
      const holder = read(path);
      if (holder && isAlive(holder))
        throw new DataError(
          `${dir} is being written by another process (${holder.pid} on ${holder.host}); if it is not, remove ${path}`,
        );
      discard(path);
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`cannot write ${path}: ${reasonOf(error)}`, { cause: error });
  } finally {
    try {
      unlinkSync(draft);
    } catch {
      // it was not written
    }
  }
}

function release(path: string, own: Holder): void {
  const holder = read(path);
  if (holder && holder.pid === own.pid && holder.host === own.host) unlinkSync(path);
}

function read(path: string): Holder | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

/** Moved aside first: of two processes that find a dead lock, one moves it. */
function discard(path: string): void {
  const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
    const moved = read(aside);
    // the other was faster and this is its own, fresh lock: back with it
    if (moved && isAlive(moved)) renameSync(aside, path);
    else unlinkSync(aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function isAlive({ pid, host, started }: Holder): boolean {
  // of another machine's processes nothing is known here
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = startOf(pid);
  return started === null || now === null || now === started;
}

/** Clock ticks from the system's start to the process's, where /proc tells; null for one that is dead and not yet buried, too. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'gone' : (fields[19] ?? null);
  } catch {
    return null;
  }
}
