import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { passesAt, runQuickstart } from '../../lib/cli/commands/quickstart';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import { readMetrics } from '../../lib/train/metrics';
import { RunFolder } from '../../lib/train/run_folder';
import { capture, convtape, temporaryFolder } from '../support/cli';

const folder = temporaryFolder();
const sample = `fashion-mnist:${sampleFolder()}`;
const tiny = ['--model', 'alexnet-small', '--devices', 'cpu:0,cpu:1', '--data', sample, '--batch', '32'];
const limits = ['--set', 'trainLimit=96', 'testLimit=50', 'logSteps=1'];
const out = join(folder, 'run');

test('train writes a run, eval and predict read it', async () => {
  const trained = await convtape('train', ...tiny, '--out', out, '--epochs', '2', ...limits, '--json');
  expect(trained.err).toMatch(/step 6\/6/);
  expect(trained.status).toBe(0);
  const report = JSON.parse(trained.out);
  expect(report).toMatchObject({ run: out, outcome: 'finished', step: 6, epoch: 2, model: 'alexnet-small' });
  expect(report.evaluation).toMatchObject({ split: 'test', images: 50, step: 6 });
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
  expect(config).toMatchObject({ batch: 32, epochs: 2, trainLimit: 96, devices: ['cpu:0', 'cpu:1'], momentum: 0.9 });
  const lines = readMetrics(join(out, 'metrics.jsonl'));
  expect(lines.map((l) => [l.kind, l.step])).toEqual([
    ...[1, 2, 3].map((s) => ['train', s]),
    ['eval', 3],
    ...[4, 5, 6].map((s) => ['train', s]),
    ['eval', 6],
  ]);
  for (const line of lines)
    for (const key of ['epoch', 'loss', 'top1', 'top5', 'lr', 'imagesPerSecond'] as const)
      expect(Number.isFinite(line[key])).toBe(true);

  const evaluated = await convtape('eval', out, '--data', sample, '--limit', '50', '--json');
  expect(evaluated.status).toBe(0);
  const result = JSON.parse(evaluated.out);
  expect(result).toMatchObject({ run: out, split: 'test', images: 50, tenCrop: false });
  expect([result.top1, result.top5, result.loss]).toEqual([
    report.evaluation.top1,
    report.evaluation.top5,
    report.evaluation.loss,
  ]);
  const kept = () => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));
  expect(kept().train).toEqual(report);
  const { loss, top1, top5 } = result;
  const test = { data: sample, split: 'test', tenCrop: false, images: 50, loss, top1, top5, step: 6 };
  expect(kept().tests).toEqual([test]);
  const grouped = JSON.parse((await convtape('eval', out, '--limit', '50', '--devices', 'cpu:0', '--json')).out);
  expect(grouped.loss).toBeCloseTo(result.loss, 4);
  const both = JSON.parse((await convtape('eval', out, '--with', out, '--limit', '50', '--json')).out);
  expect(both.loss).toBeCloseTo(result.loss, 12);
  expect(both.runs).toHaveLength(2);
  // The same test again takes the place of the first, one of several runs is none of this one.
  expect(kept().tests).toEqual([{ ...test, loss: grouped.loss, top1: grouped.top1, top5: grouped.top5 }]);

  // Rounded weights are another kind of test: it stands beside the others, and takes the place of its own kind alone.
  const rounded = JSON.parse((await convtape('eval', out, '--limit', '50', '--weights', 'bf16', '--json')).out);
  expect([result.weights, rounded.weights]).toEqual(['f32', 'bf16']);
  expect(rounded.loss).not.toBe(result.loss);
  expect(rounded.loss).toBeCloseTo(result.loss, 2);
  const ofRounded = { ...test, weights: 'bf16', loss: rounded.loss, top1: rounded.top1, top5: rounded.top5 };
  expect(kept().tests).toEqual([{ ...test, loss: grouped.loss, top1: grouped.top1, top5: grouped.top5 }, ofRounded]);
  const text = await convtape('eval', out, '--limit', '50', '--weights', 'bf16', '--devices', 'cpu:0');
  expect(text.out).toContain(`50 test images of ${sample}, weights in bf16\n`);
  const plain = await convtape('eval', out, '--limit', '50', '--weights', 'f32');
  expect(plain.out).toContain(`50 test images of ${sample}\n`);
  const alike = Object.fromEntries(['loss', 'top1', 'top5'].map((key) => [key, expect.closeTo(rounded[key], 1)]));
  expect(kept().tests).toEqual([{ ...ofRounded, ...alike }, test]);
});

