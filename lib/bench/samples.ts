// Results held against their definitions, in float64, at some places: enough to see that a kernel did its work, cheap beside timing it.
import type { Check } from './measure';
import { relativeError } from './stats';

/** Deterministic places below `size`, the first and the last among them. */
export function places(size: number, count: number): number[] {
  const chosen = new Set([0, size - 1]);
  // A Weyl sequence: steps of the golden section cover any size evenly.
  for (let i = 1; chosen.size < Math.min(count, size) && i < 8 * count; i++)
    chosen.add(Math.floor(((i * 0.6180339887498949) % 1) * size));
  return [...chosen];
}

/** Compares `actual` with `expected(i)` at `count` places; the error is that of the vector of those places, in norm. */
export function compareAt(
  actual: ArrayLike<number>,
  expected: (i: number) => number,
  against: string,
  tolerance = 1e-4,
  count = 64,
): Check {
  const at = places(actual.length, count);
  const error = relativeError(
    at.map((i) => actual[i]!),
    at.map(expected),
  );
  return { against: `${against}, at ${at.length} places`, error: Number.isFinite(error) ? error : 1e30, tolerance };
}

export interface ConvAt {
  batch: number;
  channels: number;
  size: number;
  filters: number;
  kernel: number;
  stride: number;
  padding: number;
  groups: number;
  /** Height and width of the output. */
  out: number;
}

/** A convolution and its gradients, one value at a time, from their definitions. */
export function convolution(
  s: ConvAt,
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  b: ArrayLike<number>,
  dy: ArrayLike<number>,
) {
  const perGroup = s.channels / s.groups;
  const filtersPerGroup = s.filters / s.groups;
  const xAt = (n: number, c: number, i: number, j: number) =>
    i < 0 || i >= s.size || j < 0 || j >= s.size ? 0 : x[((n * s.channels + c) * s.size + i) * s.size + j]!;
  const wAt = (k: number, c: number, r: number, q: number) => w[((k * perGroup + c) * s.kernel + r) * s.kernel + q]!;
  const dyAt = (n: number, k: number, i: number, j: number) => dy[((n * s.filters + k) * s.out + i) * s.out + j]!;
  return {
    forward(index: number): number {
      const [n, k, i, j] = unravel(index, s.filters, s.out, s.out);
      const first = Math.floor(k / filtersPerGroup) * perGroup;
      let sum = b[k]!;
      for (let c = 0; c < perGroup; c++)
        for (let r = 0; r < s.kernel; r++)
          for (let q = 0; q < s.kernel; q++)
            sum += xAt(n, first + c, i * s.stride + r - s.padding, j * s.stride + q - s.padding) * wAt(k, c, r, q);
      return sum;
    },
    gradInput(index: number): number {
      const [n, channel, i, j] = unravel(index, s.channels, s.size, s.size);
      const group = Math.floor(channel / perGroup);
      let sum = 0;
      for (let r = 0; r < s.kernel; r++)
        for (let q = 0; q < s.kernel; q++) {
          const oi = (i + s.padding - r) / s.stride;
          const oj = (j + s.padding - q) / s.stride;
          if (!Number.isInteger(oi) || !Number.isInteger(oj) || oi < 0 || oj < 0 || oi >= s.out || oj >= s.out)
            continue;
          for (let k = group * filtersPerGroup; k < (group + 1) * filtersPerGroup; k++)
            sum += dyAt(n, k, oi, oj) * wAt(k, channel - group * perGroup, r, q);
        }
      return sum;
    },
    gradWeight(index: number): number {
      const [k, c, r, q] = unravel(index, perGroup, s.kernel, s.kernel);
      const channel = Math.floor(k / filtersPerGroup) * perGroup + c;
      let sum = 0;
      for (let n = 0; n < s.batch; n++)
        for (let i = 0; i < s.out; i++)
          for (let j = 0; j < s.out; j++)
            sum += dyAt(n, k, i, j) * xAt(n, channel, i * s.stride + r - s.padding, j * s.stride + q - s.padding);
      return sum;
    },
  };
}

/** y = x·Wᵀ + b and its gradients, one value at a time; x batch×n, W out×n. */
export function fullyConnected(
  batch: number,
  n: number,
  out: number,
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  b: ArrayLike<number>,
  dy: ArrayLike<number>,
) {
  return {
    forward(index: number): number {
      const row = Math.floor(index / out);
      const k = index % out;
      let sum = b[k]!;
      for (let i = 0; i < n; i++) sum += x[row * n + i]! * w[k * n + i]!;
      return sum;
    },
    gradInput(index: number): number {
      const row = Math.floor(index / n);
      let sum = 0;
      for (let k = 0; k < out; k++) sum += dy[row * out + k]! * w[k * n + (index % n)]!;
      return sum;
    },
    gradWeight(index: number): number {
      const k = Math.floor(index / n);
      let sum = 0;
      for (let row = 0; row < batch; row++) sum += dy[row * out + k]! * x[row * n + (index % n)]!;
      return sum;
    },
  };
}

/** Indices of the last three dimensions and what is before them. */
export function unravel(index: number, a: number, b: number, c: number): [number, number, number, number] {
  const rest = Math.floor(index / c);
  const above = Math.floor(rest / b);
  return [Math.floor(above / a), above % a, rest % b, index % c];
}
