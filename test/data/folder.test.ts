import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { DataError, DataSpecError, meanImage, type Split } from '../../lib/data/dataset';
import { openFolder } from '../../lib/data/folder';
import { DecodeError, Decoder } from '../../lib/data/images';
import { Loader } from '../../lib/data/loader';
import { openDataset } from '../../lib/data/open';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();
let made = 0;

/** An image of one colour. */
async function picture(path: string, colour: string, width = 40, height = 30): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await sharp({ create: { width, height, channels: 3, background: colour } }).toFile(path);
}

/** A folder with the given images, by path; their colours are shades of grey in the order of the list. */
async function folder(paths: readonly string[]): Promise<string> {
  const dir = join(root, String(made++));
  mkdirSync(dir);
  for (const [i, path] of paths.entries()) await picture(join(dir, path), `rgb(${i},${i},${i})`);
  return dir;
}

const range = (n: number, name: (i: number) => string) => Array.from({ length: n }, (_, i) => name(i));
const names = (split: Split) => range(split.length, (i) => split.source(i));
const size = 8;

describe('layouts', () => {
  test('one sub-folder a class, images at any depth, other files passed over; a tenth is held out', async () => {
    const dir = await folder([
      ...range(20, (i) => `dogs/${i}.png`),
      ...range(10, (i) => `cats/deep/er/${i}.JPEG`),
      'one/only.webp',
      'two/a.png',
      'two/b.png',
    ]);
    for (const name of ['dogs/notes.txt', 'dogs/drawing.svg', '.hidden/x.png', 'cats/.thumb.png', 'README.md']) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), 'no image');
    }
    const log: string[] = [];
    const set = await openFolder(dir, { size, log: (line) => log.push(line) });
    expect(log).toEqual([]);
    expect(set.classes).toEqual(['cats', 'dogs', 'one', 'two']);
    expect([set.channels, set.height, set.width, set.validation]).toEqual([3, size, size, undefined]);
    const count = (split: Split, label: number) =>
      range(split.length, (i) => String(split.label(i))).filter((l) => l === String(label)).length;
    expect([0, 1, 2, 3].map((c) => count(set.train, c))).toEqual([9, 18, 1, 1]);
    expect([0, 1, 2, 3].map((c) => count(set.test, c))).toEqual([1, 2, 0, 1]);
    expect(new Set([...names(set.train), ...names(set.test)]).size).toBe(33);
    for (let i = 0; i < set.train.length; i++)
      expect(set.train.source(i).startsWith(`${set.classes[set.train.label(i)]}/`)).toBe(true);
    // the same again, from a copy elsewhere with one image more: the others stay where they were
    const copy = await folder([]);
    for (const name of [...names(set.train), ...names(set.test)]) {
      mkdirSync(dirname(join(copy, name)), { recursive: true });
      copyFileSync(join(dir, name), join(copy, name));
    }
    expect(names((await openFolder(copy, { size })).train)).toEqual(names(set.train));
    await picture(join(copy, 'dogs/new.png'), 'red');
    const more = await openFolder(copy, { size });
    expect(
      names(more.train).filter((n) => n !== 'dogs/new.png' && !names(set.train).includes(n)).length,
    ).toBeLessThanOrEqual(1);
  });

  test('the beginning holds every class', async () => {
    const dir = await folder([
      ...range(30, (i) => `a/${i}.png`),
      ...range(30, (i) => `b/${i}.png`),
      ...range(30, (i) => `c/${i}.png`),
    ]);
    const set = await openFolder(dir, { size });
    const first = new Set(range(15, (i) => String(set.train.label(i))));
    expect(first.size).toBe(3);
  });

  test.each(['val', 'test'])('train/ and %s/', async (other) => {
    const dir = await folder(['train/a/1.png', 'train/a/2.png', 'train/b/1.png', `${other}/b/7.png`]);
    const set = await openFolder(dir, { size });
    expect(set.classes).toEqual(['a', 'b']);
    expect(names(set.train).sort()).toEqual(['a/1.png', 'a/2.png', 'b/1.png']);
    expect(names(set.test)).toEqual(['b/7.png']);
    expect(set.test.label(0)).toBe(1);
    expect(set.validation).toBeUndefined();
  });

  test('train/, val/ and test/: val is the validation split; a test/ without classes does not count', async () => {
    const both = await openFolder(await folder(['train/a/1.png', 'val/a/2.png', 'test/a/3.png']), { size });
    expect([names(both.train), names(both.validation!), names(both.test)]).toEqual([
      ['a/1.png'],
      ['a/2.png'],
      ['a/3.png'],
    ]);
    const flat = await openFolder(await folder(['train/a/1.png', 'val/a/2.png', 'test/3.png']), { size });
    expect([names(flat.test), flat.validation]).toEqual([['a/2.png'], undefined]);
  });

  test('train/ alone is split like a folder of classes', async () => {
    const set = await openFolder(await folder(range(20, (i) => `train/a/${i}.png`)), { size });
    expect([set.train.length, set.test.length]).toEqual([18, 2]);
  });

  test('a link to a folder above is not followed for ever; a link that leads nowhere is passed over', async () => {
    const dir = await folder(range(4, (i) => `a/${i}.png`));
    symlinkSync('..', join(dir, 'a/up'));
    symlinkSync('/nowhere', join(dir, 'a/gone'));
    const set = await openFolder(dir, { size });
    expect(set.train.length + set.test.length).toBe(4);
  });

  test('splits: only what is asked for is decoded', async () => {
    const dir = await folder(['train/a/1.png', 'train/a/2.png', 'val/a/3.png']);
    const progress: string[] = [];
    const set = await openFolder(dir, {
      size,
      splits: ['test'],
      progress: (done, total) => progress.push(`${done}/${total}`),
    });
    expect([set.train.length, set.test.length, progress.join()]).toEqual([0, 1, '1/1']);
  });
});