describe('without --out', () => {
  const home = process.cwd();
  const short = ['--epochs', '1', '--set', 'trainLimit=32', 'testLimit=10', 'tensorboard=false'];
  let here: string;

  beforeEach(() => {
    here = mkdtempSync(join(folder, 'here-'));
    process.chdir(here);
  });
  afterEach(() => process.chdir(home));

  test('a run goes into the first free folder of its model, which is said first and last', async () => {
    const first = await convtape('train', ...tiny, ...short);
    expect(first.status).toBe(0);
    expect(first.err).toMatch(/^run: runs\/alexnet-small-1\n/);
    expect(first.out).toMatch(/^runs\/alexnet-small-1: finished after 1 pass /);
    expect(readdirSync(join(here, 'runs/alexnet-small-1'))).toContain('checkpoint.safetensors');

    // A number that is taken is left alone, by whatever it is; those behind it do not count.
    writeFileSync('runs/alexnet-small-2', 'a note');
    mkdirSync('runs/alexnet-small-4');
    const third = await convtape('train', ...tiny, ...short, '--json', '--watch');
    expect(third.err).toMatch(/^run: runs\/alexnet-small-3\ncurves: http/);
    expect(JSON.parse(third.out)).toMatchObject({ run: 'runs/alexnet-small-3', outcome: 'finished' });
    expect((await convtape('eval', 'runs/alexnet-small-3', '--limit', '10')).status).toBe(0);
    expect(readdirSync('runs')).toEqual([1, 2, 3, 4].map((n) => `alexnet-small-${n}`));
  });

  test('a folder belongs to the run that asked for it, before anything is in it', () => {
    expect([1, 2].map(() => RunFolder.next('alexnet').path)).toEqual(['runs/alexnet-1', 'runs/alexnet-2']);
  });

  test('what fails before it begins is one line, and leaves no folder', async () => {
    for (const [args, status, message] of [
      [['train', ...tiny, '--batch', 'x'], 2, /batch must be a whole number/],
      [['train', ...tiny, '--data', 'folder:/nowhere/at/all'], 1, /no folder \/nowhere\/at\/all/],
      [['train', ...tiny, '--set', 'precision=tf32'], 2, /precision tf32 is for GPUs alone/],
    ] as [string[], number, RegExp][]) {
      const result = await convtape(...args);
      expect(result).toMatchObject({ status, out: '', err: expect.stringMatching(message) });
      expect(result.err.trimEnd().split('\n')).toHaveLength(1);
      expect(existsSync('runs') ? readdirSync('runs') : []).toEqual([]);
    }
  });

  test('where runs is a file, the error says what to give', async () => {
    writeFileSync('runs', 'no folder');
    expect(await convtape('train', ...tiny, ...short)).toEqual({
      status: 1,
      out: '',
      err: 'convtape: the folder runs cannot be made for the run: there is something else of that name (EEXIST); give --out a folder elsewhere\n',
    });
  });
});

test('a run is not overwritten, and a finished one resumes to itself', async () => {
  const again = await convtape('train', ...tiny, '--out', out, '--epochs', '1', ...limits);
  expect(again).toEqual({
    status: 1,
    out: '',
    err: `convtape: there is a run in ${out} already; give --resume to go on with it, or another --out\n`,
  });
  const before = readFileSync(join(out, 'checkpoint.safetensors'));
  const resumed = await convtape('train', '--out', out, '--resume');
  expect(resumed.status).toBe(0);
  expect(resumed.err).toContain('resuming');
  expect(readFileSync(join(out, 'checkpoint.safetensors')).equals(before)).toBe(true);
  const changed = await convtape('train', '--out', out, '--resume', '--batch', '16');
  expect(changed).toMatchObject({
    status: 2,
    err: expect.stringMatching(/^convtape: recipe: batch is 32 in this run and a resumed run keeps it, got 16\n$/),
  });
});

