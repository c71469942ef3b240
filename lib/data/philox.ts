// Philox 4×32-10, word for word as native/core/philox.h has it, for the random choices that are made in JavaScript.

/** High 32 bits of the 64-bit product of two 32-bit numbers. */
function highProduct(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const mid = ah * bl + ((al * bl) >>> 16);
  // mid and the sum below stay under 2^32, so >>> sees them whole
  return ah * bh + (mid >>> 16) + (((mid & 0xffff) + al * bh) >>> 16);
}

/**
 * Four random words from a counter and a key; the same arguments always give the same words.
 *
 * @param counter a whole number below 2^53
 * @param key a whole number below 2^53
 * @param stream tells uses of one key apart
 * @param out takes the four words
 */
export function philox(counter: number, key: number, stream: number, out: Uint32Array): Uint32Array {
  let c0 = counter >>> 0;
  let c1 = Math.floor(counter / 4294967296) >>> 0;
  let c2 = stream >>> 0;
  let c3 = 0;
  let k0 = key >>> 0;
  let k1 = Math.floor(key / 4294967296) >>> 0;
  for (let round = 0; round < 10; round++) {
    const n0 = (highProduct(0xcd9e8d57, c2) ^ c1 ^ k0) >>> 0;
    const n2 = (highProduct(0xd2511f53, c0) ^ c3 ^ k1) >>> 0;
    const n1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    const n3 = Math.imul(0xd2511f53, c0) >>> 0;
    c0 = n0;
    c1 = n1;
    c2 = n2;
    c3 = n3;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
  return out;
}
