import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { colourComponents, DataError, meanImage } from '../../lib/data';
import type { Split } from '../../lib/data/dataset';
import { takeLock } from '../../lib/data/prepare/lock';
import { readMetaMat } from '../../lib/data/prepare/meta_mat';
import { prepareSet } from '../../lib/data/prepare/prepare';
import { openShards } from '../../lib/data/shards';
import { type Member, photo, tarOf, wnids, writeFile, writeIlsvrc } from '../support/archives';
import { convtape, convtapeProcess } from '../support/cli';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();
const register = ['-r', join(__dirname, '../support/register.js')];
const ilsvrc = join(root, 'ilsvrc');
let made = 0;
const out = () => join(root, `out-${made++}`);

beforeAll(() => writeIlsvrc(ilsvrc, 7));

const small = { size: 32, shardImages: 6, workers: 1 } as const;

/** Every file of a set, by name; hidden ones too. */
const contents = (dir: string) =>
  Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name)).toString('base64')]));

const find = (split: Split, name: string) =>
  Array.from({ length: split.length }, (_, i) => i).find((i) => split.source(i).endsWith(name))!;

test('ILSVRC: oddities are read, faults skipped and listed, statistics exact, nothing else written', async () => {
  const dir = out();
  const set = await prepareSet(ilsvrc, dir, { ...small, encoding: 'raw' });
  expect(readdirSync(dir).sort()).toEqual(
    [0, 1, 2, 3, 4]
      .map((i) => `train-0000${i}.shard`)
      .concat('val-00000.shard', 'mean.f32', 'plan.json', 'sample.png', 'set.json', 'skipped.txt')
      .sort(),
  );
  // classes in the order of their numbers in WordNet, names from the kit
  expect(set.classes).toEqual([
    { wnid: 'n01000001', name: 'name 1' },
    { wnid: 'n02000001', name: 'name 0' },
    { wnid: 'n03000001', name: 'name 2' },
  ]);
  expect([set.layout, set.splits.train.counts, set.splits.val!.counts]).toEqual(['ilsvrc', [7, 11, 7], [2, 2, 2]]);
  const skipped = readFileSync(join(dir, 'skipped.txt'), 'utf8');
  expect(set.skipped).toBe(6);
  expect(skipped.trimEnd().split('\n')).toHaveLength(6);
  expect(skipped).toMatch(/^n02000001\/link\.JPEG: a symbolic link$/m);
  expect(skipped).toMatch(/^n02000001\/\.\.\/\.\.\/outside\.JPEG: its name leads out of the archive$/m);
  expect(skipped).toMatch(/bomb\.JPEG: it would unfold to more than 100000000 pixels$/m);
  for (const [name, reason] of [
    ['cut', 'it is damaged or cut short'],
    ['text', 'it is no image'],
    ['empty', 'the file is empty'],
  ])
    expect(skipped).toContain(`n02000001/${name}.JPEG: ${reason}
`);
  expect(existsSync(join(root, 'outside.JPEG')) || existsSync(join(dir, '..', 'outside.JPEG'))).toBe(false);

  const { train, test: val } = await openShards(dir);
  // line 4 of the ground truth: class 1 of the kit
  expect(val.label(find(val, 'val_00000004.JPEG'))).toBe(1);
  const middle = async (name: string, row = 16) => {
    const p = (await train.pixels(find(train, name))) as Uint8Array;
    return [0, 1, 2].map((c) => p[c * 1024 + row * 32 + 16]!);
  };
  expect(await middle('png.JPEG')).toEqual([0, 0, 255]);
  const [grey] = await middle('grey.JPEG');
  expect(await middle('grey.JPEG')).toEqual([grey, grey, grey]);
  const [red, green] = await middle('cmyk.JPEG');
  expect(red! - green!).toBeGreaterThan(80);
  const [above, below] = [await middle('turned.JPEG', 3), await middle('turned.JPEG', 28)];
  expect([above[0]! > 200, above[1]! < 60, below[0]! < 60, below[1]! > 200]).toEqual([true, true, true, true]);

  // a plain mean, and components found by another walk over the pixels
  const plain: Split = { length: train.length, label: () => 0, source: String, pixels: (i) => train.pixels(i) };
  expect(train.mean).toEqual(await meanImage(plain));
  const { vectors, deviations } = await colourComponents(plain, 3);
  for (const [i, d] of set.deviations.entries()) expect(d).toBeCloseTo(deviations[i]!, 6);
  set.eigenvectors.forEach((v, i) => {
    expect(Math.abs(v.reduce((sum, x, k) => sum + x * vectors[i]![k]!, 0))).toBeCloseTo(1, 9);
  });
  const sheet = await sharp(join(dir, 'sample.png')).metadata();
  expect([sheet.format, sheet.width]).toEqual(['png', 8 + 8 * 136]);
});

