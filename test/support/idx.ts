import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** The bytes of an idx file of unsigned bytes. */
export function idxBytes(shape: number[], values: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x800 + shape.length, 0);
  shape.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis);
  });
  return Buffer.concat([header, values]);
}

/** Writes a little set in the format of Fashion-MNIST: byte i of an image of number n is (n + i) mod 256, its label n mod 10. */
export function writeFashion(folder: string, train: number, test: number, zipped = true): void {
  mkdirSync(folder, { recursive: true });
  for (const [prefix, n] of [
    ['train', train],
    ['t10k', test],
  ] as const) {
    const images = Uint8Array.from({ length: n * 784 }, (_, i) => Math.floor(i / 784) + (i % 784));
    const labels = Uint8Array.from({ length: n }, (_, i) => i % 10);
    for (const [name, bytes] of [
      [`${prefix}-images-idx3-ubyte`, idxBytes([n, 28, 28], images)],
      [`${prefix}-labels-idx1-ubyte`, idxBytes([n], labels)],
    ] as const)
      writeFileSync(join(folder, zipped ? `${name}.gz` : name), zipped ? gzipSync(bytes) : bytes);
  }
}
