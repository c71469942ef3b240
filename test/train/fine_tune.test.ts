// Runs that start from another run's parameters.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import { loadCheckpoint } from '../../lib/train/checkpoint';
import { convtape, temporaryFolder } from '../support/cli';

const folder = temporaryFolder();
const common = [
  ...['--data', `fashion-mnist:${sampleFolder()}`, '--model', 'alexnet-small', '--batch', '16', '--epochs', '1'],
  ...['--set', 'trainLimit=32', 'testLimit=16', 'schedule=constant'],
];
const base = join(folder, 'base');
const parameters = async (run: string) =>
  (await loadCheckpoint(join(run, 'checkpoint.safetensors'), { momentum: false })).params;

beforeAll(async () => {
  const result = await convtape('train', ...common, '--devices', 'cpu:0,cpu:1', '--out', base);
  expect(result.status).toBe(0);
});

test('conv6 grown onto a trained net, fc8 anew, conv1 frozen, fc8 at a rate of its own', async () => {
  const out = join(folder, 'grown');
  const flags = ['--init', base, '--reset', 'fc8', '--freeze', 'conv1', '--lr', '0', '--lr', 'fc8=0.01', '--seed', '5'];
  const result = await convtape(
    'train',
    ...common,
    ...flags,
    '--devices',
    'cpu:0,cpu:1',
    '--out',
    out,
    '--set',
    'conv6=true',
  );
  expect(result.err).toContain(
    `conv1, conv2, conv3, conv4, conv5, fc6, fc7 from ${base} (step 2); conv6, fc8 from random values`,
  );
  expect(result.status).toBe(0);
  const [before, after] = [await parameters(base), await parameters(out)];
  expect(after['conv6a.weight']!.shape).toEqual([48, 96, 3, 3]);
  // With a rate of 0 all that was taken over is as it was, bit for bit; fc8 was drawn anew and has learned.
  for (const name of Object.keys(before))
    if (name.startsWith('fc8')) expect(after[name]!.data).not.toEqual(before[name]!.data);
    else expect(after[name]!.data).toEqual(before[name]!.data);
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
  expect(config).toMatchObject({
    lr: 0,
    init: { from: base, reset: ['fc8'] },
    groups: [
      { match: 'fc8', lr: 0.01 },
      { match: 'conv1', frozen: true },
    ],
  });
  // A resumed run goes on from its own checkpoint, even where the other run is gone.
  const resumed = await convtape('train', '--out', out, '--resume', '--set', 'init.from=/nowhere');
  expect(resumed.status).toBe(0);
});

test('the frozen layer stays while the others learn, in the grouped form too', async () => {
  const out = join(folder, 'frozen');
  const result = await convtape(
    'train',
    ...common,
    '--init',
    base,
    '--freeze',
    'conv1',
    'conv2.bias',
    '--devices',
    'cpu:0',
    '--out',
    out,
  );
  expect(result.status).toBe(0);
  const [before, after] = [await parameters(base), await parameters(out)];
  const half = (name: string, column: number) => {
    const { data } = after[name]!;
    return data.slice((column * data.length) / 2, ((column + 1) * data.length) / 2);
  };
  for (const [c, column] of ['a', 'b'].entries()) {
    for (const what of ['weight', 'bias'])
      expect(half(`conv1.${what}`, c)).toEqual(before[`conv1${column}.${what}`]!.data);
    expect(half('conv2.bias', c)).toEqual(before[`conv2${column}.bias`]!.data);
    expect(half('conv2.weight', c)).not.toEqual(before[`conv2${column}.weight`]!.data);
  }
});

test('what cannot be started from is one line', async () => {
  const train = (...flags: string[]) =>
    convtape('train', ...common, '--devices', 'cpu:0', '--out', join(folder, 'never'), ...flags);
  for (const [flags, status, message] of [
    [['--init', join(folder, 'nowhere')], 1, /there is no run in .*nowhere/],
    [['--reset', 'fc8'], 2, /init\.reset \(fc8\) without init\.from: give the run to start from with --init RUN/],
    [['--init', base, '--reset', 'fc9'], 2, /init\.reset: there is no layer 'fc9'; there are conv1, .*fc8/],
    [
      ['--init', base, '--set', 'classes=12'],
      1,
      /'fc8\.weight' is \[10, 512\] there and \[12, 512\] here; --reset fc8 starts/,
    ],
    [['--freeze', 'conv7'], 2, /groups\[0\]\.match 'conv7' is none of the layers/],
    [['--lr', 'fc8='], 2, /--lr: expected a rate or LAYER=RATE, such as fc8=0.01; got 'fc8='/],
  ] as [string[], number, RegExp][]) {
    const result = await train(...flags);
    expect(result.err).toMatch(message);
    expect(result.err.trimEnd().split('\n').at(-1)).toMatch(/^convtape: /);
    expect(result.status).toBe(status);
  }
  expect(existsSync(join(folder, 'never'))).toBe(false);
});
