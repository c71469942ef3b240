// Folders and the folders they lie in. Not by `mkdir` with `recursive`, which never returns where a file system answers that there is no
// such folder whatever is made above it, as /proc does (Node 20 and 22).
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Makes `path` and what is missing above it; nothing where it is there. @throws the system's error where that cannot be. */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !made(at); at = dirname(at)) missing.push(at);
  for (const at of missing.reverse()) if (!made(at)) mkdirSync(at);
}

/**
 * Makes `path`, where the folder around it is there; false where something of that name is. One call decides it, so that of two processes
 * that want the same name one alone gets it. @throws the system's error where it is another
 */
export function makeNew(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether there is a folder now; false where the one around it is missing. */
function made(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && dirname(path) !== path) return false;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return true;
    throw error;
  }
}
