// The random choices of a pass over a data set: pure functions of (seed, epoch, index), so that a resumed run, or one with another
// number of threads, makes the same ones.
import { checkWhole } from './arguments';
import { philox } from './philox';

// Streams 0xDA7A…: no tensor draws from these, whatever its seed.
const ORDER = 0xda7a0001;
const AUGMENT = 0xda7a0002;
const COLOUR = 0xda7a0003;
const ERASE = 0xda7a0004;
const ERASE_PLACE = 0xda7a0005;

/** The largest epoch and index that one counter can tell apart. */
const EPOCHS = 2 ** 21;
const INDICES = 2 ** 32;

const words = new Uint32Array(4);

function draw(seed: number, epoch: number, index: number, stream: number): Uint32Array {
  return philox(epoch * INDICES + index, seed, stream, words);
}

/** [0, 1) with 53 bits, from two words. */
function unit(high: number, low: number): number {
  return (high * 2097152 + (low >>> 11)) / 9007199254740992;
}

/** The order of the images in an epoch: a uniform permutation of 0 … length−1 (Fisher–Yates). */
export function permutation(length: number, seed: number, epoch: number): Int32Array {
  checkDraw('permutation', seed, epoch);
  const order = Int32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    // one call gives the draws of two positions: those of an odd i and of the i below it
    const w = i === length - 1 || i & 1 ? draw(seed, epoch, i >>> 1, ORDER) : words;
    const j = Math.floor((i & 1 ? unit(w[0]!, w[1]!) : unit(w[2]!, w[3]!)) * (i + 1));
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}

export interface Window {
  /** First row and column of the crop, in the (padded) image. */
  top: number;
  left: number;
  mirror: boolean;
}

/** A uniformly random window among `rows` × `columns` positions, mirrored half the time. `index` is the image, or the chunk that shares the draw. */
export function randomWindow(
  seed: number,
  epoch: number,
  index: number,
  rows: number,
  columns: number,
  mirror: boolean,
  out: Window,
): Window {
  const w = draw(seed, epoch, index, AUGMENT);
  // the words have 32 bits and the positions are a few thousand at most: no position is likelier by more than one part in a million
  out.top = Math.floor((w[0]! / INDICES) * rows);
  out.left = Math.floor((w[1]! / INDICES) * columns);
  out.mirror = mirror && w[2]! >= 0x80000000;
  return out;
}

/** Three draws from N(0, 1) for the colour of one image (Box–Muller). */
export function colourDraws(seed: number, epoch: number, index: number, out: Float64Array): Float64Array {
  const w = draw(seed, epoch, index, COLOUR);
  const r0 = Math.sqrt(-2 * Math.log((w[0]! + 1) / INDICES));
  const r1 = Math.sqrt(-2 * Math.log((w[2]! + 1) / INDICES));
  const a0 = (2 * Math.PI * w[1]!) / INDICES;
  out[0] = r0 * Math.cos(a0);
  out[1] = r0 * Math.sin(a0);
  out[2] = r1 * Math.cos((2 * Math.PI * w[3]!) / INDICES);
  return out;
}

export interface Rectangle {
  top: number;
  left: number;
  height: number;
  width: number;
}

/**
 * With the probability `share` a rectangle of an image of `height` × `width` to blank, of 2% to a third of its area and from three times as wide
 * as high to the opposite, cut to the image's size; null otherwise. (Zhong et al., "Random erasing data augmentation", 2017.)
 */
export function randomRectangle(
  seed: number,
  epoch: number,
  index: number,
  share: number,
  height: number,
  width: number,
): Rectangle | null {
  const w = draw(seed, epoch, index, ERASE);
  if (w[0]! / INDICES >= share) return null;
  const area = (0.02 + (w[1]! / INDICES) * (1 / 3 - 0.02)) * height * width;
  const ratio = 3 ** ((2 * w[2]!) / INDICES - 1);
  const high = Math.min(height, Math.max(1, Math.round(Math.sqrt(area * ratio))));
  const wide = Math.min(width, Math.max(1, Math.round(Math.sqrt(area / ratio))));
  const at = draw(seed, epoch, index, ERASE_PLACE);
  return {
    top: Math.floor((at[0]! / INDICES) * (height - high + 1)),
    left: Math.floor((at[1]! / INDICES) * (width - wide + 1)),
    height: high,
    width: wide,
  };
}

export function checkDraw(operator: string, seed: unknown, epoch: unknown): void {
  checkWhole(operator, 'seed', seed, 0);
  checkWhole(operator, 'epoch', epoch, 0, EPOCHS - 1);
}