describe('pixels', () => {
  const decode = async (file: string, to = size) => new Decoder(to).decode(file);
  const channel = (data: Uint8Array, c: number, to = size) => [...data.subarray(c * to * to, (c + 1) * to * to)];

  test('planes of red, green and blue; transparent parts are white; grey and 16-bit images become colour', async () => {
    const red = join(root, 'red.png');
    await picture(red, 'rgb(200,10,30)');
    const data = await decode(red);
    expect(data.length).toBe(3 * size * size);
    expect([0, 1, 2].map((c) => new Set(channel(data, c)))).toEqual([new Set([200]), new Set([10]), new Set([30])]);
    const clear = join(root, 'clear.png');
    await sharp({ create: { width: 20, height: 20, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } }).toFile(
      clear,
    );
    expect(new Set(await decode(clear))).toEqual(new Set([255]));
    // what files may hold: grey, grey with transparency, 16 bits, four inks, a palette
    const raw = (values: number[], channels: 1 | 2 | 3) =>
      sharp(Buffer.from(new Array(400).fill(values).flat()), { raw: { width: 20, height: 20, channels } });
    const half = await raw([77], 1).joinChannel(Buffer.alloc(400, 128), {
      raw: { width: 20, height: 20, channels: 1 },
    });
    const kinds = {
      'grey.png': [raw([77], 1).toColourspace('b-w').png(), 'b-w uchar', [77, 77, 77]],
      'grey.jpg': [raw([77], 1).toColourspace('b-w').jpeg(), 'b-w uchar', [77, 77, 77]],
      'grey16.png': [raw([77], 1).toColourspace('grey16').png(), 'grey16 ushort', [77, 77, 77]],
      'half.png': [half.toColourspace('b-w').png(), 'b-w uchar', [166, 166, 166]],
      'deep.png': [raw([200, 10, 30], 3).toColourspace('rgb16').png(), 'rgb16 ushort', [200, 10, 30]],
      'inks.jpg': [raw([51, 102, 153], 3).toColourspace('cmyk').jpeg({ quality: 100 }), 'cmyk uchar', [51, 102, 153]],
      'palette.png': [raw([51, 102, 153], 3).png({ palette: true }), 'srgb uchar', [51, 102, 153]],
      'palette.gif': [raw([51, 102, 153], 3).gif(), 'srgb uchar', [51, 102, 153]],
      'photo.webp': [raw([51, 102, 153], 3).webp({ lossless: true }), 'srgb uchar', [51, 102, 153]],
    } as const;
    for (const [name, [image, kind, colour]] of Object.entries(kinds)) {
      const file = join(root, name);
      await image.toFile(file);
      const { space, depth } = await sharp(file).metadata();
      expect([name, `${space} ${depth}`]).toEqual([name, kind]);
      const data = await decode(file);
      expect(data.length).toBe(3 * size * size);
      // rounding of 16 bits; four inks and back lose more
      const most = name === 'inks.jpg' ? 20 : 1;
      for (let c = 0; c < 3; c++)
        for (const value of channel(data, c)) expect(Math.abs(value - colour[c]!)).toBeLessThanOrEqual(most);
    }
  });

  test('the shorter side to size, then the central square', async () => {
    // three vertical bands, 60 + 80 + 60 wide and 80 high: the centre is all green
    const wide = join(root, 'wide.png');
    const bands = Buffer.alloc(200 * 80 * 3);
    for (let y = 0; y < 80; y++)
      for (let x = 0; x < 200; x++) bands[(y * 200 + x) * 3 + (x < 60 ? 0 : x < 140 ? 1 : 2)] = 250;
    await sharp(bands, { raw: { width: 200, height: 80, channels: 3 } }).toFile(wide);
    const data = await decode(wide, 80);
    expect([0, 1, 2].map((c) => channel(data, c, 80).reduce((a, b) => a + b) / 6400)).toEqual([0, 250, 0]);
    const tall = join(root, 'tall.png');
    await sharp(wide).rotate(90).toFile(tall);
    expect(channel(await decode(tall, 80), 1, 80).reduce((a, b) => a + b) / 6400).toBe(250);
  });

  test('the orientation that a camera wrote is followed', async () => {
    const upright = join(root, 'upright.jpg');
    const turned = join(root, 'turned.jpg');
    const half = Buffer.alloc(16 * 16 * 3, 0).fill(255, 0, 16 * 8 * 3);
    await sharp(half, { raw: { width: 16, height: 16, channels: 3 } })
      .jpeg({ quality: 100 })
      .toFile(upright);
    await sharp(half, { raw: { width: 16, height: 16, channels: 3 } })
      .jpeg({ quality: 100 })
      .withMetadata({ orientation: 3 })
      .toFile(turned);
    const top = async (file: string) => (await decode(file))[0]!;
    expect([(await top(upright)) > 200, (await top(turned)) > 200]).toEqual([true, false]);
  });

  test('no more jobs at a time than the limit, and all get their turn', async () => {
    const file = join(root, 'many.png');
    await picture(file, 'blue');
    const decoder = new Decoder(4, 3);
    let running = 0;
    let active = 0;
    let most = 0;
    // The decoder's jobs from the moment that sharp is given them; sharp's own counters lag behind its answers.
    const toBuffer = sharp.prototype.toBuffer;
    const spy = jest.spyOn(sharp.prototype, 'toBuffer').mockImplementation(async function (this: sharp.Sharp) {
      most = Math.max(most, ++active);
      try {
        return await toBuffer.call(this);
      } finally {
        active--;
      }
    });
    const all = await Promise.all(
      range(60, String).map(async () => {
        running++;
        return decoder.decode(file);
      }),
    );
    spy.mockRestore();
    expect([running, all.length, new Set(all.map((a) => a.join())).size]).toEqual([60, 60, 1]);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(3);
    // a failure gives its place back
    await expect(Promise.all(range(7, () => join(root, 'none.png')).map((f) => decoder.decode(f)))).rejects.toThrow(
      DecodeError,
    );
    expect(await decoder.decode(file)).toEqual(all[0]);
  });
});