const procFile = (pid: number, name: string) => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return ''; // it has ended
  }
};
const commandOf = (pid: number) => procFile(pid, 'cmdline');
const childProcesses = () =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && procFile(pid, 'stat').split(') ').at(-1)?.split(' ')[1] === String(process.pid));

test('the bytes do not depend on the number of workers, nor on one’s sudden end', async () => {
  const [one, three] = [out(), out()];
  await prepareSet(ilsvrc, one, small);
  const notes: string[] = [];
  let killed = false;
  await prepareSet(ilsvrc, three, {
    ...small,
    workers: 3,
    execArgv: register,
    onNote: (text) => notes.push(text),
    onProgress: (done) => {
      if (killed || done < 1) return;
      const worker = childProcesses().find((pid) => commandOf(pid).includes('prepare/worker'));
      if (worker) process.kill(worker, 'SIGKILL');
      killed = true;
    },
  });
  expect(killed).toBe(true);
  expect(notes.length).toBeLessThanOrEqual(1);
  expect(notes.filter((note) => !/^a worker was ended by SIGKILL; .*\.shard is begun again$/.test(note))).toEqual([]);
  expect(contents(three)).toEqual(contents(one));
});

test('killed and begun again: finished shards are kept, and the end is the same', async () => {
  const [whole, dir] = [out(), out()];
  const args = ['--size', '32', '--shard-images', '3'];
  expect((await convtape('data', 'prepare', ilsvrc, whole, ...args, '--workers', '1')).status).toBe(0);
  const shards = () => (existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.shard')) : []);
  for (const workers of ['1', '2']) {
    const before = shards().length;
    const child = convtapeProcess('data', 'prepare', ilsvrc, dir, ...args, '--workers', workers);
    const closed = once(child, 'close');
    while (shards().length <= before && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    await closed;
  }
  const kept = shards().map((name) => [name, statSync(join(dir, name)).ino]);
  expect(kept.length).toBeGreaterThan(1);
  const { status, err } = await convtape('data', 'prepare', ilsvrc, dir, ...args, '--workers', '1');
  expect([status, /\d+ of 12 shards are finished already \(\d+ of 35 images\)/.test(err)]).toEqual([0, true]);
  for (const [name, inode] of kept) expect([name, statSync(join(dir, String(name))).ino]).toEqual([name, inode]);
  expect(contents(dir)).toEqual(contents(whole));
}, 180_000);

test('a disk that is full: one line, what is finished is kept, nothing torn stays', async () => {
  const src = join(root, 'growing');
  // flat pictures first, noise later: shards of which only the later ones are too large
  for (let i = 0; i < 40; i++) {
    const data = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, k) => (i < 10 ? 7 * i : (k * k * (i + 3)) >> 3)));
    const image = await sharp(data, { raw: { width: 64, height: 64, channels: 3 } })
      .png()
      .toBuffer();
    writeFile(join(src, i < 20 ? 'train/a' : 'train/b', `${i}.png`), image);
    if (i < 2) writeFile(join(src, `val/a/${i}.png`), image);
  }
  const dir = out();
  const main = join(__dirname, '../../lib/cli/main.ts');
  const command = [
    'data',
    'prepare',
    src,
    dir,
    '--size',
    '64',
    '--encoding',
    'raw',
    '--shard-images',
    '1',
    '--workers',
    '1',
  ];
  // 64 × 64 raw: 12 kB of pixels and 48 kB of sums a shard; the plan is small
  const limited = (blocks: number, ...more: string[]) =>
    spawnSync(
      'bash',
      [
        '-c',
        `trap '' XFSZ; ulimit -f ${blocks}; exec "$@"`,
        '-',
        process.execPath,
        ...register,
        main,
        ...command,
        ...more,
      ],
      {
        encoding: 'utf8',
        cwd: join(__dirname, '../..'),
      },
    );
  const full = limited(50);
  expect(full.stderr).toMatch(
    /^convtape: cannot write .*train-00000\.shard: the file would be larger than this process may write \(EFBIG\); 0 of 42 shards are finished and kept: the same command goes on from there$/m,
  );
  expect([full.status, readdirSync(dir)]).toEqual([1, ['plan.json']]);
  expect((await convtape(...command)).status).toBe(0);
}, 120_000);

