import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import { confusionPicture } from '../../lib/figures/confusion';
import { Confusion } from '../../lib/train/confusion';
import { convtape, temporaryFolder } from '../support/cli';

const folder = temporaryFolder();

test('counts by right and by most probable class, the first among equals', () => {
  const confusion = new Confusion(['a', 'b', 'c, "d"', 'e', 'f', 'g']);
  const row = (...p: number[]) => [...p, ...new Array(6 - p.length).fill(0.01)];
  const probabilities = [row(0.9), row(0.1, 0.1), row(0, 0.5, 0.5), row(0.6, 0.2), row(0.2, 0.3, 0.1, 0.1, 0.1, 0.001)];
  confusion.add(Float64Array.from(probabilities.flat()), Int32Array.of(0, 1, 2, 0, 5));
  expect(confusion.rows()).toEqual([
    [2, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 0],
    [0, 1, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
    [0, 1, 0, 0, 0, 0],
  ]);
  const [a, b, , e, , g] = confusion.perClass();
  expect(a).toEqual({ class: 'a', images: 2, top1: 0, top5: 0, mistaken: null });
  expect(b).toEqual({ class: 'b', images: 1, top1: 1, top5: 0, mistaken: { class: 'a', images: 1 } });
  expect(e).toEqual({ class: 'e', images: 0, top1: null, top5: null, mistaken: null });
  expect(g).toMatchObject({ top1: 1, top5: 1 });
  expect(confusion.csv().split('\r\n').slice(0, 4)).toEqual([
    'class,a,b,"c, ""d""",e,f,g',
    'a,2,0,0,0,0,0',
    'b,1,0,0,0,0,0',
    '"c, ""d""",0,1,0,0,0,0',
  ]);
});

test('the picture is dark where a class is taken for itself, for few classes and for a thousand', async () => {
  for (const n of [3, 1000]) {
    const classes = Array.from({ length: n }, (_, i) => `class ${i}`);
    const png = await confusionPicture({ classes, row: (r) => Array.from({ length: n }, (_, c) => (c === r ? 9 : 0)) });
    const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    const cell = n === 3 ? 48 : 1;
    const margin = info.width - 8 - n * cell;
    const place = (i: number) => margin + i * cell + (cell > 1 ? 3 : 0);
    expect(at(place(0), place(0))).toEqual([20, 65, 135]);
    expect(at(place(n - 1), place(n - 1))).toEqual([20, 65, 135]);
    expect(at(place(1), place(0))).toEqual([255, 255, 255]);
  }
});

test('eval: several runs, ten crops, errors by class, table and picture', async () => {
  const data = `fashion-mnist:${sampleFolder()}`;
  const runs = [join(folder, 'one'), join(folder, 'two')];
  for (const [seed, run] of runs.entries()) {
    const flags = [
      '--model',
      'alexnet-small',
      '--devices',
      'cpu:0',
      '--batch',
      '32',
      '--epochs',
      '1',
      '--seed',
      `${seed}`,
    ];
    const set = ['--set', 'trainLimit=64', 'testLimit=10', 'augmentation.pad=2', 'tensorboard=false'];
    expect((await convtape('train', '--data', data, ...flags, '--out', run, ...set)).status).toBe(0);
  }
  const files = [join(folder, 'table.csv'), join(folder, 'picture.png')];
  const json = JSON.parse(
    (await convtape('eval', ...runs, '--limit', '60', '--ten-crop', '--json', '--confusion', ...files)).out,
  );
  expect(json).toMatchObject({ images: 60, tenCrop: true, classes: 10, runs: [{ path: runs[0] }, { path: runs[1] }] });
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  expect(sum(json.confusion.flat())).toBe(60);
  const right = sum(json.confusion.map((row: number[], i: number) => row[i]!));
  expect(json.top1).toBeCloseTo(1 - right / 60, 12);
  const of = (c: { top5: number | null; images: number }) => (c.top5 ?? 0) * c.images;
  expect(sum(json.perClass.map(of))).toBeCloseTo(json.top5 * 60, 9);
  const csv = readFileSync(files[0]!, 'utf8').trim().split('\r\n').slice(1);
  expect(csv.map((line) => line.split(',').slice(1).map(Number))).toEqual(json.confusion);
  expect((await sharp(files[1]!).metadata()).format).toBe('png');
  const text = await convtape('eval', ...runs, '--limit', '60');
  expect(text.out).toMatch(/class +images +top-1 +top-5 +most often taken for\nT-shirt\/top +\d+ +\d+\.\d\d%/);
  expect(await convtape('eval', runs[0]!, '--confusion', 'x.txt')).toMatchObject({
    status: 2,
    err: "convtape: --confusion: the file's name ends in .csv or .png, got 'x.txt'\n",
  });
});
