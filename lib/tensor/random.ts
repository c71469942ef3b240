// Where seeds come from when none is given.
import { randomBytes } from 'node:crypto';
import { show } from './checks';

const mask = (1n << 64n) - 1n;
let base = randomBytes(8).readBigUInt64LE();
let drawn = 0n;

/** Refuses all but an integer in [0, 2^53). */
export function checkSeed(operator: string, seed: unknown, name = 'seed'): asserts seed is number {
  if (typeof seed !== 'number') throw new TypeError(`${operator}: ${name} must be a number, got ${show(seed)}`);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`${operator}: ${name} must be an integer between 0 and 2^53 − 1, got ${seed}`);
}

/**
 * Fixes all later draws that are given no seed of their own (`randn`, `uniform`, `dropout`, initial weights) in this thread: the same
 * calls in the same order then give the same numbers, on every kind of device.
 * @throws RangeError unless `seed` is an integer in [0, 2^53).
 */
export function manualSeed(seed: number): void {
  checkSeed('manualSeed', seed);
  base = BigInt(seed);
  drawn = 0n;
}

/**
 * The next seed of the sequence that `manualSeed` starts; a random sequence where it was not called. An integer in [0, 2^53).
 *
 * Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014 (SplitMix64), over both the seed and the count, so that
 * sequences of neighbouring seeds have nothing in common.
 */
export function nextSeed(): number {
  return Number(mix(mix(base) + drawn++) >> 11n);
}

/** Seed number `i` of those that belong to `seed`: what a layer, or a step, of something seeded draws from. */
export function mixSeed(seed: number, i: number): number {
  return Number(mix(mix(BigInt(seed)) + BigInt(i)) >> 11n);
}

function mix(x: bigint): bigint {
  let z = (x + 0x9e3779b97f4a7c15n) & mask;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
  return z ^ (z >> 31n);
}
