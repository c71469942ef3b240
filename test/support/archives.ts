// Archives and odd pictures, made by the tests.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { Header } from 'tar';

export interface Member {
  name: string;
  data?: Buffer;
  type?: 'File' | 'SymbolicLink' | 'Link' | 'Directory';
  linkpath?: string;
}

/** A tar archive, byte for byte as the names say: no tool would write some of them. */
export function tarOf(members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({ name, data = Buffer.alloc(0), type = 'File', linkpath }) => {
    const header = new Header({
      path: name,
      size: data.length,
      type,
      mode: 0o644,
      mtime: new Date(0),
      ...(linkpath && { linkpath }),
    });
    const block = Buffer.alloc(512);
    header.encode(block);
    return [block, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export const rgb = (n: number) => ({ r: (n * 53) % 256, g: (n * 101 + 40) % 256, b: (n * 197 + 90) % 256 });

/** A picture with structure, told from its neighbours by `n`. */
export async function photo(
  n: number,
  format: 'jpeg' | 'png' | 'webp' = 'jpeg',
  width = 60,
  height = 44,
): Promise<Buffer> {
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    data[i] = 128 + 100 * Math.sin(n + x / (3 + (n % 5)) + c * 2 + y / 11);
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

const flat = (background: object, width = 60, height = 40) =>
  sharp({ create: { width, height, channels: 3, background: background as { r: number; g: number; b: number } } });

/** The oddities of the real set, and faults, by name. */
export async function oddities(): Promise<Record<string, Buffer>> {
  const whole = await photo(99);
  const png = await flat({ r: 0, g: 0, b: 255 }).png().toBuffer();
  // a header that promises 50,000 × 50,000 pixels
  const bomb = Buffer.from(png);
  bomb.writeUInt32BE(50_000, 16);
  bomb.writeUInt32BE(50_000, 20);
  bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
  // red to the left, green to the right, lying on its side: shown upright, red is above
  const lying = await sharp(await flat({ r: 0, g: 255, b: 0 }, 60, 40).png().toBuffer())
    .composite([{ input: await flat({ r: 255, g: 0, b: 0 }, 30, 40).png().toBuffer(), left: 0, top: 0 }])
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer();
  return {
    'cmyk.JPEG': await flat({ r: 200, g: 30, b: 30 }).toColourspace('cmyk').jpeg().toBuffer(),
    'grey.JPEG': await flat({ r: 90, g: 90, b: 90 }).toColourspace('b-w').jpeg().toBuffer(),
    'turned.JPEG': lying,
    'png.JPEG': png,
    'cut.JPEG': whole.subarray(0, whole.length / 2),
    'text.JPEG': Buffer.from('no picture\n'),
    'bomb.JPEG': bomb,
    'empty.JPEG': Buffer.alloc(0),
  };
}

export const wnids = ['n02000001', 'n01000001', 'n03000001'] as const;

/** ILSVRC's own layout: `each` images a class and the oddities in the first, 2 validation images a class, a kit. */
export async function writeIlsvrc(dir: string, each: number): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const classes: Member[] = [];
  for (const [c, wnid] of wnids.entries()) {
    const members: Member[] = [];
    for (let i = 0; i < each; i++) members.push({ name: `${wnid}_${i}.JPEG`, data: await photo(100 * c + i) });
    if (c === 0) {
      for (const [name, data] of Object.entries(await oddities())) members.push({ name, data });
      members.push(
        { name: 'link.JPEG', type: 'SymbolicLink', linkpath: '/etc/passwd' },
        { name: '../../outside.JPEG', data: await photo(5) },
        { name: 'README', data: Buffer.from('not an image') },
      );
    }
    classes.push({ name: `${wnid}.tar`, data: tarOf(members) });
  }
  writeFileSync(join(dir, 'ILSVRC2012_img_train.tar'), tarOf(classes));
  const val: Member[] = [];
  for (let i = 0; i < 6; i++)
    val.push({ name: `ILSVRC2012_val_${String(i + 1).padStart(8, '0')}.JPEG`, data: await photo(500 + i) });
  writeFileSync(join(dir, 'ILSVRC2012_img_val.tar'), tarOf(val.reverse()));
  const kit = 'ILSVRC2012_devkit_t12/data';
  writeFileSync(
    join(dir, 'ILSVRC2012_devkit_t12.tar.gz'),
    gzipSync(
      tarOf([
        { name: `${kit}/ILSVRC2012_validation_ground_truth.txt`, data: Buffer.from('1\n2\n3\n1\n2\n3\n') },
        { name: `${kit}/map_clsloc.txt`, data: Buffer.from(wnids.map((w, i) => `${w} ${i + 1} name_${i}\n`).join('')) },
      ]),
    ),
  );
}

export function writeFile(path: string, data: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, data);
}
