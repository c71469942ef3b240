import {
  DataError,
  type Dataset,
  limitSplit,
  MemorySplit,
  meanImage,
  type Split,
  sliceSplit,
} from '../../lib/data/dataset';
import { type Batch, Loader, type LoaderOptions } from '../../lib/data/loader';
import { permutation } from '../../lib/data/order';

const size = { channels: 2, height: 4, width: 5 };

/** Images whose every byte tells where it stands: image·100 + place. */
function counted(length: number, { channels, height, width } = size): Split {
  const one = channels * height * width;
  const data = Uint8Array.from({ length: length * one }, (_, i) => Math.floor(i / one) * 100 + (i % one));
  return new MemorySplit(
    'train',
    data,
    Array.from({ length }, (_, i) => i % 3),
  );
}

/** The same split, giving every image late. */
function slow(split: Split): Split {
  return {
    length: split.length,
    label: (i) => split.label(i),
    source: (i) => split.source(i),
    pixels: (i) => new Promise((resolve) => setTimeout(() => resolve(split.pixels(i)), (i * 7) % 5)),
  };
}

type Copy = Omit<Batch, 'images'> & { images: number[] };

async function all(loader: Loader, epoch = 0, start = 0): Promise<Copy[]> {
  const out: Copy[] = [];
  for await (const b of loader.epoch(epoch, start))
    out.push({ ...b, images: [...b.images], labels: b.labels.slice(), indices: b.indices.slice() });
  return out;
}

const random: LoaderOptions = {
  batch: 4,
  seed: 9,
  shuffle: true,
  view: 'random',
  size: [3, 3],
  pad: 1,
  mean: [1, 2],
  scale: 0.5,
  colour: {
    vectors: [
      [1, 0],
      [0, 1],
    ],
    magnitudes: [3, 2],
  },
};

