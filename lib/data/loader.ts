import { checkPixels, checkWhole } from './arguments';
import { checkLoader } from './check_loader';
import type { Dataset, Split } from './dataset';
import { checkDraw, colourDraws, permutation, randomRectangle, randomWindow, type Window } from './order';
import { Cropper, centreWindow, type Geometry, positions, tenWindows } from './transform';

/** Noise of the text: to every pixel of an image is added Σ vector_i · magnitude_i · α_i, with α_i ~ N(0, std) drawn once for each use of the image. */
export interface ColourNoise {
  /** Principal components, each with one value a channel. */
  vectors: readonly (readonly number[])[];
  /** In the units of the bytes. */
  magnitudes: readonly number[];
  /** Default 0.1. */
  std?: number;
  /** The epoch from which on there is none; default: it does not end. */
  until?: number;
}

export interface LoaderOptions {
  /** Images in a batch. */
  batch: number;
  /** Seed of the order and of the views. Default 0. */
  seed?: number;
  /** A new order each epoch; otherwise the order of the data set. Default false. */
  shuffle?: boolean;
  /** What becomes of a short batch at the end of an epoch. Default 'keep'. */
  last?: 'keep' | 'drop';
  /** Height and width of what comes out: a number or [height, width]. Default: the stored size. */
  size?: number | readonly [number, number];
  /** Black border on every side before cropping, in pixels. Default 0. */
  pad?: number;
  /** Which part of the image: a random window, the centre, or the text's ten test views one after another. Default 'centre'. */
  view?: 'random' | 'centre' | 'ten-crop';
  /** With view 'random': a random place; otherwise the centre. Default true. */
  crop?: boolean;
  /** With view 'random': mirrored half the time. Default true. */
  mirror?: boolean;
  /** With view 'random': the share of images in which a random rectangle is blanked: set to the mean that is subtracted. Default 0. */
  erase?: number;
  /** With view 'random': so many consecutive images share window and mirroring (32 in the 2012 code). Default 1. */
  share?: number;
  colour?: ColourNoise;
  /** Subtracted from the bytes: a mean image at the stored size or one value a channel. Default: nothing. */
  mean?: ArrayLike<number>;
  /** Factor after the subtraction. Default 1. */
  scale?: number;
  /** 'u8' leaves the bytes as they are; it goes with neither mean, scale nor colour. Default 'f32'. */
  dtype?: 'f32' | 'u8';
  /**
   * Who makes the views. 'host': a batch holds values (or bytes) ready to be read. 'device': it holds the stored bytes, and `windows` and
   * `shifts` for `ops.cropImages`, which gives the same bits; a quarter of the memory and of the way, and no work here. Default 'host'.
   */
  views?: 'host' | 'device';
  /** Batches made ahead of their use, in memory that is used again. Default 1. */
  prefetch?: number;
}

/** One batch. The arrays are used again: they hold these values until the next batch is asked for. */
export interface Batch {
  /**
   * (count · views) × channels × height × width; the views of an image lie side by side. With `views: 'device'` the stored images instead,
   * count × channels × stored height × stored width.
   */
  readonly images: Float32Array | Uint8Array;
  /** With `views: 'device'`: (count · views) × 3, as `ops.cropImages` takes them. */
  readonly windows?: Int32Array;
  /** With `views: 'device'` and colour noise: count × channels. */
  readonly shifts?: Float32Array;
  /** count classes. */
  readonly labels: Int32Array;
  /** Numbers of the images in the split. */
  readonly indices: Int32Array;
  readonly count: number;
  /** 10 with view 'ten-crop' (2 where a window has one place only), else 1. */
  readonly views: number;
  /** Number of the batch in its epoch, from 0. */
  readonly step: number;
}

interface Slot {
  /** null where the stored images are what a batch holds. */
  images: Float32Array | Uint8Array | null;
  /** Where a split writes its images; null where they are in memory and need not be copied. */
  stored: Uint8Array | null;
  windows: Int32Array;
  shifts: Float32Array;
  labels: Int32Array;
  indices: Int32Array;
}

/**
 * Batches of a split.
 *
 * What is in batch `step` of an epoch is a function of the seed, the epoch and the step alone, so a run may start anywhere:
 * `for await (const batch of loader.epoch(3, 120)) …`.
 */
export class Loader {
  /** Channels, height and width of one view. */
  readonly shape: readonly [number, number, number];
  /** Batches in an epoch. */
  readonly steps: number;
  readonly batch: number;
  readonly views: number;
  /** Channels, height and width of the stored images, and the border before cropping. */
  readonly stored: Readonly<Geometry>;
  /** Taken from the bytes, and the factor after that: the options'. */
  readonly mean: Float32Array | undefined;
  readonly scale: number;
  readonly #split: Split;
  readonly #options: LoaderOptions;
  readonly #geometry: Geometry;
  readonly #windows: Window[];
  readonly #cropper: Cropper;
  // float32, as a device has them: both ways give the same bits
  readonly #shifts = new Float32Array(16);
  readonly #normals = new Float64Array(3);
  /** The mean as bytes, channels × height × width. */
  readonly #blank: Uint8Array;
  readonly #random: Window = { top: 0, left: 0, mirror: false };
  /** Buffers that no running epoch has. */
  readonly #free: Slot[] = [];

