// Decoding of image files by sharp: the only file that loads it for data.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Sharp, SharpOptions } from 'sharp';
import { reasonOf } from '../util/atomic_write';
import { DataError } from './dataset';

/** What sharp reads; a drawing (SVG) is not a photograph and is passed over. */
const extensions = /\.(jpe?g|jpe|png|webp|gif|tiff?|avif)$/i;

export function isImageName(name: string): boolean {
  return extensions.test(name) && !name.startsWith('.');
}

type SharpModule = (input: Buffer, options?: SharpOptions) => Sharp;

/** Loaded at the first image, so that data sets without image files work where sharp does not. */
export async function loadSharp(): Promise<SharpModule> {
  try {
    return (await import('sharp')).default;
  } catch (error) {
    throw new DataError(
      `sharp, which decodes images, could not be loaded (${reasonOf(error)}); npm install --include=optional sharp`,
      { cause: error },
    );
  }
}

/** An image that cannot be decoded; the message is the reason alone. */
export class DecodeError extends Error {}

/** Decodes image files to size × size: shorter side to `size`, the central square, on white where the image is transparent; 3 × size × size bytes of sRGB. */
export class Decoder {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param limit the number of images decoded at a time */
  constructor(
    readonly size: number,
    readonly limit = Math.max(2, Math.min(8, availableParallelism())),
  ) {}

  /** @throws DecodeError where the file cannot be read or is not an image */
  async decode(path: string): Promise<Uint8Array> {
    if (this.#running >= this.limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      const sharp = await loadSharp();
      return await decodeImage(sharp, await readFile(path), this.size);
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DecodeError(reasonOf(error), { cause: error });
    } finally {
      // the next one takes over this one's place
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

async function decodeImage(sharp: SharpModule, file: Buffer, size: number): Promise<Uint8Array> {
  // failOn 'error': an image that is cut short fails, one with an odd colour profile does not
  const data = await sharp(file, { failOn: 'error', autoOrient: true })
    .flatten({ background: '#ffffff' })
    .resize(size, size, { fit: 'cover', position: 'centre' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer();
  return toPlanes(data, size * size);
}

/** Interleaved colours to red, green and blue planes. */
function toPlanes(data: Uint8Array, area: number): Uint8Array {
  const out = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++)
    for (let i = 0, from = c, to = c * area; i < area; i++, from += 3) out[to++] = data[from]!;
  return out;
}
