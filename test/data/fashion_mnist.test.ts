import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { DataError, meanImage } from '../../lib/data/dataset';
import { fashionClasses, openFashionMnist, sampleFolder } from '../../lib/data/fashion_mnist';
import { idxBytes, writeFashion } from '../support/idx';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();
let folders = 0;

/** A fresh set of 12 and 3 images, after `spoil` has been at it. */
function spoiled(spoil: (folder: string) => void, zipped = true): string {
  const folder = join(root, `set-${folders++}`);
  writeFashion(folder, 12, 3, zipped);
  spoil(folder);
  return folder;
}

const trainImages = 'train-images-idx3-ubyte.gz';

test.each([true, false])('reads the four files (gzipped: %s)', async (zipped) => {
  const set = await openFashionMnist(spoiled(() => {}, zipped));
  expect([set.train.length, set.test.length, set.channels, set.height, set.width]).toEqual([12, 3, 1, 28, 28]);
  expect(set.classes).toEqual(fashionClasses);
  const image = (await set.train.pixels(5)) as Uint8Array;
  expect([image.length, image[0], image[100], set.train.label(5), set.train.label(11)]).toEqual([784, 5, 105, 5, 1]);
  expect(set.train.source(5)).toBe('train 5');
  expect(set.notices).toEqual([]);
});

