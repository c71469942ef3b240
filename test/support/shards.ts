// Little sets of shards, written by the writer itself.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { type ShardEncoding, writeShard } from '../../lib/data/shard_file';
import { addon } from '../../lib/native/addon';

/** Image `i`: 3 planes of size × size, smooth enough for JPEG. */
export function picture(i: number, size: number): Uint8Array {
  const area = size * size;
  return Uint8Array.from({ length: 3 * area }, (_, k) => {
    const [c, y, x] = [Math.floor(k / area), Math.floor((k % area) / size), k % size];
    return Math.round(127 + 120 * Math.sin((i + 1) * 0.7 + c + x / (5 + (i % 7)) + y / 9));
  });
}

export const interleaved = (planes: Uint8Array): Buffer => {
  const area = planes.length / 3;
  return Buffer.from(Uint8Array.from({ length: planes.length }, (_, k) => planes[(k % 3) * area + Math.floor(k / 3)]!));
};

export const jpegOf = (planes: Uint8Array, size: number): Promise<Buffer> =>
  sharp(interleaved(planes), { raw: { width: size, height: size, channels: 3 } })
    .jpeg({ quality: 95 })
    .toBuffer();

/** A set of `train` images in shards of `perShard`, and of `val` in one: image i is picture(i) of class i mod 3, validation from 1000 on. */
export async function writeSet(
  dir: string,
  { train = 7, val = 4, perShard = 3, size = 16, encoding = 'raw' as ShardEncoding } = {},
): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const split = async (name: string, first: number, images: number, each: number) => {
    const shards: object[] = [];
    const counts = [0, 0, 0];
    for (let start = 0; start < images; start += each) {
      const numbers = Array.from({ length: Math.min(each, images - start) }, (_, k) => first + start + k);
      const file = `${name}-${String(shards.length).padStart(5, '0')}.shard`;
      const records = async function* () {
        for (const n of numbers) {
          const planes = picture(n, size);
          counts[n % 3]!++;
          yield {
            bytes: encoding === 'raw' ? planes : await jpegOf(planes, size),
            label: n % 3,
            name: `${name}/ü${n}`,
          };
        }
      };
      const shape = { encoding, channels: 3, height: size, width: size };
      const sums = { pixels: new Uint32Array(3 * size * size), products: [0, 0, 0, 0, 0, 0] };
      const bytes = await writeShard(join(dir, file), shape, records(), () => ({ ...sums, job: 'test', skipped: [] }));
      shards.push({ file, images: numbers.length, bytes });
    }
    return { images, counts, shards };
  };
  const mean = new Float32Array(3 * size * size).fill(127);
  writeFileSync(join(dir, 'mean.f32'), mean);
  const set = {
    format: 'convtape-shards',
    version: 1,
    source: 'test',
    layout: 'folders',
    encoding,
    quality: encoding === 'raw' ? null : 95,
    channels: 3,
    height: size,
    width: size,
    classes: ['a', 'b', 'c'].map((name) => ({ wnid: `n0000000${name}`, name })),
    splits: { train: await split('train', 0, train, perShard), val: await split('val', 1000, val, val) },
    mean: { file: 'mean.f32', crc32c: addon.crc32c(new Uint8Array(mean.buffer)) },
    channelMeans: [127, 127, 127],
    covariance: [
      [2, 0, 0],
      [0, 1, 0],
      [0, 0, 0.5],
    ],
    eigenvectors: [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
    deviations: [Math.SQRT2, 1, Math.SQRT1_2],
    skipped: 0,
  };
  writeFileSync(join(dir, 'set.json'), JSON.stringify(set));
}
