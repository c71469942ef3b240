import { ones, ops, randn, scope, type Tensor, tape, tensor, zeros } from '../../lib';
import { expectClose } from '../support/close';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';

testLiterals('local_response_norm', ({ x }, options) => ops.localResponseNorm(x, options));
testLiterals('spatial_response_norm', ({ x }, options) =>
  ops.spatialResponseNorm(x, options as { size: number; alpha: number; beta: number }),
);

describe.each(kinds)('response normalisation on $kind', (device) => {
  test("the text's example: k = 0, alpha = beta = 1, n = 2 and all activities 1 give 1/(1² + 1²) at the first map", async () => {
    const x = ones([1, 4, 1, 1], { device });
    const y = ops.localResponseNorm(x, { k: 0, alpha: 1, beta: 1, size: 2 });
    // The window reaches ⌊2/2⌋ = 1 map to either side.
    expect(Array.from(await y.data())).toEqual([1 / 2, 1 / 3, 1 / 3, 1 / 2].map((v) => expect.closeTo(v, 6)));
  });

  test('large activities: neither the divisor nor the gradient overflows', async () => {
    const x = tensor([1e15, -1e15, 3e15, 0], { shape: [1, 4], device });
    const y = await ops.localResponseNorm(x, { alpha: 1, size: 1 }).data();
    // x / (x²)^¾ = x^−½
    expect(y[0]! * Math.sqrt(1e15)).toBeCloseTo(1, 5);
    expect(y[1]! * Math.sqrt(1e15)).toBeCloseTo(-1, 5);
    expect(y[3]).toBe(0);
  });

  test('with k = 0 maps that do not exist, whose windows hold only zeros, give nothing to the gradient', async () => {
    const x = [1, 1, 0, 0];
    const sums = [2, 2, 2, 1];
    const input = tensor(x, { shape: [1, 4], device });
    using t = tape();
    const y = ops.localResponseNorm(input, { k: 0, alpha: 1 });
    const { dx } = t.gradients(y, { dx: input }, { seed: ones([1, 4], { device }) });
    const terms = sums.map((s, j) => x[j]! * s ** -1.75);
    const expected = sums.map((s, i) => {
      const window = terms.filter((_, j) => Math.abs(i - j) <= 2);
      return s ** -0.75 - 2 * 0.75 * x[i]! * window.reduce((total, term) => total + term, 0);
    });
    expect(Array.from(await dx.data())).toEqual(expected.map((v) => expect.closeTo(v, 6)));
  });

  // Four maps are made at a time, of windows of five; with other sizes one.
  test.each([5, 3])('windows of %i: value and gradient by the definition, for 1 to 13 maps', async (size) => {
    const [k, alpha, beta] = [1.3, 0.4, 0.75];
    const half = Math.floor(size / 2);
    for (let maps = 1; maps <= 13; maps++)
      for (const pixels of [1, 37]) {
        const shape = [2, maps, pixels] as const;
        using x = randn(shape, { seed: maps, device });
        using dy = randn(shape, { seed: 100 + maps, device });
        using t = tape();
        using y = ops.localResponseNorm(x, { k, alpha, beta, size });
        const { dx } = t.gradients(y, { dx: x }, { seed: dy });
        const [xs, ds] = [await x.data(), await dy.data()];
        const around = (i: number, of: (j: number) => number) => {
          const map = Math.floor(i / pixels) % maps;
          let sum = 0;
          for (let m = Math.max(0, map - half); m <= Math.min(maps - 1, map + half); m++)
            sum += of(i + (m - map) * pixels);
          return sum;
        };
        const divisors = Array.from(xs, (_, i) => k + alpha * around(i, (j) => xs[j]! ** 2));
        const terms = Array.from(xs, (v, i) => ds[i]! * v * divisors[i]! ** (-beta - 1));
        const values = Array.from(xs, (v, i) => v * divisors[i]! ** -beta);
        const gradient = Array.from(
          xs,
          (v, i) => ds[i]! * divisors[i]! ** -beta - 2 * alpha * beta * v * around(i, (j) => terms[j]!),
        );
        // Sums of a few terms and a power: some units in the last place.
        expectClose(await y.data(), values, 5e-7, `${maps} maps, y`);
        expectClose(await dx.data(), gradient, 5e-7, `${maps} maps, dx`);
      }
  });

  // Outputs that no cache holds go past the caches by way of buffers, rows cut in pieces and planes in tiles.
  if (device.kind === 'cpu')
    test.each([
      [[25, 60, 54, 55], 2],
      [[2, 7, 560, 561], 1],
    ] as const)('%j in %i groups: the bits of image by image', async (shape, groups) => {
      using memory = scope();
      const options = { groups, alpha: 0.4 };
      const both = (x: Tensor<any>, dy: Tensor<any>) => {
        using t = tape();
        const y = ops.localResponseNorm(x, options);
        const { dx } = t.gradients(y, { dx: x }, { seed: dy });
        return [y, dx] as Tensor<any>[];
      };
      const bits = (t: Tensor<any>) => Buffer.from(t.dataSync().buffer);
      const x = randn(shape as any, { seed: 1 });
      const dy = randn(shape as any, { seed: 2 });
      const whole = both(x, dy).map(bits);
      for (let i = 0; i < shape[0]; i++) {
        const image = (t: Tensor<any>) => ops.slice(t, [i, 0, 0, 0], [i + 1, ...shape.slice(1)]) as Tensor<any>;
        for (const [j, part] of both(image(x), image(dy)).map(bits).entries())
          expect(whole[j]!.subarray(i * part.length, (i + 1) * part.length).equals(part)).toBe(true);
      }
      void memory;
    });

  test('a NaN stays within its window', async () => {
    const values = new Float32Array(9).fill(1);
    values[4] = Number.NaN;
    for (const size of [3, 5]) {
      const across = await ops.localResponseNorm(tensor(values, { shape: [1, 9], device }), { size }).data();
      const reached = Array.from(values, (_, i) => Math.abs(i - 4) <= (size - 1) / 2);
      expect(Array.from(across, Number.isNaN)).toEqual(reached);
    }
    const within = await ops
      .spatialResponseNorm(tensor(values, { shape: [1, 1, 1, 9], device }), { size: 3, alpha: 1, beta: 0.75 })
      .data();
    expect(Array.from(within, Number.isNaN)).toEqual([false, false, false, true, true, true, false, false, false]);
  });
});

