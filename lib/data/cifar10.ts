// CIFAR-10 (Krizhevsky, 2009), the binary version: records of a label byte and 3×32×32 bytes, red, green and blue planes.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../util/atomic_write';
import { DataError, type Dataset, MemorySplit } from './dataset';

const IMAGE = 3 * 32 * 32;
const RECORD = 1 + IMAGE;
/** Records in each file of the original. */
const RECORDS = 10_000;

const files = ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'];

const names = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'] as const;

/** CIFAR-10 from the folder that holds data_batch_1.bin … data_batch_5.bin and test_batch.bin, or from one that holds `cifar-10-batches-bin`. */
export async function openCifar10(dir: string, log?: (line: string) => void): Promise<Dataset> {
  if (!existsSync(dir)) throw new DataError(`cifar10: there is no folder ${dir}`);
  const inner = join(dir, 'cifar-10-batches-bin');
  const folder = existsSync(inner) ? inner : dir;
  const classes = await readNames(join(folder, 'batches.meta.txt'));
  const batches: Buffer[] = [];
  for (const file of files) batches.push(await readBatch(join(folder, `${file}.bin`), classes.length));
  const notices = files.flatMap((file, i) => {
    const images = batches[i]!.length / RECORD;
    return images === RECORDS ? [] : [`${file}.bin holds ${images} images; the original has ${RECORDS}`];
  });
  // Six files of other sizes are a set that somebody made; some beside the original's were cut, if at a record's end.
  if (notices.length > 0 && notices.length < files.length)
    throw new DataError(`cifar10: ${join(folder, notices[0]!)}, and so do other files here: fetch it again`);
  for (const notice of notices) log?.(`cifar10: ${notice}`);
  return {
    name: 'cifar10',
    classes,
    channels: 3,
    height: 32,
    width: 32,
    train: toSplit('train', batches.slice(0, 5)),
    test: toSplit('test', batches.slice(5)),
    notices,
  };
}

async function readNames(path: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return names;
    throw new DataError(`${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length !== names.length)
    throw new DataError(`${path}: expected ${names.length} class names, one a line, got ${lines.length}`);
  return lines;
}

async function readBatch(path: string, classes: number): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new DataError(`cifar10: ${path} is missing (the binary version of the set is needed)`, { cause: error });
    throw new DataError(`${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  if (bytes.length === 0 || bytes.length % RECORD !== 0)
    throw new DataError(
      `${path} is ${bytes.length > RECORDS * RECORD ? 'too long' : 'cut short'}: ` +
        `expected ${RECORDS * RECORD} bytes (${RECORDS} records of ${RECORD}), got ${bytes.length}`,
    );
  for (let at = 0; at < bytes.length; at += RECORD)
    if (bytes[at]! >= classes)
      throw new DataError(
        `${path}: expected labels from 0 to ${classes - 1}, got ${bytes[at]} at record ${at / RECORD}`,
      );
  return bytes;
}

function toSplit(name: string, batches: readonly Buffer[]): MemorySplit {
  const count = batches.reduce((sum, b) => sum + b.length / RECORD, 0);
  const pixels = new Uint8Array(count * IMAGE);
  const labels = new Uint8Array(count);
  let i = 0;
  for (const bytes of batches)
    for (let at = 0; at < bytes.length; at += RECORD, i++) {
      labels[i] = bytes[at]!;
      pixels.set(bytes.subarray(at + 1, at + RECORD), i * IMAGE);
    }
  return new MemorySplit(name, pixels, labels);
}
