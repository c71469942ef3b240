// One shard from its images: what a worker does.
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../util/atomic_write';
import { DecodeError, decodePicture, encodeStored } from '../images';
import { type ShardEncoding, type ShardRecord, writeShard } from '../shard_file';
import { Sums } from './statistics';

/** An image file, or a member of an archive. */
export interface SourceImage {
  readonly path: string;
  readonly offset: number;
  /** −1: the whole file. */
  readonly length: number;
  readonly label: number;
  /** For people: where in the source it is. */
  readonly name: string;
}

export interface ShardSettings {
  readonly size: number;
  readonly encoding: ShardEncoding;
  readonly quality: number;
  /** The most pixels an image may unfold to. */
  readonly maxPixels: number;
}

export interface ShardJob {
  readonly file: string;
  readonly images: readonly SourceImage[];
  /** Of settings and images. */
  readonly digest: string;
}

export function jobDigest(images: readonly SourceImage[], settings: ShardSettings): string {
  const hash = createHash('sha256').update(JSON.stringify(settings));
  for (const { name, label, offset, length } of images) hash.update(`\0${name}\0${label}\0${offset}\0${length}`);
  return hash.digest('hex').slice(0, 32);
}

/** The largest file that is read: a photograph has a few megabytes. */
const MOST_BYTES = 2 ** 28;
/** Images in hand at a time: reading and decoding overlap. */
const AHEAD = 3;

/** The work was stopped from outside. */
export class Stopped extends Error {}

/**
 * Writes the shard into `out`; images that cannot be read are left out and listed in it.
 * @param done told after each image
 * @throws Stopped where the signal came first; Error `cannot write …`
 */
export async function makeShard(
  out: string,
  job: ShardJob,
  settings: ShardSettings,
  signal: AbortSignal,
  done: () => void,
): Promise<{ images: number; skipped: number }> {
  const { size, encoding, quality } = settings;
  const sums = new Sums(3, size * size);
  const skipped: { name: string; reason: string }[] = [];
  using files = new OpenFiles();
  const make = async (image: SourceImage): Promise<{ planes: Uint8Array; record: ShardRecord } | null> => {
    try {
      const planes = await decodePicture(await files.read(image), size, settings.maxPixels);
      const bytes = encoding === 'raw' ? planes : await encodeStored(planes, size, quality);
      return { planes, record: { bytes, label: image.label, name: image.name } };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      skipped.push({ name: image.name, reason: error.message });
      return null;
    }
  };
  let written = 0;
  const records = async function* (): AsyncGenerator<ShardRecord> {
    const queue: ReturnType<typeof make>[] = [];
    try {
      for (let next = 0; next < job.images.length || queue.length > 0; ) {
        while (queue.length < AHEAD && next < job.images.length) {
          const made = make(job.images[next++]!);
          made.catch(() => {}); // reported where it is awaited
          queue.push(made);
        }
        const made = await queue.shift()!;
        if (signal.aborted) throw new Stopped('stopped');
        if (made) {
          sums.add(made.planes);
          written++;
          yield made.record;
        }
        done();
      }
    } finally {
      await Promise.allSettled(queue);
    }
  };
  const shape = { encoding, channels: 3, height: size, width: size };
  try {
    await writeShard(join(out, job.file), shape, records(), () => {
      // images in hand end in any order
      skipped.sort((a, b) => (a.name < b.name ? -1 : 1));
      return { pixels: sums.pixels, products: sums.products, job: job.digest, skipped };
    });
  } catch (error) {
    throw (error as Error).cause instanceof Stopped ? (error as Error).cause : error;
  }
  return { images: written, skipped: skipped.length };
}

/** Archives are opened once a shard. */
class OpenFiles implements Disposable {
  readonly #open = new Map<string, Promise<FileHandle>>();

  /** @throws DecodeError where the file cannot be read */
  async read({ path, offset, length }: SourceImage): Promise<Buffer> {
    let own: FileHandle | undefined;
    try {
      let file: FileHandle;
      if (length < 0) file = own = await open(path, 'r');
      else {
        if (!this.#open.has(path)) this.#open.set(path, open(path, 'r'));
        file = await this.#open.get(path)!;
      }
      const bytes = own ? (await own.stat()).size : length;
      if (bytes > MOST_BYTES) throw new DecodeError(`it has ${bytes} bytes, more than ${MOST_BYTES}`);
      const out = Buffer.allocUnsafe(bytes);
      for (let at = 0; at < bytes; ) {
        const { bytesRead } = await file.read(out, at, bytes - at, offset + at);
        if (bytesRead === 0) throw new DecodeError('the file ends within it');
        at += bytesRead;
      }
      return out;
    } catch (error) {
      throw error instanceof DecodeError ? error : new DecodeError(reasonOf(error), { cause: error });
    } finally {
      await own?.close();
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#open.values()) file.then((f) => f.close()).catch(() => {});
  }
}
