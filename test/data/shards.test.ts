import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, type Dataset, MemorySplit, meanImage, type Split, sliceSplit } from '../../lib/data/dataset';
import { Loader, type LoaderOptions } from '../../lib/data/loader';
import { openDataset } from '../../lib/data/open';
import { ShardFile } from '../../lib/data/shard_file';
import { openShards, readSet } from '../../lib/data/shards';
import { addon } from '../../lib/native/addon';
import { batchImages } from '../../lib/train/input';
import { kinds } from '../support/devices';
import { picture, writeSet } from '../support/shards';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();
let made = 0;

async function set(options: Parameters<typeof writeSet>[1] = {}): Promise<string> {
  const dir = join(root, String(made++));
  await writeSet(dir, options);
  return dir;
}

const numberOf = (split: Split, i: number) => Number(/\d+$/.exec(split.source(i))![0]);
const all = (split: Split) => Array.from({ length: split.length }, (_, i) => i);

test('CRC-32C: the check value of its catalogue, in pieces, at every length', () => {
  const text = Buffer.from('123456789');
  expect(addon.crc32c(text)).toBe(0xe3069283);
  expect(addon.crc32c(text.subarray(4), addon.crc32c(text.subarray(0, 4)))).toBe(0xe3069283);
  // bit by bit, from the polynomial
  const slow = (bytes: Uint8Array) => {
    let c = 0xffffffff;
    for (const b of bytes) {
      c ^= b;
      for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    }
    return ~c >>> 0;
  };
  const bytes = picture(3, 8);
  for (let n = 0; n < 70; n++) expect(addon.crc32c(bytes.subarray(1, 1 + n))).toBe(slow(bytes.subarray(1, 1 + n)));
});

test('raw records come back byte for byte, in a mixed order that is always the same', async () => {
  const dir = await set();
  const data = await openDataset(`shards:${dir}`);
  expect([data.classes, data.channels, data.height, data.width]).toEqual([['a', 'b', 'c'], 3, 16, 16]);
  expect([data.train.length, data.test.length, data.validation!.length]).toEqual([7, 4, 4]);
  expect(data.colours!.deviations).toEqual([Math.SQRT2, 1, Math.SQRT1_2]);
  expect((await meanImage(data.train))[5]).toBe(127);
  for (const [split, first] of [
    [data.train, 0],
    [data.test, 1000],
  ] as const) {
    const numbers = all(split).map((i) => numberOf(split, i));
    expect([...numbers].sort((a, b) => a - b)).toEqual(numbers.map((_, i) => first + i));
    for (const i of all(split)) {
      expect(split.label(i)).toBe(numbers[i]! % 3);
      expect(await split.pixels(i)).toEqual(picture(numbers[i]!, 16));
    }
    const out = new Uint8Array(2 * 768);
    await split.readInto!([3, 1], out);
    expect(Buffer.compare(out.subarray(0, 768), picture(numbers[3]!, 16))).toBe(0);
    expect(Buffer.compare(out.subarray(768), picture(numbers[1]!, 16))).toBe(0);
    const slice = sliceSplit(split, 1, 3);
    await slice.readInto!([0, 1], out);
    expect(Buffer.compare(out.subarray(768), picture(numbers[2]!, 16))).toBe(0);
  }
  expect(all(data.train).map((i) => data.train.source(i))).not.toEqual(all(data.train).map((i) => `train/ü${i}`));
  const again = await openDataset(`imagenet:${dir}`);
  expect(all(again.train).map((i) => again.train.source(i))).toEqual(all(data.train).map((i) => data.train.source(i)));
});

test('JPEG records: the addon and sharp give the same pixels', async () => {
  const dir = await set({ encoding: 'jpeg', size: 40, train: 5 });
  const { train, notices } = await openShards(dir);
  expect(notices).toHaveLength(addon.build.jpeg ? 0 : 1);
  const decoded = await Promise.all(all(train).map((i) => train.pixels(i)));
  const jpeg = addon.build.jpeg;
  try {
    (addon.build as { jpeg: boolean }).jpeg = false;
    for (const i of all(train)) expect(await train.pixels(i)).toEqual(decoded[i]);
  } finally {
    (addon.build as { jpeg: boolean }).jpeg = jpeg;
  }
  // and these are the pictures, within what JPEG loses
  for (const i of all(train)) {
    const original = picture(numberOf(train, i), 40);
    const off = decoded[i]!.reduce((sum, v, k) => sum + Math.abs(v - original[k]!), 0) / original.length;
    expect(off).toBeLessThan(8);
  }
});

