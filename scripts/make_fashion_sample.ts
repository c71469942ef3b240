// Makes data/fashion-mnist-sample/ from the full set: the first images of every class, in the order of the files.
//
//   npx ts-node scripts/make_fashion_sample.ts [FOLDER OF THE FULL SET]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readIdx } from '../lib/data/idx';

/** So many of each of the ten classes: the files stay under a megabyte together. */
const SIZES = { train: 200, t10k: 25 };

async function main(full: string, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  for (const [prefix, most] of Object.entries(SIZES)) {
    const images = await readIdx(join(full, `${prefix}-images-idx3-ubyte`), 3);
    const labels = await readIdx(join(full, `${prefix}-labels-idx1-ubyte`), 1);
    const area = images.shape[1]! * images.shape[2]!;
    const taken = new Map<number, number>();
    const chosen: number[] = [];
    labels.data.forEach((label, i) => {
      const before = taken.get(label) ?? 0;
      taken.set(label, before + 1);
      if (before < most) chosen.push(i);
    });
    write(
      join(to, `${prefix}-labels-idx1-ubyte.gz`),
      [chosen.length],
      chosen.map((i) => labels.data.subarray(i, i + 1)),
    );
    write(
      join(to, `${prefix}-images-idx3-ubyte.gz`),
      [chosen.length, images.shape[1]!, images.shape[2]!],
      chosen.map((i) => images.data.subarray(i * area, (i + 1) * area)),
    );
  }
}

function write(path: string, shape: number[], parts: Uint8Array[]): void {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x800 + shape.length, 0);
  shape.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis);
  });
  const bytes = gzipSync(Buffer.concat([header, ...parts]), { level: 9, memLevel: 9 });
  writeFileSync(path, bytes);
  console.log(`${path}: ${shape.join('×')}, ${bytes.length} bytes`);
}

void main(process.argv[2] ?? '/usr/share/datasets/fashion-mnist', join(__dirname, '../data/fashion-mnist-sample'));