test('wrong usage is one line and exit status 2', async () => {
  const somewhere = ['--out', join(folder, 'never')];
  for (const [args, message] of [
    [['train', ...somewhere, '--bach', '3'], /unknown option '--bach' \(Did you mean --batch\?\)/],
    [['train', '--epoch', '3'], /unknown option '--epoch' \(Did you mean --epochs\?\)/],
    [['train', '--resume'], /^convtape: train --resume needs --out <folder>/],
    [['train', ...tiny, '--resume'], /^convtape: train --resume needs --out <folder>/],
    [['train', ...somewhere], /train needs --data: fashion-mnist/],
    [['train', ...somewhere, '--data', 'mnist'], /no such kind of data; there are fashion-mnist/],
    [['train', ...somewhere, ...tiny, '--model', 'vgg'], /model must be one of alexnet, alexnet-small, got "vgg"/],
    [['train', ...somewhere, ...tiny, '--devices', 'cpu:9'], /--devices: there is no 'cpu:9'; there are cpu:0, cpu:1/],
    [['train', ...somewhere, ...tiny, '--batch', 'x'], /batch must be a whole number from 1 to 65536, got "x"/],
    [['train', ...somewhere, ...tiny, '--set', 'lrr=1'], /no key 'lrr'; did you mean 'lr'\?/],
    [['train', ...somewhere, ...tiny, '--set', 'lr'], /--set takes key=value, got 'lr'/],
    [
      ['train', ...somewhere, ...tiny, '--set', 'precision=tf32'],
      /precision tf32 is for GPUs alone, and cpu:0 and cpu:1 are none/,
    ],
    [['eval', out, '--split', 'all'], /choices are train, validation, test/i],
    [['predict', out], /missing required argument 'image'/],
    [['predict', out, 'x.png', '--top', '0'], /whole number from 1/],
    [
      ['predict', out, 'x.png', '--weights', 'f16'],
      /'--weights <type>' argument 'f16' is invalid.*choices are f32, bf16/i,
    ],
    [['eval', out, '--weights', 'half'], /'--weights <type>' argument 'half' is invalid.*choices are f32, bf16/i],
    [['gradcheck', 'rely'], /no operator 'rely'; did you mean relu\?/],
    [['trane'], /unknown command 'trane' \(Did you mean train\?\)/],
  ] as [string[], RegExp][]) {
    const result = await convtape(...args);
    expect(result.err).toMatch(message);
    expect(result.err.trimEnd().split('\n')).toHaveLength(1);
    expect(result).toMatchObject({ status: 2, out: '' });
  }
  expect(existsSync(join(folder, 'never'))).toBe(false);
});

test('work that fails is one line and exit status 1, with the stack under --debug', async () => {
  const truncated = join(folder, 'truncated');
  const file = join(folder, 'file');
  mkdirSync(truncated);
  writeFileSync(file, 'no folder');
  for (const name of ['config.json', 'checkpoint.safetensors'])
    writeFileSync(join(truncated, name), readFileSync(join(out, name)));
  truncateSync(join(truncated, 'checkpoint.safetensors'), 100_000);
  for (const [args, message] of [
    [
      ['train', '--out', join(folder, 'never'), ...tiny, '--data', 'folder:/nowhere/at/all'],
      /no folder \/nowhere\/at\/all/,
    ],
    [['train', '--out', join(file, 'run'), ...tiny], /file.run cannot be written: part of the path is not a folder/],
    [['train', '--out', folder, ...tiny], /holds something else/],
    [['eval', join(folder, 'nowhere')], /there is no run in .*nowhere/],
    [['eval', truncated], /checkpoint\.safetensors/],
    [['train', '--out', truncated, '--resume'], /checkpoint\.safetensors/],
    [['predict', out, join(folder, 'nowhere.png')], /nowhere\.png cannot be read as an image: no such file/],
    [['predict', out, file], /file cannot be read as an image/],
  ] as [string[], RegExp][]) {
    const result = await convtape(...args);
    expect(result.err).toMatch(message);
    expect(result.err.trimEnd().split('\n')).toHaveLength(1);
    expect(result).toMatchObject({ status: 1, out: '' });
  }
  expect(existsSync(join(folder, 'never'))).toBe(false);
  const debug = await convtape('eval', join(folder, 'nowhere'), '--debug');
  expect(debug.err).toMatch(/\n {4}at /);
});