describe('faults are one line that names the file', () => {
  const inside = (folder: string, name = trainImages) => join(folder, name);

  test.each<[string, (folder: string) => void, RegExp]>([
    [
      'plain file cut short',
      (f) => {
        const bytes = gunzipSync(readFileSync(inside(f)));
        rmSync(inside(f));
        writeFileSync(inside(f).slice(0, -3), bytes.subarray(0, 5000));
      },
      /train-images-idx3-ubyte is cut short: expected 9424 bytes, got 5000$/,
    ],
    [
      'gzip cut short',
      (f) => writeFileSync(inside(f), readFileSync(inside(f)).subarray(0, 400)),
      /train-images-idx3-ubyte\.gz is cut short \(400 bytes of gzip\): expected 9424 bytes after unpacking, got \d+$/,
    ],
    [
      'gzip without its checksum',
      (f) => writeFileSync(inside(f), readFileSync(inside(f)).subarray(0, -8)),
      /train-images-idx3-ubyte\.gz is cut short/,
    ],
    [
      'gzip with a wrong byte',
      (f) => {
        const bytes = readFileSync(inside(f));
        bytes[bytes.length - 6]! ^= 0x55;
        writeFileSync(inside(f), bytes);
      },
      /train-images-idx3-ubyte\.gz is not a sound gzip file: /,
    ],
    [
      'a file that says more than it holds',
      (f) => writeFileSync(inside(f), gzipSync(idxBytes([13, 28, 28], new Uint8Array(12 * 784)))),
      /cut short: expected 10208 bytes after unpacking, got 9424$/,
    ],
    [
      'a header that says 2^96 bytes',
      (f) => writeFileSync(inside(f), gzipSync(idxBytes([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], new Uint8Array(9)))),
      /cut short: expected 7\.9\d+e\+28 bytes after unpacking, got 25$/,
    ],
    [
      'bytes after the end',
      (f) => writeFileSync(inside(f), gzipSync(idxBytes([11, 28, 28], new Uint8Array(12 * 784)))),
      /too long: expected 8640 bytes after unpacking, got 9424$/,
    ],
    [
      'labels where images belong',
      (f) => writeFileSync(inside(f), gzipSync(idxBytes([12], new Uint8Array(12)))),
      /not an idx file of unsigned bytes with 3 axes: expected it to start with 0x00000803, got 0x00000801$/,
    ],
    ['an empty file', (f) => writeFileSync(inside(f), ''), /expected it to start with 0x00000803, got 0 bytes$/],
    [
      'a header cut short',
      (f) => writeFileSync(inside(f), gzipSync(idxBytes([12, 28, 28], new Uint8Array(0)).subarray(0, 9))),
      /cut short: expected a header of 16 bytes, got 9 bytes$/,
    ],
    [
      'other sizes of image',
      (f) => writeFileSync(inside(f), gzipSync(idxBytes([12, 14, 56], new Uint8Array(12 * 784)))),
      /expected images of 28×28 pixels, got 14×56$/,
    ],
    [
      'too few labels',
      (f) => writeFileSync(inside(f, 'train-labels-idx1-ubyte.gz'), gzipSync(idxBytes([11], new Uint8Array(11)))),
      /train-labels-idx1-ubyte: expected a label for each of 12 images, got 11$/,
    ],
    [
      'an eleventh class',
      (f) => writeFileSync(inside(f, 't10k-labels-idx1-ubyte.gz'), gzipSync(idxBytes([3], Uint8Array.of(0, 10, 1)))),
      /t10k-labels-idx1-ubyte: expected labels from 0 to 9, got 10 at position 1$/,
    ],
    [
      'a missing file',
      (f) => rmSync(inside(f, 't10k-labels-idx1-ubyte.gz')),
      /^there is neither .*t10k-labels-idx1-ubyte\.gz nor .*t10k-labels-idx1-ubyte$/,
    ],
    [
      'a folder in place of a file',
      (f) => {
        rmSync(inside(f));
        mkdirSync(inside(f));
      },
      /train-images-idx3-ubyte\.gz cannot be read: it is a folder \(EISDIR\)$/,
    ],
    ['no images', (f) => writeFashion(f, 0, 3), /train-images-idx3-ubyte holds no images$/],
  ])('%s', async (_, spoil, message) => {
    const opening = openFashionMnist(spoiled(spoil));
    await expect(opening).rejects.toThrow(DataError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.not.toThrow(/\n/);
  });

  test('a missing folder', async () => {
    await expect(openFashionMnist(join(root, 'nowhere'))).rejects.toThrow(
      /^fashion-mnist: there is no folder .*nowhere$/,
    );
  });
});

describe('without a folder', () => {
  const nowhere = () => ({ system: join(root, 'no-system'), cache: join(root, `cache-${folders++}`) });

  test('the system folder comes first, then the cache', async () => {
    const both = { system: join(root, 'system'), cache: join(root, 'cache') };
    writeFashion(both.cache, 2, 1);
    expect((await openFashionMnist(undefined, { folders: both, download: false })).train.length).toBe(2);
    writeFashion(both.system, 4, 1);
    expect((await openFashionMnist(undefined, { folders: both, download: false })).train.length).toBe(4);
  });

  test('a broken file in the system folder is an error, not a reason to use the sample', async () => {
    const system = spoiled((f) => writeFileSync(join(f, trainImages), 'x'));
    await expect(openFashionMnist(undefined, { folders: { ...nowhere(), system } })).rejects.toThrow(/not an idx file/);
  });

  test('the sample is used where nothing else is to be had, and says so', async () => {
    const log: string[] = [];
    // port 9 of this machine: nobody answers
    const options = { folders: nowhere(), sources: ['http://127.0.0.1:9/'], log: (line: string) => log.push(line) };
    const set = await openFashionMnist(undefined, options);
    expect([set.train.length, set.test.length]).toEqual([2000, 250]);
    expect(set.notices).toHaveLength(1);
    expect(set.notices[0]).toMatch(
      /^fashion-mnist: using the bundled sample of 2,000 training and 250 test images, since .*127\.0\.0\.1:9/,
    );
    expect(log).toContain(set.notices[0]);
    expect(existsSync(join(options.folders.cache, trainImages))).toBe(false);
  });

  test('download: false asks nobody', async () => {
    const log: string[] = [];
    const set = await openFashionMnist(undefined, {
      folders: nowhere(),
      download: false,
      log: (line) => log.push(line),
    });
    expect(set.train.length).toBe(2000);
    expect(log).toHaveLength(1);
  });
});

test('the sample holds real pictures: balanced classes, each nearest to its own mean far more often than by chance', async () => {
  const set = await openFashionMnist(sampleFolder());
  const counts = new Array(10).fill(0);
  const means = Array.from({ length: 10 }, () => new Float64Array(784));
  for (let i = 0; i < set.train.length; i++) {
    const image = set.train.pixels(i) as Uint8Array;
    counts[set.train.label(i)]++;
    image.forEach((v, k) => {
      means[set.train.label(i)]![k]! += v / 200;
    });
  }
  expect(counts).toEqual(new Array(10).fill(200));
  let right = 0;
  for (let i = 0; i < set.test.length; i++) {
    const image = set.test.pixels(i) as Uint8Array;
    const distances = means.map((mean) => mean.reduce((sum, m, k) => sum + (m - image[k]!) ** 2, 0));
    if (distances.indexOf(Math.min(...distances)) === set.test.label(i)) right++;
  }
  // nearest class mean reaches about 68 % on Fashion-MNIST; chance is 10 %
  expect(right / set.test.length).toBeGreaterThan(0.6);
  const mean = await meanImage(set.train);
  // the mean pixel of the full set is 72.94
  expect(mean.reduce((a, b) => a + b) / 784).toBeGreaterThan(70);
  expect(mean.reduce((a, b) => a + b) / 784).toBeLessThan(76);
});