const options: [string, Partial<LoaderOptions>][] = [
  ['random views and colours', { view: 'random', seed: 3, shuffle: true, colour: colours() }],
  ['a border, windows shared', { view: 'random', pad: 2, share: 2, seed: 4, shuffle: true }],
  ['mirrored at the centre', { view: 'random', crop: false, seed: 9 }],
  ['centre', { view: 'centre' }],
  ['ten views', { view: 'ten-crop', mean: Float32Array.of(10, 20, 30) }],
];

function colours() {
  const vectors = [
    [0.6, 0.6, 0.5],
    [-0.7, 0, 0.7],
  ];
  return { vectors, magnitudes: [50, 7], std: 0.3 };
}

describe.each(kinds)('views on $kind', (device) => {
  test.each(options)('%s: the bits that the host makes, from shards and from memory', async (_, own) => {
    const mean = picture(77, 16);
    const common = { batch: 3, size: 13, mean, scale: 1 / 1.1, ...own };
    const fromShards = await openShards(await set());
    const pixels = await Promise.all(all(fromShards.train).map((i) => fromShards.train.pixels(i)));
    const labels = all(fromShards.train).map((i) => fromShards.train.label(i));
    const memory = new MemorySplit('memory', Uint8Array.from(pixels.flatMap((p) => [...p])), labels);
    for (const split of [fromShards.train, memory]) {
      const host = new Loader(fromShards, memory, common);
      const loader = new Loader(fromShards, split, { ...common, views: 'device' });
      const batches = loader.epoch(2);
      for await (const wanted of host.epoch(2)) {
        const { value } = await batches.next();
        const got = value!;
        expect([got.count, got.views, got.step, got.labels, got.indices]).toEqual([
          wanted.count,
          wanted.views,
          wanted.step,
          wanted.labels,
          wanted.indices,
        ]);
        const images = batchImages(loader, got, device);
        expect([...images.shape]).toEqual([wanted.count * wanted.views, 3, 13, 13]);
        expect(await images.data()).toEqual(wanted.images);
        images.dispose();
      }
      expect((await batches.next()).done).toBe(true);
    }
  });
});

test('the host’s views from shards are those from memory', async () => {
  const data = await openShards(await set());
  const pixels = await Promise.all(all(data.train).map((i) => data.train.pixels(i)));
  const memory = new MemorySplit('memory', Uint8Array.from(pixels.flatMap((p) => [...p])), new Int32Array(7));
  const read = async (split: Split) => {
    const out: number[] = [];
    const loader = new Loader(data, split, { batch: 4, size: 9, view: 'random', shuffle: true, dtype: 'u8' });
    for await (const batch of loader.epoch(0)) out.push(...batch.images);
    return out;
  };
  expect(await read(data.train)).toEqual(await read(memory));
});