describe('order', () => {
  test('an epoch is a permutation; seed and epoch change it; it does not depend on what was drawn before', () => {
    const a = permutation(1000, 1, 0);
    expect([...a].sort((x, y) => x - y)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    const differs = (b: Int32Array) => b.filter((v, i) => v !== a[i]).length;
    expect(differs(permutation(1000, 1, 1))).toBeGreaterThan(950);
    expect(differs(permutation(1000, 2, 0))).toBeGreaterThan(950);
    expect(permutation(1000, 1, 0)).toEqual(a);
    expect(permutation(1, 1, 0)).toEqual(Int32Array.of(0));
    expect([...permutation(2, 0, 0)].sort()).toEqual([0, 1]);
  });

  test('permutations of 3 and of 4 are equally likely', () => {
    for (const [n, kinds] of [
      [3, 6],
      [4, 24],
    ] as const) {
      const counts = new Map<string, number>();
      const draws = 600 * kinds;
      for (let e = 0; e < draws; e++) {
        const key = permutation(n, 5, e).join();
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      expect(counts.size).toBe(kinds);
      // χ² with kinds−1 degrees of freedom; mean + 5 standard deviations
      const chi2 = [...counts.values()].reduce((s, c) => s + (c - 600) ** 2 / 600, 0);
      expect(chi2).toBeLessThan(kinds - 1 + 5 * Math.sqrt(2 * (kinds - 1)));
    }
  });
});

describe('Loader', () => {
  test('plain batches hold the images in order, and the short one is kept or dropped', async () => {
    const split = counted(7);
    const kept = await all(new Loader(size, split, { batch: 3 }));
    expect(kept.map((b) => b.count)).toEqual([3, 3, 1]);
    expect(kept.flatMap((b) => b.images)).toEqual(
      Array.from({ length: 7 }, (_, i) => [...(split.pixels(i) as Uint8Array)]).flat(),
    );
    expect(kept.flatMap((b) => [...b.labels])).toEqual([0, 1, 2, 0, 1, 2, 0]);
    const loader = new Loader(size, split, { batch: 3, last: 'drop' });
    expect(loader.steps).toBe(2);
    expect((await all(loader)).map((b) => b.count)).toEqual([3, 3]);
  });

  test('an epoch of random views holds every image once, in another order each time', async () => {
    const loader = new Loader(size, counted(10), random);
    const first = (await all(loader, 0)).flatMap((b) => [...b.indices]);
    expect(first.slice().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect((await all(loader, 1)).flatMap((b) => [...b.indices])).not.toEqual(first);
  });

  test('starting at a step gives the very batches that a whole epoch gives there', async () => {
    const whole = await all(new Loader(size, counted(11), random), 3);
    for (let start = 0; start <= 3; start++)
      expect(await all(new Loader(size, counted(11), random), 3, start)).toEqual(whole.slice(start));
  });

  test('prefetching, and images that come late, change nothing', async () => {
    const whole = await all(new Loader(size, counted(11), random));
    for (const prefetch of [0, 1, 3, 100]) {
      expect(await all(new Loader(size, counted(11), { ...random, prefetch }))).toEqual(whole);
      expect(await all(new Loader(size, slow(counted(11)), { ...random, prefetch }))).toEqual(whole);
    }
  });

  test('what an image looks like depends on (seed, epoch, index), not on the batch size or the order', async () => {
    const views = async (batch: number, shuffle = true) => {
      const out = new Map<number, number[]>();
      for (const b of await all(new Loader(size, counted(12), { ...random, batch, shuffle }), 2))
        for (let k = 0; k < b.count; k++) out.set(b.indices[k]!, b.images.slice(k * 18, (k + 1) * 18));
      return [...out.entries()].sort(([a], [b]) => a - b);
    };
    expect(await views(5)).toEqual(await views(2));
    expect(await views(5)).toEqual(await views(5, false));
  });

  test('a random view is a window of the padded image, mirrored or not, minus mean, times scale; all windows occur', async () => {
    const { channels, height, width } = size;
    const split = counted(1);
    const image = split.pixels(0) as Uint8Array;
    const at = (c: number, y: number, x: number) =>
      y < 0 || x < 0 || y >= height || x >= width ? 0 : image[(c * height + y) * width + x]!;
    const expected = new Map<string, string>();
    for (let top = -1; top <= height + 1 - 3; top++)
      for (let left = -1; left <= width + 1 - 3; left++)
        for (const mirror of [false, true]) {
          const view: number[] = [];
          for (let c = 0; c < channels; c++)
            for (let y = 0; y < 3; y++)
              for (let x = 0; x < 3; x++) view.push((at(c, top + y, left + (mirror ? 2 - x : x)) - [1, 2][c]!) * 0.5);
          expected.set(view.join(), `${top} ${left} ${mirror}`);
        }
    expect(expected.size).toBe(4 * 5 * 2);
    const loader = new Loader(size, split, { ...random, colour: undefined });
    const seen = new Set<string | undefined>();
    for (let epoch = 0; epoch < 500; epoch++) seen.add(expected.get((await all(loader, epoch))[0]!.images.join()));
    // 40 windows, 500 draws: one is missed with probability 40·(1−1/40)^500 ≈ 1e-4, and the seed is fixed
    expect(seen.size).toBe(40);
    expect(seen.has(undefined)).toBe(false);
  });

  test('mirror: false draws the same windows and mirrors none', async () => {
    const mirrored = await all(new Loader(size, counted(8), { ...random, batch: 8, colour: undefined }));
    const plain = await all(new Loader(size, counted(8), { ...random, batch: 8, colour: undefined, mirror: false }));
    const rows = (values: number[]) =>
      Array.from({ length: values.length / 3 }, (_, r) => values.slice(3 * r, 3 * r + 3));
    let flipped = 0;
    for (let k = 0; k < 8; k++) {
      const a = rows(mirrored[0]!.images.slice(k * 18, (k + 1) * 18));
      const b = rows(plain[0]!.images.slice(k * 18, (k + 1) * 18));
      const same = String(a) === String(b);
      if (!same) flipped++;
      expect(a).toEqual(same ? b : b.map((row) => row.slice().reverse()));
    }
    expect(flipped).toBeGreaterThan(0);
    expect(flipped).toBeLessThan(8);
  });

  test('erase: a rectangle of so many images is the mean, and the rest of them as it was; the split keeps its bytes', async () => {
    const g = { channels: 2, height: 20, width: 30 };
    const bytes = Uint8Array.from({ length: 300 * 1200 }, (_, i) => 100 + (i % 7));
    const split = new MemorySplit('train', bytes.slice(), new Uint8Array(300));
    const options: LoaderOptions = { batch: 40, view: 'random', crop: false, mirror: false, seed: 4, mean: [10, 20.4] };
    const plain = (await all(new Loader(g, split, options), 2)).flatMap((b) => b.images);
    let erased = 0;
    const shapes = new Set<string>();
    const images = (await all(new Loader(g, split, { ...options, erase: 0.4 }), 2)).flatMap((b) => b.images);
    for (let k = 0; k < 300; k++) {
      const rows = new Set<number>();
      const columns = new Set<number>();
      let blank = 0;
      for (let i = 0; i < 1200; i++) {
        const at = k * 1200 + i;
        const value = images[at]!;
        if (value === plain[at]) continue;
        // 10 − 10, and 20 − 20.4
        expect(value).toBeCloseTo(i < 600 ? 0 : -0.4, 5);
        rows.add(Math.floor((i % 600) / 30));
        columns.add(i % 30);
        blank++;
      }
      expect(blank).toBe(2 * rows.size * columns.size);
      if (blank === 0) continue;
      erased++;
      shapes.add(`${rows.size}×${columns.size}`);
      expect(blank / 1200).toBeGreaterThan(0.015);
      expect(blank / 1200).toBeLessThan(0.36);
    }
    // 300 draws of 0.4: 120, and five standard deviations
    expect(Math.abs(erased - 120)).toBeLessThan(43);
    expect(shapes.size).toBeGreaterThan(40);
    expect((await all(new Loader(g, split, options), 2)).flatMap((b) => b.images)).toEqual(plain);
    // The bytes that a device gets are the same.
    const device = await all(new Loader(g, split, { ...options, erase: 0.4, views: 'device' }), 2);
    const stored = device.flatMap((b) => b.images);
    expect(stored.map((v, i) => Math.fround(v - Math.fround(i % 1200 < 600 ? 10 : 20.4)))).toEqual(images);
    expect(() => new Loader(g, split, { ...options, erase: 1.5 })).toThrow(
      'Loader: erase must be from 0 to 1, got 1.5',
    );
  });

  test('share: consecutive images have one window', async () => {
    const flat = new MemorySplit(
      'train',
      new Uint8Array(64 * 20).map((_, i) => i % 20),
      new Uint8Array(64),
    );
    const g = { channels: 1, height: 4, width: 5 };
    const windows = async (share: number) => {
      const images = (await all(new Loader(g, flat, { batch: 64, view: 'random', size: 2, share })))[0]!.images;
      return Array.from({ length: 64 }, (_, k) => images.slice(k * 4, k * 4 + 4).join());
    };
    const four = await windows(4);
    for (let k = 0; k < 64; k++) expect(four[k]).toBe(four[k - (k % 4)]);
    expect(new Set(four).size).toBeGreaterThan(8);
    expect(new Set(await windows(1)).size).toBeGreaterThan(16);
  });

  test('mean image: subtracted where the crop is, its edge repeated under the border', async () => {
    const split = counted(1);
    const mean = await meanImage(split);
    // the image is its own mean: zero inside, minus the nearest edge outside
    const [b] = await all(new Loader(size, split, { batch: 1, mean, pad: 1, size: [6, 7] }));
    for (let c = 0, k = 0; c < 2; c++)
      for (let y = -1; y <= 4; y++)
        for (let x = -1; x <= 5; x++, k++) {
          const inside = y >= 0 && y < 4 && x >= 0 && x < 5;
          const edge = mean[(c * 4 + Math.min(Math.max(y, 0), 3)) * 5 + Math.min(Math.max(x, 0), 4)]!;
          expect(b!.images[k]).toBeCloseTo(inside ? 0 : -edge, 6);
        }
  });

  test('centre crop and ten crops', async () => {
    const g = { channels: 1, height: 4, width: 6 };
    const split = new MemorySplit(
      'test',
      Uint8Array.from({ length: 24 }, (_, i) => i),
      [2],
    );
    const [centre] = await all(new Loader(g, split, { batch: 1, size: 2 }));
    expect(centre!.images).toEqual([8, 9, 14, 15]);
    // an odd pixel goes to the end: columns 1 and 2 of 0 … 4 for 2 of 5, rows 0 … 2 for 3 of 4
    const [odd] = await all(
      new Loader(
        { ...g, width: 5 },
        new MemorySplit(
          'test',
          Uint8Array.from({ length: 20 }, (_, i) => i),
          [0],
        ),
        { batch: 1, size: [3, 2] },
      ),
    );
    expect(odd!.images).toEqual([1, 2, 6, 7, 11, 12]);
    const [ten] = await all(new Loader(g, split, { batch: 1, size: 2, view: 'ten-crop' }));
    expect(ten!.views).toBe(10);
    expect(ten!.count).toBe(1);
    const five = [
      [0, 1, 6, 7],
      [4, 5, 10, 11],
      [12, 13, 18, 19],
      [16, 17, 22, 23],
      [8, 9, 14, 15],
    ];
    expect(ten!.images).toEqual([...five, ...five.map(([a, b, c, d]) => [b, a, d, c])].flat());
  });

  test("dtype 'u8' gives the same windows as bytes", async () => {
    const options = { ...random, colour: undefined, mean: undefined, scale: undefined };
    const floats = await all(new Loader(size, counted(2), options));
    const bytes = await all(new Loader(size, counted(2), { ...options, dtype: 'u8' }));
    expect(bytes).toEqual(floats);
    for await (const b of new Loader(size, counted(2), { ...options, dtype: 'u8' }).epoch(0))
      expect(b.images).toBeInstanceOf(Uint8Array);
  });

  test('colour noise has the asked spread and is one number for a whole channel', async () => {
    const g = { channels: 3, height: 2, width: 2 };
    const split = new MemorySplit('train', new Uint8Array(4000 * 12), new Uint8Array(4000));
    const vectors = [
      [0.6, 0.0, 0.8],
      [0.8, 0.0, -0.6],
      [0, 1, 0],
    ];
    const magnitudes = [50, 20, 10];
    const [b] = await all(new Loader(g, split, { batch: 4000, colour: { vectors, magnitudes } }));
    const shift = (k: number, c: number) => b!.images[k * 12 + c * 4]!;
    const products = [0, 0, 0];
    const projections = [0, 0, 0];
    for (let k = 0; k < 4000; k++) {
      for (let c = 0; c < 3; c++) for (let p = 1; p < 4; p++) expect(b!.images[k * 12 + c * 4 + p]).toBe(shift(k, c));
      const along = vectors.map((v) => v.reduce((s, value, c) => s + value * shift(k, c), 0));
      along.forEach((a, i) => {
        projections[i]! += a * a;
        products[i]! += a * along[(i + 1) % 3]!;
      });
    }
    for (let i = 0; i < 3; i++) {
      // variance of 4,000 draws: relative standard error √(2/4000) = 2.2 %
      expect(Math.sqrt(projections[i]! / 4000) / (0.1 * magnitudes[i]!)).toBeCloseTo(1, 1);
      const correlation = products[i]! / Math.sqrt(projections[i]! * projections[(i + 1) % 3]!);
      expect(Math.abs(correlation)).toBeLessThan(0.08);
    }
  });

  test('a failing image fails the batch it is in, in its turn', async () => {
    const good = counted(6);
    const split: Split = {
      length: 6,
      label: () => 0,
      source: String,
      pixels: (i) => (i === 4 ? Promise.reject(new DataError('image 4 is gone')) : good.pixels(i)),
    };
    const loader = new Loader(size, split, { batch: 2, prefetch: 3 });
    const got: number[] = [];
    const read = async () => {
      for await (const b of loader.epoch(0)) got.push(b.step);
    };
    await expect(read()).rejects.toThrow('image 4 is gone');
    expect(got).toEqual([0, 1]);
  });

  test('leaving an epoch early frees its buffers for the next', async () => {
    const loader = new Loader(size, counted(9), { ...random, batch: 2 });
    const whole = await all(loader);
    for await (const b of loader.epoch(0)) if (b.step === 1) break;
    expect(await all(loader)).toEqual(whole);
    // two at the same time do not share buffers
    const a = loader.epoch(0);
    const b = loader.epoch(1);
    const first = (await a.next()).value as Batch;
    const kept = [...first.images];
    await b.next();
    await b.next();
    expect([...first.images]).toEqual(kept);
    await a.return();
    await b.return();
  });

  test.each<[Partial<LoaderOptions>, RegExp]>([
    [{ batch: 0 }, /^Loader: batch must be a whole number from 1, got 0/],
    [{ batch: Number.NaN }, /batch must be a whole number from 1, got NaN/],
    [{ size: 9 }, /a 9×9 crop does not fit in a 4×5 image with a border of 0/],
    [{ pad: -1 }, /pad must be a whole number/],
    [{ seed: -1 }, /seed must be a whole number from 0/],
    [{ mean: [1, 2, 3] }, /mean must have 2 values \(one a channel\) or 40 \(one a pixel\), got 3/],
    [{ dtype: 'u8', scale: 2 }, /dtype 'u8' leaves the bytes/],
    [{ batch: 8, last: 'drop' }, /3 images are fewer than a batch of 8/],
    [{ colour: { vectors: [[1]], magnitudes: [1] } }, /one value for each of 2 channels, got 1/],
    [{ shufle: true } as never, /^Loader: unknown option 'shufle'; the options are batch, seed, shuffle, /],
  ])('refuses %j', (options, message) => {
    expect(() => new Loader(size, counted(3), { batch: 2, ...options })).toThrow(message);
  });

  test('limitSplit takes the beginning, sliceSplit any part', () => {
    const split = counted(6);
    expect(limitSplit(split, 100)).toBe(split);
    const two = limitSplit(split, 2);
    expect([two.length, two.label(1), two.source(1), two.pixels(1)]).toEqual([2, 1, 'train 1', split.pixels(1)]);
    const rest = sliceSplit(split, 4);
    expect([rest.length, rest.label(0), rest.source(1), rest.pixels(1)]).toEqual([2, 1, 'train 5', split.pixels(5)]);
    expect(sliceSplit(rest, 1, 1).length).toBe(0);
    for (const [a, b] of [
      [-1, 2],
      [3, 2],
      [0, 7],
      [0.5, 2],
      [0, Number.NaN],
    ] as const)
      expect(() => sliceSplit(split, a, b)).toThrow(`sliceSplit: expected 0 ≤ start ≤ end ≤ 6, got ${a} and ${b}`);
    expect(() => limitSplit(split, 0)).toThrow(/n must be a whole number from 1/);
  });
});

test('20,000 images of 28×28 a second on one core, augmented', async () => {
  const g: Pick<Dataset, 'channels' | 'height' | 'width'> = { channels: 1, height: 28, width: 28 };
  const split = new MemorySplit('train', new Uint8Array(20000 * 784).fill(7), new Uint8Array(20000));
  const mean = new Float32Array(784).fill(70);
  const loader = new Loader(g, split, { batch: 128, shuffle: true, view: 'random', pad: 2, mean, scale: 1 / 64 });
  for await (const _ of loader.epoch(0));
  const before = process.cpuUsage();
  for await (const _ of loader.epoch(1));
  const { user, system } = process.cpuUsage(before);
  // CPU time of this process, so that a busy machine does not matter
  expect((20000 / (user + system)) * 1e6).toBeGreaterThan(20000);
});
