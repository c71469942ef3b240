// From stored bytes to the numbers a network reads: pad, crop, mirror, subtract, scale.
import type { Window } from './order';

export interface Geometry {
  channels: number;
  /** Stored size. */
  height: number;
  width: number;
  /** Black border on every side before cropping, in pixels. */
  pad: number;
  /** Size of the crop. */
  cropHeight: number;
  cropWidth: number;
}

/** Where the crop can start, from 0: the number of rows and of columns it can move by, plus one. */
export function positions(g: Geometry): { rows: number; columns: number } {
  return { rows: g.height + 2 * g.pad - g.cropHeight + 1, columns: g.width + 2 * g.pad - g.cropWidth + 1 };
}

export function centreWindow(g: Geometry): Window {
  const { rows, columns } = positions(g);
  return { top: (rows - 1) >> 1, left: (columns - 1) >> 1, mirror: false };
}

/**
 * The text's ten test views: four corners and the centre, then the mirror images of the five. Where a window has one place only the five
 * are one, and the two that are left have the same mean.
 */
export function tenWindows(g: Geometry): Window[] {
  const { rows, columns } = positions(g);
  if (rows === 1 && columns === 1) return [centreWindow(g), { ...centreWindow(g), mirror: true }];
  const five = [
    { top: 0, left: 0 },
    { top: 0, left: columns - 1 },
    { top: rows - 1, left: 0 },
    { top: rows - 1, left: columns - 1 },
    centreWindow(g),
  ];
  return [...five.map((w) => ({ ...w, mirror: false })), ...five.map((w) => ({ ...w, mirror: true }))];
}

/** What a value has taken from it before scaling: the mean image, spread to the padded size by repeating its edge, or a mean for each channel. */
export function paddedMean(g: Geometry, mean: ArrayLike<number> | undefined): Float32Array {
  const area = g.height * g.width;
  const rows = g.height + 2 * g.pad;
  const columns = g.width + 2 * g.pad;
  const out = new Float32Array(g.channels * rows * columns);
  if (mean === undefined) return out;
  if (mean.length !== g.channels && mean.length !== g.channels * area)
    throw new RangeError(
      `mean must have ${g.channels} values (one a channel) or ${g.channels * area} (one a pixel), got ${mean.length}`,
    );
  const clamp = (v: number, size: number) => Math.min(Math.max(v - g.pad, 0), size - 1);
  for (let c = 0, k = 0; c < g.channels; c++)
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++, k++)
        out[k] =
          mean.length === g.channels ? mean[c]! : mean[c * area + clamp(y, g.height) * g.width + clamp(x, g.width)]!;
  return out;
}

/** Writes crops of images; holds the scratch memory that takes, so one belongs to one caller. */
export class Cropper {
  readonly #g: Geometry;
  readonly #mean: Float32Array;
  readonly #scale: number;
  readonly #padded: Uint8Array | null;

  constructor(g: Geometry, mean: ArrayLike<number> | undefined, scale: number) {
    this.#g = g;
    this.#mean = paddedMean(g, mean);
    this.#scale = scale;
    this.#padded = g.pad > 0 ? new Uint8Array(this.#mean.length) : null;
  }

  /** The image with its border; the border stays zero, so only the middle is written. */
  #pad(pixels: Uint8Array): Uint8Array {
    const padded = this.#padded;
    if (padded === null) return pixels;
    const { channels, height, width, pad } = this.#g;
    const columns = width + 2 * pad;
    for (let c = 0, from = 0; c < channels; c++) {
      let to = (c * (height + 2 * pad) + pad) * columns + pad;
      for (let y = 0; y < height; y++, to += columns) for (let x = 0; x < width; x++) padded[to + x] = pixels[from++]!;
    }
    return padded;
  }

  /**
   * (pixel − mean + shift of its channel) · scale, channels × cropHeight × cropWidth, at `offset` of `out`.
   * @param shift one value a channel, or null
   */
  writeFloats(
    pixels: Uint8Array,
    window: Window,
    shift: ArrayLike<number> | null,
    out: Float32Array,
    offset: number,
  ): void {
    const { channels, cropHeight, cropWidth } = this.#g;
    const rows = this.#g.height + 2 * this.#g.pad;
    const columns = this.#g.width + 2 * this.#g.pad;
    const source = this.#pad(pixels);
    const mean = this.#mean;
    const scale = this.#scale;
    let to = offset;
    for (let c = 0; c < channels; c++) {
      const plus = shift === null ? 0 : shift[c]!;
      let from = (c * rows + window.top) * columns + window.left;
      for (let y = 0; y < cropHeight; y++, from += columns, to += cropWidth) {
        if (window.mirror)
          for (let x = 0, s = from + cropWidth - 1; x < cropWidth; x++, s--)
            out[to + x] = (source[s]! - mean[s]! + plus) * scale;
        else for (let x = 0, s = from; x < cropWidth; x++, s++) out[to + x] = (source[s]! - mean[s]! + plus) * scale;
      }
    }
  }

  /** The bytes of the crop as they are. */
  writeBytes(pixels: Uint8Array, window: Window, out: Uint8Array, offset: number): void {
    const { channels, cropHeight, cropWidth } = this.#g;
    const rows = this.#g.height + 2 * this.#g.pad;
    const columns = this.#g.width + 2 * this.#g.pad;
    const source = this.#pad(pixels);
    let to = offset;
    for (let c = 0; c < channels; c++) {
      let from = (c * rows + window.top) * columns + window.left;
      for (let y = 0; y < cropHeight; y++, from += columns, to += cropWidth) {
        const last = from + cropWidth - 1;
        if (window.mirror) for (let x = 0; x < cropWidth; x++) out[to + x] = source[last - x]!;
        else for (let x = 0; x < cropWidth; x++) out[to + x] = source[from + x]!;
      }
    }
  }
}