  constructor(dataset: Pick<Dataset, 'channels' | 'height' | 'width'>, split: Split, options: LoaderOptions) {
    const { geometry, settings } = checkLoader(dataset, split, options);
    const { channels, cropHeight, cropWidth } = geometry;
    this.#geometry = this.stored = geometry;
    this.mean = settings.mean as Float32Array | undefined;
    this.scale = settings.scale ?? 1;
    this.#cropper = new Cropper(this.#geometry, this.mean, this.scale);
    this.#windows = settings.view === 'ten-crop' ? tenWindows(this.#geometry) : [centreWindow(this.#geometry)];
    this.#split = split;
    this.#options = settings;
    const area = geometry.height * geometry.width;
    this.#blank = Uint8Array.from({ length: this.#erases ? channels * area : 0 }, (_, i) =>
      Math.round(
        Math.min(255, Math.max(0, this.mean?.[this.mean.length === channels ? Math.floor(i / area) : i] ?? 0)),
      ),
    );
    this.batch = settings.batch;
    this.views = this.#windows.length;
    this.shape = [channels, cropHeight, cropWidth];
    const steps = split.length / this.batch;
    this.steps = settings.last === 'drop' ? Math.floor(steps) : Math.ceil(steps);
  }

  /** Numbers of the images in the order of an epoch. */
  order(epoch: number): Int32Array {
    checkDraw('Loader', this.#options.seed ?? 0, epoch);
    const length = this.#split.length;
    if (this.#options.shuffle) return permutation(length, this.#options.seed ?? 0, epoch);
    return Int32Array.from({ length }, (_, i) => i);
  }

  /** The batches of an epoch, from batch `start` on. */
  async *epoch(epoch: number, start = 0): AsyncGenerator<Batch, void, void> {
    checkWhole('Loader', 'start', start, 0);
    const order = this.order(epoch);
    const ahead = Math.min((this.#options.prefetch ?? 1) + 1, this.steps);
    // the batch that the caller has let go of, and those being made
    const slots = Array.from({ length: ahead }, () => this.#free.pop() ?? this.#slot());
    const queue: Promise<Batch>[] = [];
    let next = start;
    const fill = () => {
      while (queue.length < ahead && next < this.steps) {
        const made = this.#make(order, epoch, next, slots[next % slots.length]!);
        // a failure is reported by the await below, in its turn
        made.catch(() => {});
        queue.push(made);
        next++;
      }
    };
    try {
      for (fill(); queue.length > 0; fill()) yield await queue.shift()!;
    } finally {
      await Promise.allSettled(queue);
      this.#free.push(...slots);
    }
  }

  #slot(): Slot {
    const values = this.batch * this.views * this.shape[0] * this.shape[1] * this.shape[2];
    const onDevice = this.#options.views === 'device';
    const { channels, height, width } = this.#geometry;
    try {
      return {
        images: onDevice ? null : this.#options.dtype === 'u8' ? new Uint8Array(values) : new Float32Array(values),
        stored:
          onDevice || this.#erases || this.#split.readInto
            ? new Uint8Array(this.batch * channels * height * width)
            : null,
        windows: new Int32Array(onDevice ? this.batch * this.views * 3 : 0),
        shifts: new Float32Array(onDevice && this.#options.colour ? this.batch * channels : 0),
        labels: new Int32Array(this.batch),
        indices: new Int32Array(this.batch),
      };
    } catch (error) {
      const [c, h, w] = this.shape;
      throw new RangeError(`Loader: there is no memory for a batch of ${this.batch} images of ${c}×${h}×${w}`, {
        cause: error,
      });
    }
  }

  async #make(order: Int32Array, epoch: number, step: number, slot: Slot): Promise<Batch> {
    const first = step * this.batch;
    const count = Math.min(this.batch, this.#split.length - first);
    for (let k = 0; k < count; k++) {
      const index = order[first + k]!;
      slot.indices[k] = index;
      slot.labels[k] = this.#split.label(index);
    }
    const pixels = await this.#read(slot, count);
    if (this.#erases) for (let k = 0; k < count; k++) this.#erase(epoch, slot.indices[k]!, slot.stored!, k);
    const own = { labels: slot.labels.subarray(0, count), indices: slot.indices.subarray(0, count), count };
    const rest = { ...own, views: this.views, step };
    if (slot.images !== null) {
      for (let k = 0; k < count; k++) this.#write(pixels[k]!, epoch, slot.indices[k]!, first + k, slot.images, k);
      return { images: slot.images.subarray(0, (slot.images.length / this.batch) * count), ...rest };
    }
    const { pad, channels } = this.#geometry;
    for (let k = 0, to = 0; k < count; k++) {
      for (let v = 0; v < this.views; v++, to += 3) {
        const { top, left, mirror } = this.#window(epoch, slot.indices[k]!, first + k, v);
        slot.windows.set([top - pad, left - pad, Number(mirror)], to);
      }
      const shift = this.#shift(epoch, slot.indices[k]!);
      if (shift) slot.shifts.set(shift.subarray(0, channels), k * channels);
      else slot.shifts.fill(0, k * channels, (k + 1) * channels);
    }
    return {
      images: slot.stored!.subarray(0, (slot.stored!.length / this.batch) * count),
      windows: slot.windows.subarray(0, count * this.views * 3),
      ...(this.#options.colour && { shifts: slot.shifts.subarray(0, count * channels) }),
      ...rest,
    };
  }

  /** The stored bytes of a batch's images: in `slot.stored` where there is one, else where the split has them. */
  async #read(slot: Slot, count: number): Promise<Uint8Array[]> {
    const { stored } = slot;
    const indices = slot.indices.subarray(0, count);
    const size = this.#geometry.channels * this.#geometry.height * this.#geometry.width;
    const place = (k: number) => stored!.subarray(k * size, (k + 1) * size);
    // the immediate lets what the caller does with the batch before this one go first
    const turn = new Promise((resolve) => setImmediate(resolve));
    if (this.#split.readInto) {
      await Promise.all([this.#split.readInto(indices, stored!.subarray(0, count * size)), turn]);
      return Array.from(indices, (_, k) => place(k));
    }
    const images = Array.from(indices, (index) => this.#split.pixels(index));
    const [pixels] = await Promise.all([
      images.some((p) => !ArrayBuffer.isView(p)) ? Promise.all(images) : (images as Uint8Array[]),
      turn,
    ]);
    for (let k = 0; k < count; k++) checkPixels('Loader', indices[k]!, pixels[k], size);
    if (!stored) return pixels;
    return pixels.map((p, k) => {
      place(k).set(p);
      return place(k);
    });
  }

  get #erases(): boolean {
    return this.#options.view === 'random' && (this.#options.erase ?? 0) > 0;
  }

  /** Blanks a rectangle of the image at place `k` of `stored`, where one is drawn. */
  #erase(epoch: number, index: number, stored: Uint8Array, k: number): void {
    const { channels, height, width } = this.#geometry;
    const { seed = 0, erase = 0 } = this.#options;
    const r = randomRectangle(seed, epoch, index, erase, height, width);
    if (r === null) return;
    const area = height * width;
    for (let c = 0; c < channels; c++)
      for (let y = r.top; y < r.top + r.height; y++)
        for (let x = r.left; x < r.left + r.width; x++) {
          const at = c * area + y * width + x;
          stored[k * channels * area + at] = this.#blank[at]!;
        }
  }

  /** View `v` of an image; `at` is the image's place in the epoch. The object holds it until the next call. */
  #window(epoch: number, index: number, at: number, v: number): Readonly<Window> {
    const { seed = 0, view, crop = true, mirror = true, share = 1 } = this.#options;
    const window = this.#windows[v]!;
    if (view !== 'random') return window;
    const { rows, columns } = positions(this.#geometry);
    const draw = share === 1 ? index : Math.floor(at / share);
    const drawn = randomWindow(seed, epoch, draw, rows, columns, mirror, this.#random);
    return crop ? drawn : { ...window, mirror: drawn.mirror };
  }

  /** Writes the views of one image to place `k` of a batch; `at` is its place in the epoch. */
  #write(
    pixels: Uint8Array,
    epoch: number,
    index: number,
    at: number,
    out: Float32Array | Uint8Array,
    k: number,
  ): void {
    const size = this.shape[0] * this.shape[1] * this.shape[2];
    const shift = this.#shift(epoch, index);
    for (let v = 0, offset = k * this.views * size; v < this.views; v++, offset += size) {
      const window = this.#window(epoch, index, at, v);
      if (out instanceof Float32Array) this.#cropper.writeFloats(pixels, window, shift, out, offset);
      else this.#cropper.writeBytes(pixels, window, out, offset);
    }
  }

  #shift(epoch: number, index: number): Float32Array | null {
    const { colour, seed = 0 } = this.#options;
    if (!colour || epoch >= (colour.until ?? Number.POSITIVE_INFINITY)) return null;
    const normals = colourDraws(seed, epoch, index, this.#normals);
    for (let c = 0; c < this.shape[0]; c++) {
      let sum = 0;
      for (let i = 0; i < colour.vectors.length; i++)
        sum += colour.vectors[i]![c]! * colour.magnitudes[i]! * (colour.std ?? 0.1) * normals[i]!;
      this.#shifts[c] = sum;
    }
    return this.#shifts;
  }
}