test('one writer a folder; a lock whose owner is gone does not count', async () => {
  const dir = out();
  writeFile(
    join(dir, 'prepare.lock'),
    JSON.stringify({ pid: 2 ** 22 + 5, host: (await import('node:os')).hostname(), started: '1' }),
  );
  const release = takeLock(dir);
  await expect(prepareSet(ilsvrc, dir, small)).rejects.toThrow(
    /is being written by another process \(\d+ on .*\); if it is not, remove .*prepare\.lock$/,
  );
  release();
  expect(readdirSync(dir)).toEqual([]);
});

test('WebDataset, compressed and not: labels as numbers and names, splits by name', async () => {
  const src = join(root, 'web');
  const shard = async (labels: readonly string[], json = false) => {
    const members: Member[] = [];
    for (const [i, label] of labels.entries()) {
      members.push({ name: `dir/s${i}.jpg`, data: await photo(i) });
      members.push(
        json
          ? { name: `dir/s${i}.json`, data: Buffer.from(JSON.stringify({ label: Number(label) })) }
          : { name: `dir/s${i}.cls`, data: Buffer.from(`${label}\n`) },
      );
    }
    members.push({ name: 'dir/alone.png', data: await photo(9, 'png') });
    return tarOf(members);
  };
  writeFile(join(src, 'train-000.tar'), await shard(['0', '2', '1']));
  writeFile(join(src, 'train-001.tar.gz'), gzipSync(await shard(['2', '2'], true)));
  writeFile(join(src, 'val-000.tar'), await shard(['1']));
  writeFile(join(src, 'classes.txt'), 'ant\nbee\ncat\n');
  const set = await prepareSet(src, out(), small);
  expect([set.layout, set.classes.map((c) => c.name)]).toEqual(['webdataset', ['ant', 'bee', 'cat']]);
  expect([set.splits.train.counts, set.splits.val!.counts, set.skipped]).toEqual([[1, 1, 3], [0, 1, 0], 3]);
  const named = join(root, 'named.tar');
  writeFile(named, await shard(['owl', 'emu', 'owl', 'emu']));
  const second = await prepareSet(named, out(), small);
  expect([second.classes.map((c) => c.name), second.splits.train.counts, second.splits.test!.counts]).toEqual([
    ['emu', 'owl'],
    [1, 1],
    [1, 1],
  ]);
});

describe('what cannot be prepared is one line', () => {
  const spoiled = async (spoil: (src: string) => void | Promise<void>) => {
    const src = join(root, `spoiled-${made++}`);
    await writeIlsvrc(src, 1);
    await spoil(src);
    return src;
  };
  const trainTar = (src: string) => join(src, 'ILSVRC2012_img_train.tar');

  test.each<[string, (src: string) => void | Promise<void>, RegExp]>([
    [
      'an archive cut short',
      (s) => truncateSync(trainTar(s), 20_000),
      /img_train\.tar is cut short: its member n0\d+\.tar ends at byte \d+, the archive at byte 20000$/,
    ],
    [
      'an archive cut short behind a member',
      (s) => truncateSync(trainTar(s), statSync(trainTar(s)).size - 1024),
      /img_train\.tar is cut short: it ends at byte \d+ without the zeros that end an archive$/,
    ],
    [
      'no archive',
      (s) => writeFileSync(trainTar(s), Buffer.alloc(2048, 7)),
      /img_train\.tar is no sound tar archive: there is no header at byte 0, where one belongs$/,
    ],
    [
      'no ground truth',
      (s) => writeFile(join(s, 'ILSVRC2012_devkit_t12.tar.gz'), gzipSync(tarOf([]))),
      /holds 6 validation images and no ground truth: add the development kit/,
    ],
    [
      'a kit that is no gzip',
      (s) => writeFile(join(s, 'ILSVRC2012_devkit_t12.tar.gz'), Buffer.of(0x1f, 0x8b, 1)),
      /devkit_t12\.tar\.gz cannot be read: /,
    ],
    [
      'class archives without images',
      (s) => writeFileSync(trainTar(s), tarOf([{ name: `${wnids[0]}.tar`, data: tarOf([]) }])),
      /holds no training images of ILSVRC/,
    ],
  ])('%s', async (_, spoil, message) => {
    const src = await spoiled(spoil);
    const preparing = prepareSet(src, out(), small);
    await expect(preparing).rejects.toThrow(DataError);
    await expect(preparing).rejects.toThrow(message);
  });

  test('a compressed archive that unpacks to far more than pictures do; nothing of it stays', async () => {
    const bomb = join(root, 'bomb.tar.gz');
    const dir = out();
    writeFileSync(bomb, gzipSync(Buffer.alloc(80 << 20)));
    const preparing = prepareSet(bomb, dir, small);
    await expect(preparing).rejects.toThrow(DataError);
    await expect(preparing).rejects.toThrow(
      /^.*bomb\.tar\.gz unpacks to more than \d+ bytes, 50 times its size and 64 MiB: no archive of pictures does; if it is right, unpack it and give the \.tar$/,
    );
    expect(existsSync(join(dir, '.unpacked'))).toBe(false);
    writeFileSync(bomb, gzipSync(tarOf([])));
    await expect(prepareSet(bomb, dir, small)).rejects.toThrow(DataError);
    expect(existsSync(join(dir, '.unpacked'))).toBe(false);
  });

  test('other settings in the same folder; a folder of something else', async () => {
    const dir = out();
    await prepareSet(ilsvrc, dir, small);
    await expect(prepareSet(ilsvrc, dir, { ...small, size: 16 })).rejects.toThrow(
      'was begun with other images or settings',
    );
    await expect(prepareSet(ilsvrc, ilsvrc, small)).rejects.toThrow(
      /holds something else .*: a set is prepared in a folder of its own$/,
    );
    await expect(prepareSet(join(root, 'nowhere'), out(), small)).rejects.toThrow('there is nothing at ');
  });
});

