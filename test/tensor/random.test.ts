import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { manualSeed, numThreads, randn, scope, uniform } from '../../lib';
import { philox } from '../../lib/data/philox';
import { nextSeed } from '../../lib/tensor/random';
import { expectClose } from '../support/close';
import { kinds } from '../support/devices';

const digest = (values: Float32Array) => createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex');
const words = (i: number, seed: number) => philox(Math.floor(i / 4), seed, 0, new Uint32Array(4));

/** Φ by its series (Marsaglia, 2004), to float64's precision for |x| < 7. */
function normalCdf(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** The largest distance between the empirical distribution function and `cdf`, times √n. */
function kolmogorovSmirnov(values: Float32Array, cdf: (x: number) => number): number {
  const sorted = values.slice().sort();
  const n = sorted.length;
  const distance = sorted.reduce((worst, x, i) => {
    const p = cdf(x);
    return Math.max(worst, Math.abs(p - i / n), Math.abs(p - (i + 1) / n));
  }, 0);
  return distance * Math.sqrt(n);
}

const mean = (values: ArrayLike<number>, f = (x: number) => x) =>
  Array.from(values).reduce((sum, x) => sum + f(x), 0) / values.length;

describe.each(kinds)('on %s', (device) => {
  test('uniform: element i is the 24 leading bits of word i mod 4 of counter ⌊i/4⌋', async () => {
    // Random123's known answer for zeros.
    const known = [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8].map((w) => (w >>> 8) / 2 ** 24);
    expect([...(await uniform([4], { seed: 0, device }).data())]).toEqual(known);
    for (const [seed, n] of [
      [1, 1],
      [12345, 7],
      [2 ** 53 - 1, 66],
      [0x1234567890abc, 70_003],
    ] as [number, number][]) {
      const values = await uniform([n], { seed, device }).data();
      for (let i = 0; i < n; i += i < 70 ? 1 : 997) expect(values[i]).toBe((words(i, seed)[i % 4]! >>> 8) / 2 ** 24);
    }
  });

  test('uniform: low and high', async () => {
    const unit = await uniform([1001], { seed: 3, device }).data();
    const values = await uniform([7, 11, 13], { low: -2, high: 6, seed: 3, device }).data();
    expect(Array.from(values)).toEqual(Array.from(unit, (u) => Math.fround(Math.fround(8 * u) - 2)));
    // Rounding must not reach `high`: here every second draw would.
    for (const [low, high] of [
      [2 ** 24, 2 ** 24 + 2],
      [-1e-45, 0],
      [-(2 ** 24) - 2, -(2 ** 24)],
    ] as [number, number][]) {
      const drawn = await uniform([1000], { low, high, seed: 4, device }).data();
      expect(drawn.every((x) => x >= Math.fround(low) && x < high)).toBe(true);
    }
  });

  test('randn: Box and Muller of two words', async () => {
    const seed = 77;
    const n = 4001;
    const expected = Array.from({ length: n }, (_, i) => {
      const w = words(i, seed);
      const pair = i % 4 < 2 ? 0 : 2;
      const radius = Math.sqrt(-2 * Math.log(w[pair]! * 2 ** -32 + 2 ** -33));
      const angle = (2 * Math.PI * w[pair + 1]!) / 2 ** 32;
      return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
    });
    const values = await randn([n], { seed, device }).data();
    // The logarithm's and the sine's few units in the last place, 6e-8 each.
    expectClose(values, expected, 2e-7);
    // Near log's zero at 1 the rounding of the word to a float is felt: 2^-24 of 1 against a radius of a few thousandths.
    values.forEach((x, i) => {
      expect(Math.abs(x - expected[i]!)).toBeLessThan(2e-5);
    });
    const scaled = await randn([n], { mean: 3, std: 0.5, seed, device }).data();
    expect(Array.from(scaled)).toEqual(Array.from(values, (x) => Math.fround(Math.fround(0.5 * x) + 3)));
    expect(new Set(await randn([9], { mean: -1, std: 0, device }).data())).toEqual(new Set([-1]));
  });

  test('the distributions: mean, variance, higher moments, Kolmogorov–Smirnov', async () => {
    const n = 50_000;
    const sigma = (variance: number) => 5 * Math.sqrt(variance / n); // five standard errors
    const z = await randn([n], { seed: 11, device }).data();
    expect(Math.abs(mean(z))).toBeLessThan(sigma(1));
    expect(Math.abs(mean(z, (x) => x ** 2) - 1)).toBeLessThan(sigma(2));
    expect(Math.abs(mean(z, (x) => x ** 3))).toBeLessThan(sigma(15));
    expect(Math.abs(mean(z, (x) => x ** 4) - 3)).toBeLessThan(sigma(96));
    const u = await uniform([n], { seed: 12, device }).data();
    expect(Math.abs(mean(u) - 0.5)).toBeLessThan(sigma(1 / 12));
    expect(Math.abs(mean(u, (x) => x ** 2) - 1 / 3)).toBeLessThan(sigma(4 / 45));
    // 1.95 is passed by one sample in a thousand.
    expect(kolmogorovSmirnov(z, normalCdf)).toBeLessThan(1.95);
    expect(kolmogorovSmirnov(u, (x) => x)).toBeLessThan(1.95);
    // Neighbours, and the two halves of a pair, are uncorrelated.
    for (const lag of [1, 2, 4])
      expect(Math.abs(mean(z.subarray(lag).map((x, i) => x * z[i]!)))).toBeLessThan(sigma(1));
  });

  test('the same bits again, on any number of threads', async () => {
    const threads = numThreads();
    try {
      const seen = new Set<string>();
      for (const count of [1, 2, 3]) {
        numThreads(count);
        seen.add(digest(await randn([123, 457], { seed: 5, device }).data()));
      }
      expect(seen.size).toBe(1);
    } finally {
      numThreads(threads);
    }
  });
});

test('every instruction set draws the same bits', () => {
  const addon = process.env.CONVTAPE_ADDON ?? join(__dirname, '../../build/Release/convtape.node');
  const script = `
    const addon = require(process.argv[1]);
    const hash = require('node:crypto').createHash('sha256');
    for (const [distribution, a, b] of [['normal', 0, 1], ['normal', 0.3, 0.01], ['uniform', -1.7, 2.3]]) {
      const y = new addon.Storage(0, 1000003, 'f32');
      addon.launch(addon.operators.indexOf('random'), { distribution, count: 1000003, seed: 987654321, a, b }, [], [y]);
      hash.update(new Uint8Array(y.readSync().buffer));
    }
    console.log(addon.devices()[0].description.match(/avx512|avx2|portable/)[0], hash.digest('hex'));`;
  const outcomes = ['portable', 'avx2', 'avx512'].flatMap((isa) => {
    try {
      const env = { ...process.env, CONVTAPE_CPU_ISA: isa };
      const [ran, bits] = execFileSync(process.execPath, ['-e', script, addon], { env, stdio: 'pipe' })
        .toString()
        .split(' ');
      expect(ran).toBe(isa);
      return [bits];
    } catch (error) {
      const missing = new RegExp(`this processor does not have ${isa}|${isa} is not in this addon`);
      if (missing.test(String((error as { stderr?: Buffer }).stderr))) return [];
      throw error;
    }
  });
  expect(outcomes.length).toBeGreaterThan(0);
  expect(new Set(outcomes).size).toBe(1);
});

test('manualSeed starts the sequence that unseeded draws take their seeds from', async () => {
  const draw = async () => [...(await randn([3]).data()), ...(await uniform([3]).data())];
  manualSeed(7);
  const first = await draw();
  const second = await draw();
  manualSeed(7);
  expect(await draw()).toEqual(first);
  expect(await draw()).toEqual(second);
  expect(new Set([...first, ...second]).size).toBe(12);
  manualSeed(8);
  expect(await draw()).not.toEqual(first);
});

test('nextSeed: integers of 53 bits, all different, from neighbouring seeds too', () => {
  const seeds: number[] = [];
  for (const seed of [0, 1, 2, 2 ** 53 - 1]) {
    manualSeed(seed);
    for (let i = 0; i < 1000; i++) seeds.push(nextSeed());
  }
  expect(seeds.every((s) => Number.isSafeInteger(s) && s >= 0)).toBe(true);
  expect(new Set(seeds).size).toBe(seeds.length);
  // Every bit is set about half the time: 4000 draws, five standard errors.
  for (let bit = 0; bit < 53; bit++) {
    const ones = seeds.filter((s) => Math.floor(s / 2 ** bit) % 2 === 1).length;
    expect(Math.abs(ones - 2000)).toBeLessThan(5 * Math.sqrt(1000));
  }
});

test('errors', () => {
  for (const seed of [-1, 1.5, Number.NaN, Infinity, 2 ** 53]) {
    expect(() => manualSeed(seed)).toThrow(RangeError);
    expect(() => randn([1], { seed })).toThrow(`randn: seed must be an integer between 0 and 2^53 − 1, got ${seed}`);
  }
  for (const seed of ['1', null, 1n, {}] as any[]) {
    expect(() => manualSeed(seed)).toThrow(TypeError);
    expect(() => uniform([1], { seed })).toThrow('uniform: seed must be a number, got ');
  }
  expect(() => randn([1], { std: -1 })).toThrow('randn: std must not be negative, got -1');
  expect(() => randn([1], { mean: Number.NaN })).toThrow('randn: mean must be a finite f32, got NaN');
  expect(() => randn([1], { std: 1e39 })).toThrow('randn: std must be a finite f32, got 1e+39');
  expect(() => randn([1], { mean: '0' as any })).toThrow("randn: mean must be a number, got '0'");
  expect(() => uniform([1], { low: 1, high: 1 })).toThrow('uniform: low must be less than high, got 1 and 1');
  expect(() => uniform([1], { low: 2 })).toThrow('uniform: low must be less than high, got 2 and 1');
  expect(() => uniform([1], { low: -3e38, high: 3e38 })).toThrow('uniform: high − low must be a finite f32');
  expect(() => uniform([1], { low: 0.1, high: 0.1 + 1e-12 })).toThrow('uniform: low must be less than high');
});

test('memory is given back', () => {
  const before = kinds[0]!.memory().allocated;
  {
    using s = scope();
    randn([1000]);
    uniform([1000], { seed: 1 });
    void s;
  }
  expect(kinds[0]!.memory().allocated).toBe(before);
});