test('localResponseNorm refuses what does not fit and names it', () => {
  const x = zeros([2, 6, 4, 4]);
  const norm = (options: object, t: Tensor<any> = x) => ops.localResponseNorm(t, options as never);
  expect(() => norm({ groups: 4 })).toThrow(
    new RangeError('localResponseNorm: the 6 maps of x [2,6,4,4] do not divide into 4 groups'),
  );
  expect(() => norm({ size: 0 })).toThrow('localResponseNorm: size must be an integer of at least 1, got 0');
  expect(() => norm({ size: 2.5 })).toThrow(RangeError);
  expect(() => norm({ alpha: Number.NaN })).toThrow('localResponseNorm: alpha must be finite, got NaN');
  expect(() => norm({ beta: '1' })).toThrow("localResponseNorm: beta must be a number, got '1'");
  expect(() => norm({ depth: 5 })).toThrow("localResponseNorm: unknown option 'depth'");
  expect(() => norm({}, zeros([5]))).toThrow('localResponseNorm: x must be N×C×…, got [5]');
  expect(() => norm({ size: 2 ** 53 })).toThrow(RangeError);
});

test('spatialResponseNorm refuses what does not fit and names it', () => {
  const x = zeros([2, 6, 4, 4]);
  const norm = (options: object, t: Tensor<any> = x) =>
    ops.spatialResponseNorm(t, { size: 3, alpha: 1, beta: 0.75, ...options });
  expect(() => norm({ size: 0 })).toThrow('spatialResponseNorm: size must be an integer of at least 1, got 0');
  expect(() => norm({ k: Number.POSITIVE_INFINITY })).toThrow('spatialResponseNorm: k must be finite, got Infinity');
  expect(() => ops.spatialResponseNorm(x, undefined as never)).toThrow('spatialResponseNorm: size must be a number');
  expect(() => norm({}, zeros([6, 4, 4]))).toThrow('spatialResponseNorm: x must be N×C×H×W, got [6,4,4]');
});