test('a loss that is no number ends the run, keeps the last good checkpoint and says what to try', async () => {
  const run = join(folder, 'diverges');
  const args = [
    'train',
    ...tiny,
    '--out',
    run,
    '--epochs',
    '3',
    ...limits,
    '--set',
    'evalEpochs=0',
    'checkpointSteps=2',
    'schedule=constant',
  ];
  const calm = await convtape(...args, '--lr', '0.01', '--epochs', '1', '--set', 'trainLimit=64');
  expect(calm.status).toBe(0);
  const good = readFileSync(join(run, 'checkpoint.safetensors'));
  const wild = await convtape('train', '--out', run, '--resume', '--epochs', '9', '--lr', '1e30');
  expect(wild).toMatchObject({ status: 1, out: '' });
  expect(wild.err.trimEnd().split('\n').at(-1)).toMatch(
    /^convtape: step \d+: .*(NaN|finite|infinit).*; the checkpoint of step 2 is kept in .*\. Try a lower rate: --out .*diverges --resume --lr 1e\+29$/i,
  );
  expect(readFileSync(join(run, 'checkpoint.safetensors')).equals(good)).toBe(true);
  const recovered = await convtape('train', '--out', run, '--resume', '--epochs', '2', '--lr', '0.001');
  expect(recovered.status).toBe(0);
  expect(readMetrics(join(run, 'metrics.jsonl')).map((l) => l.step)).toEqual([1, 2, 3, 4]);
});

test('predict names classes with probabilities', async () => {
  const sharp = (await import('sharp')).default;
  const image = join(folder, 'dark.png');
  await sharp({ create: { width: 40, height: 60, channels: 4, background: '#102030' } })
    .png()
    .toFile(image);
  const json = JSON.parse((await convtape('predict', out, image, image, '--top', '3', '--json')).out);
  expect(json.predictions).toHaveLength(2);
  expect(json.predictions[0].top).toHaveLength(3);
  expect(json.predictions[0]).toEqual({ image, top: json.predictions[1].top });
  const all = JSON.parse((await convtape('predict', out, image, '--top', '10', '--json')).out).predictions[0].top;
  const sum = all.reduce((s: number, t: { probability: number }) => s + t.probability, 0);
  expect(sum).toBeCloseTo(1, 9);
  const half = JSON.parse((await convtape('predict', out, image, '--top', '10', '--weights', 'bf16', '--json')).out);
  const chances = (list: { class: string; probability: number }[]) =>
    Object.fromEntries(list.map((t) => [t.class, t.probability]));
  const [rounded, exact] = [chances(half.predictions[0].top), chances(all)];
  expect(rounded).not.toEqual(exact);
  for (const [name, p] of Object.entries(exact)) expect(rounded[name]).toBeCloseTo(p, 2);
  const text = await convtape('predict', out, image);
  expect(text.out).toMatch(/dark\.png\n {2}\S.* \d+\.\d\d%\n/);
});

