import { manualSeed, ones, ops, randn, tape, tensor, zeros } from '../../lib';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';

/** Philox 4×32-10 as its paper has it, by the book. */
function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  const low = (1n << 32n) - 1n;
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & low, (p0 >> 32n) ^ c3 ^ k1, p0 & low];
    k0 = (k0 + 0x9e3779b9n) & low;
    k1 = (k1 + 0xbb67ae85n) & low;
  }
  return [c0, c1, c2, c3].map(Number);
}

/** Whether the element that draws number `draw` is kept. */
function kept(draw: number, seed: number, p: number): boolean {
  const counter = Math.floor(draw / 4);
  const words = philox(
    [counter % 2 ** 32, Math.floor(counter / 2 ** 32), 0, 0],
    [seed % 2 ** 32, Math.floor(seed / 2 ** 32)],
  );
  return words[draw % 4]! < Math.floor((1 - p) * 2 ** 32);
}

test('the test’s Philox gives the known answers of Random123', () => {
  const hex = (words: number[]) => words.map((w) => w.toString(16).padStart(8, '0')).join(' ');
  expect(hex(philox([0, 0, 0, 0], [0, 0]))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  const f = 0xffffffff;
  expect(hex(philox([f, f, f, f], [f, f]))).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
});

testLiterals('dropout', ({ x }, options) => ops.dropout(x, options));

describe.each(kinds)('dropout on $kind', (device) => {
  test.each([
    { count: 1, p: 0.5, seed: 0 },
    { count: 1003, p: 0.5, seed: 1 },
    { count: 333, p: 0.1, seed: 2 ** 32 + 5 },
    { count: 4099, p: 0.9, seed: 2 ** 53 - 1 },
    { count: 20_011, p: 0.3, seed: 12345 },
  ])('$count elements, p = $p, seed $seed: the mask is Philox’s, bit by bit', async ({ count, p, seed }) => {
    const values = Float32Array.from({ length: count }, (_, i) => i - 7.5);
    using x = tensor(values, { device });
    const mask = Array.from(values, (_, i) => kept(i, seed, p));
    using t = tape();
    using y = ops.dropout(x, { p, seed });
    using z = ops.dropout(x, { p, seed, mode: 'inverted' });
    const scale = Math.fround(1 / (1 - p));
    expect(await y.data()).toEqual(values.map((v, i) => (mask[i] ? v : 0)));
    expect(await z.data()).toEqual(values.map((v, i) => (mask[i] ? Math.fround(v * scale) : 0)));
    // The gradient is dy through the same mask, with the same factor.
    const dy = tensor(
      values.map((v) => 2 * v),
      { device },
    );
    const { gx } = t.gradients(z, { gx: x }, { seed: dy });
    expect(await gx.data()).toEqual(values.map((v, i) => (mask[i] ? Math.fround(2 * v * scale) : 0)));
  });

  test('pieces of a wide layer draw the mask of the whole', async () => {
    const [rows, pitch, seed, p] = [5, 37, 9, 0.4];
    const whole = await ops.dropout(ones([rows, pitch], { device }), { p, seed }).data();
    for (const [offset, columns] of [
      [0, 19],
      [19, 18],
      [36, 1],
      [3, 30],
    ] as const) {
      const part = await ops
        .dropout(ones([rows, columns], { device }), { p, seed, layout: { columns, pitch, offset } })
        .data();
      const expected = Array.from(part, (_, i) => whole[Math.floor(i / columns) * pitch + offset + (i % columns)]);
      expect(Array.from(part)).toEqual(expected);
    }
    const far = await ops
      .dropout(ones([3, 2], { device }), { p, seed, layout: { columns: 2, pitch: 2 ** 40 + 3, offset: 5 } })
      .data();
    const draws = [5, 6, 2 ** 40 + 8, 2 ** 40 + 9, 2 ** 41 + 11, 2 ** 41 + 12];
    expect(Array.from(far)).toEqual(draws.map((d) => (kept(d, seed, p) ? 1 : 0)));
    // Where a counter's low word overflows: in the middle of what is drawn at a time, and beside it.
    for (const before of [1, 77, 4 * 2 ** 10]) {
      const offset = 2 ** 34 - before;
      const n = 5000;
      const over = await ops
        .dropout(ones([n], { device }), { p, seed, layout: { columns: n, pitch: n, offset } })
        .data();
      expect(Array.from(over)).toEqual(Array.from(over, (_, i) => (kept(offset + i, seed, p) ? 1 : 0)));
    }
  });

  test('keeps the share it should, independently of the neighbours', async () => {
    const n = 1 << 20;
    for (const p of [0.5, 0.2]) {
      using x = ones([n], { device });
      using y = ops.dropout(x, { p, seed: 3 });
      const mask = await y.data();
      const keep = 1 - p;
      let sum = 0;
      const together = [1, 2, 4, 4096].map((lag) => ({ lag, count: 0 }));
      for (let i = 0; i < n; i++) {
        sum += mask[i]!;
        for (const pair of together) pair.count += mask[i]! * mask[(i + pair.lag) % n]!;
      }
      // Five standard deviations.
      expect(Math.abs(sum / n - keep)).toBeLessThan(5 * Math.sqrt((keep * p) / n));
      for (const { count } of together) {
        const both = keep * keep;
        expect(Math.abs(count / n - both)).toBeLessThan(5 * Math.sqrt((both * (1 - both) * 2) / n));
      }
    }
  });

  test('p = 0 keeps all; seeds differ; without one, manualSeed decides', async () => {
    const x = randn([200], { seed: 1, device });
    expect(await ops.dropout(x, { p: 0 }).data()).toEqual(await x.data());
    const draw = async (seed?: number) => (await ops.dropout(x, seed === undefined ? {} : { seed }).data()).join();
    expect(await draw(1)).not.toBe(await draw(2));
    manualSeed(5);
    const [first, second] = [await draw(), await draw()];
    manualSeed(5);
    expect([await draw(), await draw()]).toEqual([first, second]);
    expect(first).not.toBe(second);
  });

  test('a dropped NaN or infinity is 0', async () => {
    const x = tensor(new Array(64).fill(Number.NaN).fill(Number.POSITIVE_INFINITY, 32), { shape: [64], device });
    const y = await ops.dropout(x, { seed: 4 }).data();
    expect(Array.from(y)).toEqual(
      Array.from(y, (_, i) => (kept(i, 4, 0.5) ? (i < 32 ? Number.NaN : Number.POSITIVE_INFINITY) : 0)),
    );
  });
});

test('dropout refuses what it cannot do and names it', () => {
  const x = zeros([4]);
  const drop = (options: object) => ops.dropout(x, options as never);
  expect(() => drop({ p: 1 })).toThrow(new RangeError('dropout: p must be in [0, 1), got 1'));
  expect(() => drop({ p: -0.1 })).toThrow(RangeError);
  expect(() => drop({ p: Number.NaN })).toThrow(RangeError);
  expect(() => drop({ p: '0.5' })).toThrow(TypeError);
  expect(() => drop({ mode: 'test' })).toThrow("dropout: mode must be 'paper' or 'inverted', got 'test'");
  expect(() => drop({ seed: 1.5 })).toThrow(RangeError);
  expect(() => drop({ seed: 2 ** 53 })).toThrow(RangeError);
  expect(() => drop({ rate: 0.5 })).toThrow("dropout: unknown option 'rate'");
  expect(() => drop({ layout: { columns: 0, pitch: 1, offset: 0 } })).toThrow('dropout: layout.columns must be');
  expect(() => ops.dropout(zeros([2], { dtype: 'u8' }) as never)).toThrow('dropout: x must be f32, got u8 [2]');
});