describe('memory', () => {
  test('beyond the budget images are decoded at each use, with the same result', async () => {
    const dir = await folder([...range(12, (i) => `a/${i}.png`), ...range(12, (i) => `b/${i}.png`)]);
    const one = 3 * size * size;
    const whole = await openFolder(dir, { size });
    const part = await openFolder(dir, { size, memory: 5.5 * one });
    const none = await openFolder(dir, { size, memory: 0 });
    const held = (split: Split) =>
      range(split.length, (i) => String(ArrayBuffer.isView(split.pixels(i)))).filter((b) => b === 'true').length;
    expect([held(whole.train), held(part.train) + held(part.test), held(none.train)]).toEqual([
      whole.train.length,
      5,
      0,
    ]);
    const epoch = async (set: typeof whole) => {
      const out: unknown[] = [];
      const mean = await meanImage(set.train);
      const loader = new Loader(set, set.train, { batch: 4, seed: 3, shuffle: true, view: 'random', size: 6, mean });
      for await (const b of loader.epoch(1)) out.push([...b.images], [...b.labels]);
      return out;
    };
    const expected = await epoch(whole);
    expect(await epoch(part)).toEqual(expected);
    expect(await epoch(none)).toEqual(expected);
  });

  test('the mean that comes from opening is the mean of the images', async () => {
    const set = await openFolder(await folder(range(9, (i) => `a/${i}.png`)), { size });
    const { train } = set;
    const plain = { length: train.length, label: () => 0, source: String, pixels: (i: number) => train.pixels(i) };
    expect(train.mean).toEqual(await meanImage(plain));
    expect(await meanImage(set.train)).toEqual(set.train.mean);
  });

  test('an image that goes missing later fails with its name', async () => {
    const dir = await folder(range(5, (i) => `a/${i}.png`));
    const set = await openFolder(dir, { size, memory: 0 });
    rmSync(join(dir, set.train.source(1)));
    await expect(set.train.pixels(1)).rejects.toThrow(
      new RegExp(
        `^${join(dir, set.train.source(1))} could be decoded when the data set was opened and now cannot: .*ENOENT`,
      ),
    );
    // after pixels() has been asked for, so that nothing is left waiting
    expect(await set.train.pixels(0)).toHaveLength(3 * size * size);
  });
});