describe('damage is one line that names the file', () => {
  const first = (dir: string) => join(dir, 'train-00000.shard');
  const flip = (path: string, at: number) => {
    const bytes = readFileSync(path);
    bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
    writeFileSync(path, bytes);
  };
  const edit = (dir: string, change: (set: any) => void) => {
    const path = join(dir, 'set.json');
    const value = JSON.parse(readFileSync(path, 'utf8'));
    change(value);
    writeFileSync(path, JSON.stringify(value));
  };

  test.each<[string, (dir: string) => void, RegExp]>([
    [
      'no set',
      (d) => rmSync(join(d, 'set.json')),
      /holds no prepared set \(there is no set\.json\): make one with convtape data prepare SRC /,
    ],
    ['set.json cut short', (d) => truncateSync(join(d, 'set.json'), 40), /set\.json is damaged: /],
    ['a key too many', (d) => edit(d, (s) => Object.assign(s, { extra: 1 })), /set\.json: the whole: .*extra/],
    [
      'a key of another kind',
      (d) => edit(d, (s) => Object.assign(s.splits.train, { images: 'x' })),
      /set\.json: splits\.train\.images: /,
    ],
    [
      'a file outside',
      (d) => edit(d, (s) => Object.assign(s.splits.train.shards[0], { file: '../x.shard' })),
      /set\.json: splits\.train\.shards\.0\.file/,
    ],
    [
      'counts that do not add up',
      (d) => edit(d, (s) => s.splits.train.counts.fill(1)),
      /set\.json contradicts itself: 7 images, 3 by class, 7 in shards/,
    ],
    [
      'another size',
      (d) => edit(d, (s) => Object.assign(s, { width: 15 })),
      /(mean\.f32 is damaged|width is 16, set\.json says 15)/,
    ],
    ['the mean', (d) => flip(join(d, 'mean.f32'), 9), /mean\.f32 is damaged: expected 3072 bytes with checksum/],
    [
      'a missing shard',
      (d) => rmSync(first(d)),
      /train-00000\.shard cannot be opened: no such file or folder \(ENOENT\)$/,
    ],
    ['a shard cut short', (d) => truncateSync(first(d), 3000), /train-00000\.shard is cut short: expected \d+ bytes$/],
    [
      'a shard without header',
      (d) => truncateSync(first(d), 20),
      /train-00000\.shard is cut short: its header ends at byte 64, the file at byte 20$/,
    ],
    [
      'a longer shard',
      (d) => writeFileSync(first(d), Buffer.concat([readFileSync(first(d)), Buffer.alloc(1)])),
      /train-00000\.shard is too long/,
    ],
    ['something else', (d) => flip(first(d), 2), /train-00000\.shard is no shard: expected it to start with CTSHARD$/],
    ['a later version', (d) => flip(first(d), 7), /train-00000\.shard is a shard of another version \(17\.1\)/],
    ['the header', (d) => flip(first(d), 25), /train-00000\.shard is damaged: its header has another checksum/],
    [
      'the index',
      (d) => flip(first(d), 64 + 3 * 768 + 17),
      /train-00000\.shard is damaged: its index has another checksum/,
    ],
    [
      'shards of another set',
      (d) => writeFileSync(first(d), readFileSync(join(d, 'val-00000.shard'))),
      /train-00000\.shard holds 4 images, set\.json says 3$/,
    ],
  ])('%s', async (_, spoil, message) => {
    const dir = await set();
    spoil(dir);
    const opening = openShards(dir);
    await expect(opening).rejects.toThrow(DataError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.not.toThrow(/\n/);
  });

  test('a record: named when it is read, and the others are not lost', async () => {
    for (const encoding of ['raw', 'jpeg'] as const) {
      const dir = await set({ encoding });
      flip(first(dir), 64 + 5);
      const { train } = await openShards(dir);
      const bad = all(train).find((i) => train.source(i) === 'train/ü0')!;
      await expect(train.pixels(bad)).rejects.toThrow(
        `${first(dir)}, record 0 (train/ü0): its checksum is wrong: the file is damaged`,
      );
      const good = all(train).filter((i) => i !== bad);
      await train.readInto!(good, new Uint8Array(good.length * 768));
      const loader = new Loader({ channels: 3, height: 16, width: 16 }, train, { batch: 3, views: 'device' });
      await expect(
        (async () => {
          for await (const batch of loader.epoch(0)) void batch;
        })(),
      ).rejects.toThrow('its checksum is wrong');
    }
  });

  test('a file cut short while it is in use', async () => {
    const dir = await set();
    const { train } = (await openShards(dir)) as Dataset;
    truncateSync(first(dir), 700);
    await expect(train.readInto!(all(train), new Uint8Array(7 * 768))).rejects.toThrow(
      /train-00000\.shard, record \d \(train\/ü\d\): the file ends within the record: it has been cut short$/,
    );
  });

  test('statistics', async () => {
    const dir = await set();
    const shard = ShardFile.open(first(dir));
    expect(shard.statistics().job).toBe('test');
    shard.close();
    flip(first(dir), -3);
    const damaged = ShardFile.open(first(dir));
    expect(() => damaged.statistics()).toThrow(/its statistics have another checksum than was written$/);
    damaged.close();
  });
});

test('the addon’s reader refuses what does not fit', async () => {
  const none = [new Int32Array(1), new Float64Array(1), new Uint32Array(1), new Uint32Array(1)] as const;
  expect(() => addon.readRecords(...none, false, 1, 2, 2, new Uint8Array(3))).toThrow('out must have 4 bytes, got 3');
  expect(() => addon.readRecords(...none, false, 0, 2, 2, new Uint8Array(4))).toThrow(
    'channels must be from 1 to 65536',
  );
  expect(() => addon.readRecords(...none, false, 1, 2, 2, [] as never)).toThrow('out is another kind of array');
  await expect(
    addon.readRecords(Int32Array.of(-1), none[1], Uint32Array.of(4), none[3], false, 1, 2, 2, new Uint8Array(4)),
  ).rejects.toThrow('0: it cannot be read: Bad file descriptor');
  await addon.readRecords(
    new Int32Array(0),
    new Float64Array(0),
    new Uint32Array(0),
    new Uint32Array(0),
    false,
    1,
    2,
    2,
    new Uint8Array(0),
  );
});

test('set.json is what readSet gives', async () => {
  const dir = await set();
  expect(await readSet(dir)).toEqual(JSON.parse(readFileSync(join(dir, 'set.json'), 'utf8')));
});
