// Mean image and colours of the training images. All sums are of whole numbers and exact, so neither the number of workers nor the order
// of the images can be seen in the result.
import { principalComponents } from '../colour';
import type { ShardSums } from '../shard_file';

/** Sums over the images of one shard. */
export class Sums {
  readonly pixels: Uint32Array;
  readonly #products: Float64Array;

  constructor(
    private readonly channels: number,
    private readonly area: number,
  ) {
    this.pixels = new Uint32Array(channels * area);
    this.#products = new Float64Array((channels * (channels + 1)) / 2);
  }

  add(planes: Uint8Array): void {
    const { channels, area, pixels } = this;
    for (let k = 0; k < pixels.length; k++) pixels[k]! += planes[k]!;
    for (let a = 0, at = 0; a < channels; a++)
      for (let b = a; b < channels; b++, at++) {
        const left = planes.subarray(a * area, (a + 1) * area);
        const right = planes.subarray(b * area, (b + 1) * area);
        let sum = 0;
        for (let k = 0; k < area; k++) sum += left[k]! * right[k]!;
        this.#products[at]! += sum;
      }
  }

  get products(): number[] {
    return [...this.#products];
  }
}

export interface SetStatistics {
  readonly mean: Float32Array;
  readonly channelMeans: number[];
  readonly covariance: number[][];
  readonly eigenvectors: number[][];
  readonly deviations: number[];
}

/** Of all images whose sums are given. @param images how many they are */
export function setStatistics(shards: Iterable<ShardSums>, images: number, channels: number): SetStatistics {
  let sums = new Float64Array(0);
  const products = new Array<bigint>((channels * (channels + 1)) / 2).fill(0n);
  for (const shard of shards) {
    if (sums.length === 0) sums = new Float64Array(shard.pixels.length);
    for (let k = 0; k < sums.length; k++) sums[k]! += shard.pixels[k]!;
    shard.products.forEach((p, i) => {
      products[i]! += BigInt(p);
    });
  }
  const area = sums.length / channels;
  const totals = Array.from({ length: channels }, (_, c) =>
    sums.subarray(c * area, (c + 1) * area).reduce((total, sum) => total + BigInt(sum), 0n),
  );
  const count = BigInt(images) * BigInt(area);
  // (n Σab − Σa Σb) / n², rounded once
  const covariance = Array.from({ length: channels }, () => new Array<number>(channels).fill(0));
  for (let a = 0, at = 0; a < channels; a++)
    for (let b = a; b < channels; b++, at++)
      covariance[a]![b] = covariance[b]![a] =
        Number(count * products[at]! - totals[a]! * totals[b]!) / Number(count * count);
  const { vectors, deviations } = principalComponents(covariance);
  return {
    mean: Float32Array.from(sums, (sum) => sum / images),
    channelMeans: totals.map((total) => Number(total) / Number(count)),
    covariance,
    eigenvectors: vectors.map((v) => [...v]),
    deviations: [...deviations],
  };
}