describe('corrupt images are skipped, counted and named', () => {
  test('each of them', async () => {
    const dir = await folder(range(20, (i) => `a/${i}.jpg`));
    // noise, so that most of the file is picture and not header
    const noise = {
      width: 64,
      height: 64,
      channels: 3 as const,
      background: 'grey',
      noise: { type: 'gaussian' as const, mean: 128, sigma: 50 },
    };
    const photo = await sharp({ create: noise }).jpeg().toBuffer();
    const drawing = await sharp({ create: noise }).png().toBuffer();
    drawing[Math.floor(drawing.length / 2)]! ^= 0xff;
    const spoil: Record<string, Buffer | string> = {
      'a/empty.png': '',
      'a/text.jpg': 'not an image',
      'a/cut.jpg': photo.subarray(0, Math.floor(photo.length * 0.6)),
      'a/changed.png': drawing,
      'a/header.png': Buffer.from('89504e470d0a1a0a', 'hex'),
      'a/page.gif': '<html></html>',
    };
    for (const [name, bytes] of Object.entries(spoil)) writeFileSync(join(dir, name), bytes);
    mkdirSync(join(dir, 'a/folder.png'));
    const log: string[] = [];
    const progress: number[] = [];
    const set = await openFolder(dir, { size, log: (line) => log.push(line), progress: (done) => progress.push(done) });
    expect(set.train.length + set.test.length).toBe(20);
    for (const name of [...Object.keys(spoil), 'a/folder.png']) {
      expect(log.filter((line) => line.startsWith(`skipped ${join(dir, name)}: `))).toHaveLength(1);
      expect([...names(set.train), ...names(set.test)]).not.toContain(name);
    }
    expect(log).toHaveLength(8);
    expect(set.notices).toHaveLength(1);
    expect(set.notices[0]).toMatch(
      /^folder: skipped 7 of 27 images that could not be decoded: a\/.+, a\/.+, a\/.+, …$/,
    );
    expect(log[7]).toBe(set.notices[0]);
    expect(log.join('\n').split('\n')).toHaveLength(8);
    expect(Math.max(...progress)).toBe(27);
  });

  test('a class of which none is left is an error', async () => {
    const dir = await folder(range(4, (i) => `a/${i}.png`));
    mkdirSync(join(dir, 'b'));
    for (const i of [1, 2, 3]) writeFileSync(join(dir, `b/${i}.png`), 'x');
    await expect(openFolder(dir, { size })).rejects.toThrow(
      /^folder: none of the images of class b in .* can be decoded$/,
    );
  });
});

