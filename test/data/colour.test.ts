import { colourComponents, colourNoise, imagenetComponents } from '../../lib/data/colour';
import { MemorySplit, type Split } from '../../lib/data/dataset';

/** Images of 3×4×4 bytes whose colours vary by `a` along (1, 1, 1), by `b` along (1, −1, 0) and by `c` along (1, 1, −2). */
function coloured(a: number, b: number, c: number): MemorySplit {
  const signs = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => [bits & 1, bits & 2, bits & 4].map((bit) => (bit ? 1 : -1)));
  const images = signs.map(([i, j, k]) => {
    const colour = [a * i! + b * j! + c * k!, a * i! - b * j! + c * k!, a * i! - 2 * c * k!];
    return colour.flatMap((v) => new Array(16).fill(120 + v));
  });
  return new MemorySplit('train', Uint8Array.from(images.flat()), new Uint8Array(8));
}

test('finds directions and deviations that were put in, whether images are in memory or come late', async () => {
  const split = coloured(30, 12, 5);
  const late: Split = { length: 8, label: () => 0, source: String, pixels: (i) => Promise.resolve(split.pixels(i)) };
  for (const s of [split, late]) {
    const { vectors, deviations } = await colourComponents(s, 3);
    // a sign of ±1 has deviation 1; the directions have lengths √3, √2, √6
    for (const [i, d] of [30 * Math.sqrt(3), 12 * Math.sqrt(2), 5 * Math.sqrt(6)].entries())
      expect(deviations[i]).toBeCloseTo(d, 9);
    const expected = [
      [1, 1, 1],
      [1, -1, 0],
      [1, 1, -2],
    ].map((v) => v.map((x) => x / Math.hypot(...v)));
    expected.forEach((e, i) => {
      // a direction has no sign
      const dot = e.reduce((sum, x, k) => sum + x * vectors[i]![k]!, 0);
      expect(Math.abs(dot)).toBeCloseTo(1, 12);
    });
  }
});

test('grey images have one component; a split of one colour has none to speak of', async () => {
  const grey = new MemorySplit('train', Uint8Array.of(10, 30, 50, 70), [0, 0]);
  expect(await colourComponents(grey, 1)).toEqual({ vectors: [[1]], deviations: [Math.sqrt(500)] });
  const flat = new MemorySplit('train', new Uint8Array(12).fill(9), [0]);
  expect((await colourComponents(flat, 3)).deviations).toEqual([0, 0, 0]);
  await expect(colourComponents(new MemorySplit('train', new Uint8Array(0), []), 3)).rejects.toThrow('holds no images');
});

test('the presets: eigenvalues of pixels from 0 to 1, or deviations of the bytes', () => {
  expect(colourNoise(imagenetComponents, 'layers-145').magnitudes).toEqual([121.78, 37.09, 19.72]);
  const { magnitudes, vectors, std } = colourNoise(imagenetComponents, 'paper');
  expect(magnitudes.map((m) => Number(m.toFixed(2)))).toEqual([58.16, 5.39, 1.53]);
  expect([vectors, std]).toEqual([imagenetComponents.vectors, 0.1]);
  // the published vectors are orthonormal to their four figures
  for (const [i, v] of vectors.entries())
    for (const [j, w] of vectors.entries())
      expect(v.reduce((sum, x, k) => sum + x * w[k]!, 0)).toBeCloseTo(i === j ? 1 : 0, 3);
});