test('meta.mat as MATLAB writes it: plain and compressed', () => {
  for (const name of ['meta', 'meta_compressed']) {
    const file = readFileSync(join(__dirname, '../literals', `${name}.mat`));
    expect(readMetaMat(name, file)).toEqual([
      { id: 1, wnid: 'n02119789', name: 'kit fox, Vulpes macrotis' },
      { id: 2, wnid: 'n02100735', name: 'English setter' },
      { id: 300, wnid: 'n01440764', name: 'tench, Tinca tinca' },
    ]);
    expect(() => readMetaMat(name, file.subarray(0, 200))).toThrow(
      /is not the table of classes that a development kit has/,
    );
  }
});

test('the command line: inspect, wrong usage, and a run on the set', async () => {
  const dir = out();
  const { out: text } = await convtape('data', 'prepare', ilsvrc, dir, '--size', '32', '--workers', '1');
  expect(text).toMatch(/images of 32×32, JPEG of quality 95, 3 classes, from ilsvrc \(ilsvrc\)/);
  expect(text).toMatch(/^train +25 +1 .* 7 to 11$/m);
  expect(text).toMatch(/^6 images skipped; .*skipped\.txt says which and why$/m);
  expect((await convtape('data', 'inspect', dir)).out).toBe(text);
  const json = JSON.parse((await convtape('data', 'inspect', dir, '--json')).out);
  expect([json.splits.train.images, json.path, json.classes.length]).toEqual([25, dir, 3]);
  expect(await convtape('data', 'inspect', root)).toMatchObject({
    status: 1,
    err: expect.stringContaining('holds no prepared set'),
  });
  const read = JSON.parse((await convtape('data', 'inspect', dir, '--read', '--json')).out).read;
  expect([read.images, read.processorMilliseconds > 0]).toEqual([31, true]);
  expect((await convtape('data', 'prepare', ilsvrc)).status).toBe(2);
  expect((await convtape('data', 'prepare', ilsvrc, dir, '--quality', '101')).status).toBe(2);
  const never = join(root, 'never');
  expect(await convtape('train', '--data', `shards:${dir}`, '--out', never)).toMatchObject({
    status: 1,
    err: expect.stringMatching(
      /^convtape: alexnet reads colour images of 227×227 and more; these are 3×32×32 \(--model alexnet-small reads those; /,
    ),
  });
  expect(existsSync(never)).toBe(false);
  const run = join(root, 'run');
  const trained = await convtape(
    'train',
    '--data',
    `imagenet:${dir}`,
    '--model',
    'alexnet-small',
    '--devices',
    'cpu:0',
    '--out',
    run,
    '--epochs',
    '1',
    '--batch',
    '8',
    '--json',
  );
  expect(trained.status).toBe(0);
  expect(JSON.parse(trained.out)).toMatchObject({
    outcome: 'finished',
    step: 4,
    evaluation: { split: 'validation', images: 6 },
  });
  expect((await convtape('eval', run, '--ten-crop', '--json')).status).toBe(0);
});
