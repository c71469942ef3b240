// Where the members of a tar archive lie, so that they can be read by position, in any order, by many processes. Nothing of an archive is
// ever written under a name it gives.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Header, Pax } from 'tar';
import { reasonOf } from '../../util/atomic_write';
import { DataError } from '../dataset';

export interface TarMember {
  readonly name: string;
  /** Of the contents, in the file. */
  readonly offset: number;
  readonly length: number;
}

export interface Refused {
  readonly name: string;
  readonly reason: string;
}

/** Bytes of a file, or of an archive in it, by position. */
export interface Source {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  read(at: number, bytes: number): Buffer;
}

export class FileSource implements Source, Disposable {
  readonly start = 0;
  readonly end: number;
  readonly #descriptor: number;

  /** @throws DataError */
  constructor(readonly path: string) {
    try {
      this.#descriptor = openSync(path, 'r');
      this.end = fstatSync(this.#descriptor).size;
    } catch (error) {
      throw new DataError(`${path} cannot be read: ${reasonOf(error)}`, { cause: error });
    }
  }

  read(at: number, bytes: number): Buffer {
    const out = Buffer.allocUnsafe(bytes);
    let done = 0;
    try {
      while (done < bytes) {
        const n = readSync(this.#descriptor, out, done, bytes - done, at + done);
        if (n === 0) break;
        done += n;
      }
    } catch (error) {
      throw new DataError(`${this.path} cannot be read: ${reasonOf(error)}`, { cause: error });
    }
    return out.subarray(0, done);
  }

  /** The archive that is member `m` of this one. */
  within(m: TarMember): Source {
    return {
      path: `${this.path}(${m.name})`,
      start: m.offset,
      end: m.offset + m.length,
      read: (at, n) => this.read(at, n),
    };
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

export function memorySource(path: string, bytes: Buffer): Source {
  return { path, start: 0, end: bytes.length, read: (at, n) => bytes.subarray(at, at + n) };
}

const BLOCK = 512;
/** More than any name takes. */
const MOST_NAME = 1 << 20;
const links: Record<string, string> = { SymbolicLink: 'a symbolic link', Link: 'a hard link' };

/**
 * The files of an archive, in its order; `refused` is told of links and of names that lead out of the archive.
 * @throws DataError in one line where it is no sound tar archive, or is cut short
 */
export function* tarMembers(source: Source, refused: (what: Refused) => void): Generator<TarMember, void, void> {
  const { path, start, end } = source;
  let own: Pax | undefined;
  let global: Pax | undefined;
  let longName: string | undefined;
  for (let at = start; at < end; ) {
    const header = headerAt(source, at, own, global);
    if (header === null) return;
    const length = header.size ?? 0;
    const offset = at + BLOCK;
    const name = longName ?? header.path ?? '';
    const type = header.type;
    if (offset + length > end)
      throw new DataError(
        `${path} is cut short: its member ${name} ends at byte ${offset + length}, the archive at byte ${end}`,
      );
    at = offset + Math.ceil(length / BLOCK) * BLOCK;
    if (type === 'ExtendedHeader' || type === 'GlobalExtendedHeader' || /LongPath|LongLinkpath/.test(type)) {
      if (length > MOST_NAME) throw new DataError(`${path}: the header at byte ${offset - BLOCK} is too long`);
      const text = source.read(offset, length).toString('utf8');
      if (type === 'ExtendedHeader') own = Pax.parse(text, own);
      else if (type === 'GlobalExtendedHeader') global = Pax.parse(text, global, true);
      else if (type.endsWith('LongPath')) longName = text.replace(/\0.*$/s, '');
      continue;
    }
    own = longName = undefined;
    if (type in links) refused({ name, reason: `${links[type]}` });
    else if (/^(File|OldFile|ContiguousFile)$/.test(type) && !name.endsWith('/')) {
      if (name.startsWith('/') || name.split('/').includes('..'))
        refused({ name, reason: 'its name leads out of the archive' });
      else yield { name: name.replace(/^(\.\/)+/, ''), offset, length };
    }
  }
  // Cut between two members it would otherwise pass for a shorter whole.
  throw new DataError(`${path} is cut short: it ends at byte ${end - start} without the zeros that end an archive`);
}

/** null at the end of the archive: a block of zeros. */
function headerAt(source: Source, at: number, own?: Pax, global?: Pax): Header | null {
  const block = source.read(at, BLOCK);
  if (block.length < BLOCK)
    throw new DataError(`${source.path} is cut short: it ends within the header at byte ${at - source.start}`);
  const header = new Header(block, 0, own, global);
  if (header.nullBlock) return null;
  if (!header.cksumValid)
    throw new DataError(
      `${source.path} is no sound tar archive: there is no header at byte ${at - source.start}, where one belongs`,
    );
  return header;
}
