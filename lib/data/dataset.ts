// What every reader of images gives, whatever the files behind it look like.
import { show } from '../tensor/checks';
import { checkFunction, checkNumbers, checkPixels, checkSplit, checkWhole, isBytes } from './arguments';
import type { ColourComponents } from './colour';

/** A data set that cannot be read as it is: one line that names the file or folder and says what was expected. */
export class DataError extends Error {
  override readonly name: string = 'DataError';
}

/** A `--data` text that names no kind of data set there is. */
export class DataSpecError extends DataError {
  override readonly name = 'DataSpecError';
}

/** Labelled images of one stored size. */
export interface Split {
  /** Number of images. */
  readonly length: number;
  /** Class of image `i`, from 0. */
  label(i: number): number;
  /**
   * Image `i` as channels × height × width bytes; not to be written to. A promise where the image is not in memory and has to be
   * decoded; `ArrayBuffer.isView` tells which (an `await` an image would cost more than a small image does).
   */
  pixels(i: number): Uint8Array | Promise<Uint8Array>;
  /** Where image `i` comes from, for people: a path inside the data set, or `train 17`. */
  source(i: number): string;
  /** The mean image, where the reader has come by it already. */
  readonly mean?: Float32Array | undefined;
  /**
   * Where a reader can do better than image by image: writes the given images to `out`, one after another. `out` belongs to the call until
   * its promise settles.
   */
  readInto?(images: ArrayLike<number>, out: Uint8Array): Promise<void>;
}

export interface Dataset {
  readonly name: string;
  readonly classes: readonly string[];
  readonly channels: number;
  /** Stored height, in pixels. */
  readonly height: number;
  /** Stored width, in pixels. */
  readonly width: number;
  readonly train: Split;
  readonly test: Split;
  /** Only where a folder holds `val/` and `test/` both: what the rate of learning may look at. */
  readonly validation?: Split;
  /** Principal components of the training images' colours, where the reader has come by them already. */
  readonly colours?: ColourComponents;
  /** What a person should be told: that this is the bundled sample, how many images could not be decoded. */
  readonly notices: readonly string[];
}

/** A split whose images all lie in memory, one after another. */
export class MemorySplit implements Split {
  readonly length: number;
  readonly #imageSize: number;

  /**
   * @param pixels length × channels × height × width
   * @param labels length
   */
  constructor(
    readonly name: string,
    private readonly data: Uint8Array,
    private readonly labels: ArrayLike<number>,
  ) {
    if (typeof name !== 'string') throw new TypeError(`MemorySplit: name must be a string, got ${show(name)}`);
    if (!isBytes(data)) throw new TypeError(`MemorySplit: pixels must be a Uint8Array, got ${show(data)}`);
    if (labels === null || typeof labels !== 'object')
      throw new TypeError(`MemorySplit: labels must be an array of classes, got ${show(labels)}`);
    this.length = labels.length;
    checkWhole('MemorySplit', 'the number of labels', this.length, 0);
    this.#imageSize = this.length === 0 ? 0 : data.length / this.length;
    if (!Number.isInteger(this.#imageSize) || (this.length > 0 && data.length === 0))
      throw new RangeError(
        `MemorySplit: ${data.length} bytes of pixels do not divide into ${this.length} images of '${name}'`,
      );
    for (let i = 0; i < this.length; i++) checkWhole('MemorySplit', `labels[${i}]`, labels[i], 0);
  }

  label(i: number): number {
    return this.labels[i]!;
  }

  pixels(i: number): Uint8Array {
    return this.data.subarray(i * this.#imageSize, (i + 1) * this.#imageSize);
  }

  source(i: number): string {
    return `${this.name} ${i}`;
  }
}

/** The first `n` images of a split. Readers order their images so that a beginning holds every class. */
export function limitSplit(split: Split, n: number): Split {
  checkSplit('limitSplit', split);
  checkWhole('limitSplit', 'n', n, 1);
  return n >= split.length ? split : sliceSplit(split, 0, n);
}

/** Images `start` … `end` − 1 of a split, numbered from 0. */
export function sliceSplit(split: Split, start: number, end?: number): Split {
  checkSplit('sliceSplit', split);
  const { length } = split;
  const stop = end === undefined ? length : end;
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(stop);
  if (!whole || start < 0 || start > stop || stop > length)
    throw new RangeError(`sliceSplit: expected 0 ≤ start ≤ end ≤ ${length}, got ${show(start)} and ${show(stop)}`);
  return {
    length: stop - start,
    label: (i) => split.label(start + i),
    pixels: (i) => split.pixels(start + i),
    source: (i) => split.source(start + i),
    ...(split.readInto && {
      readInto: (images, out) =>
        split.readInto!(
          Array.from(images, (i) => start + i),
          out,
        ),
    }),
  };
}

/**
 * Mean of a split's images, channels × height × width, in the units of the bytes (0 to 255).
 *
 * The sums are of whole numbers and exact, so the order of reading does not matter.
 * @param progress is told how many images are done, every thousand.
 */
export async function meanImage(split: Split, progress?: (done: number) => void): Promise<Float32Array> {
  checkSplit('meanImage', split);
  checkFunction('meanImage', 'progress', progress);
  if (split.length === 0) throw new RangeError('meanImage: the split holds no images');
  if (split.mean !== undefined) return Float32Array.from(checkNumbers('meanImage', "the split's mean", split.mean));
  let sums = new Float64Array(0);
  const group = 64;
  for (let start = 0; start < split.length; start += group) {
    const end = Math.min(start + group, split.length);
    const images: (Uint8Array | Promise<Uint8Array>)[] = [];
    for (let i = start; i < end; i++) images.push(split.pixels(i));
    const read = images.some((p) => !ArrayBuffer.isView(p)) ? await Promise.all(images) : (images as Uint8Array[]);
    for (const [i, image] of read.entries()) {
      checkPixels('meanImage', start + i, image, sums.length || undefined);
      if (sums.length === 0) sums = new Float64Array(image.length);
      for (let k = 0; k < sums.length; k++) sums[k]! += image[k]!;
    }
    if (progress && Math.floor(end / 1000) > Math.floor(start / 1000)) progress(end);
  }
  return Float32Array.from(sums, (sum) => sum / split.length);
}

/** Mean of each channel of a mean image, in the same units. */
export function channelMeans(mean: Float32Array, channels: number): Float32Array {
  const values = checkNumbers('channelMeans', 'mean', mean);
  checkWhole('channelMeans', 'channels', channels, 1);
  const area = values.length / channels;
  if (!Number.isInteger(area) || area === 0)
    throw new RangeError(`channelMeans: ${values.length} values do not divide into ${channels} channels`);
  return Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let k = c * area; k < (c + 1) * area; k++) sum += values[k]!;
    return sum / area;
  });
}
