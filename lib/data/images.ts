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

/** The most pixels that an image file may unfold to where nobody says: sharp's own limit. */
const MOST_PIXELS = 0x3fff ** 2;

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
      return await decodePicture(await readFile(path), this.size, MOST_PIXELS);
    } catch (error) {
      if (error instanceof DataError || error instanceof DecodeError) throw error;
      throw new DecodeError(reasonOf(error), { cause: error });
    } finally {
      // the next one takes over this one's place
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

async function decodeImage(sharp: SharpModule, file: Buffer, size: number, pixels: number): Promise<Uint8Array> {
  // failOn 'error': an image that is cut short fails, one with an odd colour profile does not
  const data = await sharp(file, { failOn: 'error', autoOrient: true, limitInputPixels: pixels })
    .flatten({ background: '#ffffff' })
    .resize(size, size, { fit: 'cover', position: 'centre', kernel: 'lanczos3' })
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

/** Planes of a stored record, a JPEG of height × width pixels: what the addon's own decoder does, without it. */
export async function decodeStored(file: Uint8Array, height: number, width: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const { data, info } = await sharp(Buffer.from(file.buffer, file.byteOffset, file.byteLength), { failOn: 'warning' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.height !== height || info.width !== width || info.channels !== 3)
    throw new DecodeError(
      `the image has ${info.height}×${info.width} pixels of ${info.channels} colours, expected ${height}×${width} of 3`,
    );
  return toPlanes(data, height * width);
}

/**
 * An image file as it is stored: shorter side to `size` (Lanczos), the central square; planes of sRGB.
 * @param pixels the most that the file may unfold to
 * @throws DecodeError with the reason alone
 */
export async function decodePicture(file: Buffer, size: number, pixels: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  try {
    return await decodeImage(sharp, file, size, pixels);
  } catch (error) {
    throw new DecodeError(decodeFault(file, (error as Error).message, pixels), { cause: error });
  }
}

/** In words of our own: where several images fail at a time, sharp's own may be those of another. */
function decodeFault(file: Buffer, message: string, pixels: number): string {
  if (file.length === 0) return 'the file is empty';
  if (message.includes('pixel limit')) return `it would unfold to more than ${pixels} pixels`;
  return message.includes('unsupported image format') ? 'it is no image' : 'it is damaged or cut short';
}

/** Planes of size × size as a JPEG file, colours at half the resolution as photographs have them. */
export async function encodeStored(planes: Uint8Array, size: number, quality: number): Promise<Buffer> {
  const sharp = await loadSharp();
  const area = size * size;
  const data = Buffer.alloc(3 * area);
  for (let c = 0; c < 3; c++)
    for (let i = 0, from = c * area, to = c; i < area; i++, to += 3) data[to] = planes[from++]!;
  return sharp(data, { raw: { width: size, height: size, channels: 3 } } as SharpOptions)
    .jpeg({ quality, chromaSubsampling: '4:2:0' })
    .toBuffer();
}

/** For processes that decode many images side by side: one thread an image, nothing kept. */
export async function singleThreaded(): Promise<void> {
  const sharp = (await loadSharp()) as unknown as { concurrency(n: number): void; cache(on: boolean): void };
  sharp.concurrency(1);
  sharp.cache(false);
}