describe('a folder that is not as it should be is one clear line', () => {
  const aFile = async () => {
    writeFileSync(join(root, 'f'), '');
    return join(root, 'f');
  };
  test.each<[string, () => Promise<string>, RegExp]>([
    ['missing', async () => join(root, 'nowhere'), /^folder: there is no folder .*nowhere$/],
    ['a file', aFile, /^folder: .*\/f is not a folder$/],
    ['empty', () => folder([]), /holds no class folders; the images of each class belong in a folder of their own$/],
    ['images without classes', () => folder(['1.png', '2.png']), /holds no class folders/],
    [
      'a class without images',
      async () => {
        const dir = await folder(['a/1.png', 'a/2.png']);
        mkdirSync(join(dir, 'b/deep'), { recursive: true });
        writeFileSync(join(dir, 'b/deep/notes.txt'), '');
        return dir;
      },
      /^folder: the class folder .*\/b holds no images$/,
    ],
    [
      'a class without images in val/',
      async () => {
        const dir = await folder(['train/a/1.png', 'train/b/1.png', 'val/a/2.png']);
        mkdirSync(join(dir, 'val/b'));
        return dir;
      },
      /^folder: the class folder .*\/val\/b holds no images$/,
    ],
    [
      'nothing but a class without images in test/',
      async () => {
        const dir = await folder(['train/a/1.png', 'train/b/1.png']);
        mkdirSync(join(dir, 'test/b'), { recursive: true });
        return dir;
      },
      /^folder: the class folder .*\/test\/b holds no images$/,
    ],
    ['train/ without classes', () => folder(['train/1.png', 'val/a/2.png']), /train holds no class folders/],
    [
      'a class that is not trained',
      () => folder(['train/a/1.png', 'val/b/2.png']),
      /val\/b is of a class that the training images lack/,
    ],
    ['one image', () => folder(['a/1.png']), /holds too few images to keep some for testing$/],
  ])('%s', async (_, make, message) => {
    const dir = await make();
    const opening = openFolder(dir, { size });
    await expect(opening).rejects.toThrow(DataError);
    await expect(opening).rejects.toThrow(message);
  });

  test('a class folder that may not be read', async () => {
    const dir = await folder(['a/1.png', 'a/2.png', 'b/1.png']);
    chmodSync(join(dir, 'b'), 0o000);
    const opening = openFolder(dir, { size });
    // root may read anything
    if (process.getuid!() === 0) expect((await opening).classes).toEqual(['a', 'b']);
    else await expect(opening).rejects.toThrow(/^folder: .*\/b cannot be read: permission denied \(EACCES\)$/);
    chmodSync(join(dir, 'b'), 0o755);
  });

  test('a wrong size', async () => {
    await expect(openFolder(root, { size: 0 })).rejects.toThrow(
      'openFolder: size must be a whole number from 1, got 0',
    );
  });
});

describe('openDataset', () => {
  test('folder:DIR', async () => {
    const dir = await folder(['a/1.png', 'a/2.png']);
    expect((await openDataset(`folder:${dir}`, { size })).name).toBe(`folder:${dir}`);
  });

  test.each([
    [
      'mnist',
      '--data mnist: there is no such kind of data; there are fashion-mnist[:DIR], cifar10:DIR, folder:DIR, shards:DIR, imagenet:DIR',
    ],
    [
      '',
      '--data : there is no such kind of data; there are fashion-mnist[:DIR], cifar10:DIR, folder:DIR, shards:DIR, imagenet:DIR',
    ],
    ['cifar10', '--data cifar10: expected cifar10:DIR, with the folder of the images'],
    ['folder:', '--data folder:: a folder is missing after the colon'],
  ])('%j', async (spec, message) => {
    await expect(openDataset(spec)).rejects.toThrow(DataSpecError);
    await expect(openDataset(spec)).rejects.toThrow(message);
  });
});
