// Every random draw of a run comes from its one seed, by what the draw is for and when, so a resumed run draws what an unbroken one does.

export const streams = { weights: 1, order: 2, augmentation: 3, dropout: 4 } as const;

/** A seed of 53 bits for draw number `index` of a stream. The mixing is MurmurHash3's finaliser over the words, once for each half. */
export function deriveSeed(seed: number, stream: keyof typeof streams, index: number): number {
  const words = [seed >>> 0, Math.floor(seed / 2 ** 32), streams[stream], index >>> 0, Math.floor(index / 2 ** 32)];
  const half = (start: number) => words.reduce((h, w) => mix(Math.imul(h ^ w, 0x9e3779b1) + 0x7f4a7c15), start) >>> 0;
  return half(0x243f6a88) * 2 ** 21 + (half(0x85a308d3) >>> 11);
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