test('predict names the images that cannot be read, and predicts the others', async () => {
  const sharp = (await import('sharp')).default;
  const path = (name: string) => join(folder, name);
  const good = ['one.png', 'two.png'].map(path);
  for (const [i, image] of good.entries())
    await sharp({ create: { width: 30, height: 30, channels: 3, background: i === 0 ? '#102030' : '#e0d0c0' } })
      .png()
      .toFile(image);
  writeFileSync(path('text.png'), 'no picture');
  writeFileSync(path('cut.png'), readFileSync(good[0]!).subarray(0, 60));
  const bad = [
    [path('text.png'), 'it is no image'],
    [path('cut.png'), 'it is damaged or cut short'],
    [path('none.png'), 'no such file or folder (ENOENT)'],
    [folder, 'it is a folder (EISDIR)'],
  ] as const;
  // More than are decoded at a time, so that of the first ones nothing is left.
  const many = Array.from({ length: 40 }, () => bad[0][0]);
  const images = [good[0]!, bad[0][0], bad[1][0], good[1]!, bad[2][0], bad[3][0]];
  const lines = bad.map(([file, reason]) => `convtape: ${file} cannot be read as an image: ${reason}\n`);

  const asText = await convtape('predict', out, ...images, '--top', '1');
  expect(asText).toMatchObject({ status: 1, err: lines.join('') });
  expect(asText.out).toBe((await convtape('predict', out, ...good, '--top', '1')).out);

  const asJson = await convtape('predict', out, ...images, '--json');
  const alone = await convtape('predict', out, ...good, '--json');
  expect(asJson).toMatchObject({ status: 1, err: lines.join('') });
  expect(JSON.parse(alone.out).errors).toEqual([]);
  expect(JSON.parse(asJson.out)).toEqual({
    ...JSON.parse(alone.out),
    errors: bad.map(([file, error]) => ({ file, error })),
  });

  const late = await convtape('predict', out, ...many, ...good, '--json');
  expect(JSON.parse(late.out).predictions).toEqual(JSON.parse(alone.out).predictions);
  expect(late.err.trimEnd().split('\n')).toHaveLength(40);
  expect((await convtape('predict', out, bad[0][0], '--debug')).err).toMatch(/^convtape: .*\n.*\n {4}at /);
});

test('the quickstart trains, tests, and shows right and wrong predictions', async () => {
  const io = capture();
  const run = join(folder, 'quick');
  const recipe = { data: sample, epochs: 8, trainLimit: 400, validation: 20, batch: 32 };
  const result = await runQuickstart(io, { out: run }, recipe);
  expect(result).toMatchObject({ run, images: 250, epochs: 8 });
  expect(result.top1).toBeLessThan(0.6); // 0.9 is chance
  expect(io.text.out).toContain(`test error ${(100 * result.top1).toFixed(2)}%`);
  expect(io.text.out).toContain(run);
  expect(readFileSync(join(run, 'predictions.png')).subarray(1, 4).toString()).toBe('PNG');
  const evaluated = JSON.parse((await convtape('eval', run, '--ten-crop', '--json')).out);
  expect(evaluated.top1).toBe(result.top1);
  expect(evaluated.loss).toBeCloseTo(result.loss, 6); // other batches, other sums of a linear layer
});

test('the quickstart makes more passes only where four minutes are enough for them', () => {
  expect([1400, 2249, 2250, 2700, 3000, 9000].map((rate) => passesAt(rate, 60_000))).toEqual([8, 8, 9, 10, 12, 12]);
});

test('devices and gradcheck report, as text and as JSON', async () => {
  const json = JSON.parse((await convtape('devices', '--json')).out);
  expect(json.devices.map((d: { name: string }) => d.name)).toEqual(expect.arrayContaining(['cpu:0', 'cpu:1']));
  expect(json.devices[0].peerAccess).toMatchObject({ 'cpu:0': 'same', 'cpu:1': 'direct' });
  expect(json.addon.isas).toContain('portable');
  expect((await convtape('devices')).out).toMatch(/cpu:1 .*\n/);
  const checks = await convtape('gradcheck', 'relu', '--devices', 'cpu:1', '--json');
  expect(checks.status).toBe(0);
  expect(JSON.parse(checks.out)).toMatchObject({
    failed: 0,
    checks: expect.arrayContaining([expect.objectContaining({ device: 'cpu:1', operator: 'relu', outcome: 'passed' })]),
  });
  expect((await convtape('gradcheck', 'relu')).out).toMatch(/\d+ passed, 0 failed\n$/);
});

test('help and version succeed; no command is wrong usage', async () => {
  expect(await convtape('--version')).toMatchObject({ status: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  expect(await convtape('train', '--help')).toMatchObject({ status: 0, out: expect.stringContaining('--resume') });
  expect(await convtape()).toMatchObject({ status: 2, out: '' });
});
