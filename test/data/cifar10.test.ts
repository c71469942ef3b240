import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCifar10 } from '../../lib/data/cifar10';
import { DataError } from '../../lib/data/dataset';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();
const files = ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'];
let made = 0;

/** Six files of two records; the planes of record r of file f hold 10·f + r, 100 and 200 + r. */
function write(inner = ''): string {
  const folder = join(root, String(made++));
  mkdirSync(join(folder, inner), { recursive: true });
  files.forEach((file, f) => {
    const records = [0, 1].map((r) =>
      Buffer.concat([
        Buffer.of((2 * f + r) % 10),
        Buffer.alloc(1024, 10 * f + r),
        Buffer.alloc(1024, 100),
        Buffer.alloc(1024, 200 + r),
      ]),
    );
    writeFileSync(join(folder, inner, `${file}.bin`), Buffer.concat(records));
  });
  writeFileSync(join(folder, inner, 'batches.meta.txt'), 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n');
  return folder;
}

test.each(['', 'cifar-10-batches-bin'])('reads five batches and the test batch (in %j)', async (inner) => {
  const set = await openCifar10(write(inner));
  expect([set.train.length, set.test.length, set.channels, set.height, set.width]).toEqual([10, 2, 3, 32, 32]);
  expect(set.classes.join('')).toBe('abcdefghij');
  // record 1 of data_batch_4
  const image = set.train.pixels(7) as Uint8Array;
  expect([image.length, image[0], image[1023], image[1024], image[2048], image[3071]]).toEqual([
    3072, 31, 31, 100, 201, 201,
  ]);
  expect([set.train.label(7), set.test.label(0), set.test.label(1)]).toEqual([7, 0, 1]);
  expect((set.test.pixels(1) as Uint8Array)[0]).toBe(51);
  // these files are not the original's size, and a person is told
  expect(set.notices).toHaveLength(6);
  expect(set.notices[0]).toBe('data_batch_1.bin holds 2 images; the original has 10000');
});

test('the usual names where there is no batches.meta.txt', async () => {
  const folder = write();
  rmSync(join(folder, 'batches.meta.txt'));
  expect((await openCifar10(folder)).classes).toEqual([
    'airplane',
    'automobile',
    'bird',
    'cat',
    'deer',
    'dog',
    'frog',
    'horse',
    'ship',
    'truck',
  ]);
});

test.each<[string, (folder: string) => void, RegExp]>([
  ['a missing batch', (f) => rmSync(join(f, 'data_batch_3.bin')), /^cifar10: .*data_batch_3\.bin is missing/],
  [
    'a file cut short',
    (f) => writeFileSync(join(f, 'test_batch.bin'), Buffer.alloc(5000)),
    /test_batch\.bin is cut short: expected 30730000 bytes \(10000 records of 3073\), got 5000$/,
  ],
  [
    'a file cut short at the end of a record',
    (f) => {
      for (const file of files) writeFileSync(join(f, `${file}.bin`), Buffer.alloc(10_000 * 3073));
      writeFileSync(join(f, 'data_batch_4.bin'), Buffer.alloc(9_999 * 3073));
    },
    /data_batch_4\.bin holds 9999 images; the original has 10000, and so do other files here: fetch it again$/,
  ],
  [
    'an empty file',
    (f) => writeFileSync(join(f, 'test_batch.bin'), ''),
    /cut short: expected 30730000 bytes .*, got 0$/,
  ],
  [
    'a wrong label',
    (f) => writeFileSync(join(f, 'data_batch_2.bin'), Buffer.alloc(2 * 3073, 10)),
    /data_batch_2\.bin: expected labels from 0 to 9, got 10 at record 0$/,
  ],
  [
    'too few names',
    (f) => writeFileSync(join(f, 'batches.meta.txt'), 'a\nb\n'),
    /batches\.meta\.txt: expected 10 class names, one a line, got 2$/,
  ],
  ['a missing folder', (f) => rmSync(f, { recursive: true }), /^cifar10: there is no folder /],
])('%s is one clear line', async (_, spoil, message) => {
  const folder = write();
  spoil(folder);
  const opening = openCifar10(folder);
  await expect(opening).rejects.toThrow(DataError);
  await expect(opening).rejects.toThrow(message);
});
