import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { models } from '../../lib';
import { operatorNames } from '../../lib/bench/ops';
import { parseResult, type Row } from '../../lib/bench/schema';
import { numThreads } from '../../lib/tensor/device';
import { convtape, temporaryFolder } from '../support/cli';
import { build, root } from '../support/package';

const folder = temporaryFolder();
const tiny = ['--model', 'alexnet-small', '--batch', '2', '--quick', '--reps', '2'];

test('step: both forms, training and inference, as a table and as JSON that --compare reads', async () => {
  const file = join(folder, 'step.json');
  const first = await convtape('bench', 'step', ...tiny, '--json', file);
  expect(first.err).toContain('step/alexnet-small/columns/train/2');
  expect(first.status).toBe(0);
  expect(first.out).toMatch(/FMA peak \(\w+\) [\d.]+ GFLOP\/s on \d+ thread/);
  expect(first.out).toMatch(/benchmark +median +min +quartiles +GFLOP\/s +of peak +of peak beside +images\/s +tensors/);
  const result = parseResult(JSON.parse(readFileSync(file, 'utf8')), file);
  expect(result.rows.map((r) => r.id)).toEqual(
    ['grouped', 'columns'].flatMap((form) =>
      ['train', 'inference'].map((mode) => `step/alexnet-small/${form}/${mode}/2`),
    ),
  );
  for (const r of result.rows) {
    expect(r.check.error).toBeLessThanOrEqual(r.check.tolerance);
    expect(r.ofPeak).toBeGreaterThan(0);
    expect(r.peakMemory).toBeGreaterThan(1e5);
  }

  // The same run told to have been a thousand times as fast before.
  for (const r of result.rows)
    for (const key of ['min', 'q1', 'median', 'q3', 'max', 'cpu'] as const) r.timing[key] /= 1000;
  writeFileSync(file, JSON.stringify(result));
  const args = ['bench', 'step', ...tiny, '--inference', '--devices', 'cpu:0', '--compare', file];
  const told = await convtape(...args);
  expect(told.out).toMatch(/1 of 1 moved beyond the noise/);
  expect(told.out).toMatch(/not measured this time: .*columns\/train/);
  expect(told.status).toBe(0);
  const failed = await convtape(...args, '--fail-on-regression', '--json');
  expect(failed.status).toBe(1);
  expect(failed.err).toMatch(
    /convtape: 1 of 1 became slower: step\/alexnet-small\/grouped\/inference\/2 \d+\.\d\d times/,
  );
  expect(JSON.parse(failed.out).comparison.changes[0].verdict).toBe('slower');
});

test('step without --batch: one image by itself as well, with exact and with rounded weights', async () => {
  const args = ['step', '--model', 'alexnet-small', '--inference', '--quick', '--reps', '1', '--devices', 'cpu:0'];
  const { out, err, status } = await convtape('bench', ...args, '--json');
  expect([status, err]).toEqual([0, expect.stringContaining('step/alexnet-small/grouped/inference-bf16/1')]);
  const { rows } = parseResult(JSON.parse(out), 'standard output');
  const id = (of: string) => `step/alexnet-small/grouped/${of}`;
  expect(rows.map((r) => r.id)).toEqual(['inference/8', 'inference/1', 'inference-bf16/1'].map(id));
  const [many, exact, rounded] = rows as [Row, Row, Row];
  for (const { check } of rows) expect(check.error).toBeLessThanOrEqual(check.tolerance);
  expect([many.bytes, rounded.flops, rounded.images]).toEqual([undefined, exact.flops, 1]);
  // Two bytes a fully-connected weight, four everything else.
  using net = models.alexnetSmall({ seed: 1 });
  const sizes = Object.values(net.params).map((p) => [p.size, p.rank === 2 ? 2 : 4] as const);
  expect(exact.bytes).toBe(sizes.reduce((sum, [size]) => sum + 4 * size, 0));
  expect(rounded.bytes).toBe(sizes.reduce((sum, [size, bytes]) => sum + bytes * size, 0));
});

test('layers: every pass of every layer but the gradient to the images; threads are put back', async () => {
  const threads = numThreads();
  const { out, status } = await convtape('bench', 'layers', ...tiny, '--threads', '1', '--json', '-');
  expect(status).toBe(0);
  expect(numThreads()).toBe(threads);
  const result = parseResult(JSON.parse(out), 'standard output');
  const ids = result.rows.map((r) => r.id);
  expect(ids).toContain('layers/alexnet-small/conv2/gradInput/2');
  expect(ids).toContain('layers/alexnet-small/fc6/gradWeight/2');
  expect(ids).not.toContain('layers/alexnet-small/conv1/gradInput/2');
  expect(result.rows.every((r) => r.timing.threads === 1)).toBe(true);
  const one = await convtape('bench', 'layers', ...tiny, '--layer', 'fc8', '--json');
  expect(JSON.parse(one.out).rows.map((r: any) => r.id)).toEqual(
    ['forward', 'gradInput', 'gradWeight'].map((pass) => `layers/alexnet-small/fc8/${pass}/2`),
  );
});

test('wrong usage is one line and exit status 2, a wrong file status 1', async () => {
  const broken = join(folder, 'broken.json');
  writeFileSync(broken, '{"format":"other"}');
  for (const [args, status, message] of [
    [['step', '--model', 'vgg'], 2, /It must be alexnet or alexnet-small/],
    [['step', '--batch', '0'], 2, /It must be a whole number from 1/],
    [['step', '--devices', 'cpu:0,cpu:1,cpu:0'], 2, /--devices: one device or two, got 3/],
    [['step', '--devices', 'cpu:9'], 2, /--devices: there is no 'cpu:9'/],
    [['layers', '--devices', 'cpu:0,cpu:1'], 2, /layers is measured on one device/],
    // At full size, which would take minutes if it were measured first.
    [['layers', '--layer', 'conv1', 'conv9'], 2, /--layer: alexnet has no layer 'conv9'; choose from conv1, /],
    [['ops', '--op', 'relus'], 2, /--op: there is no benchmark of 'relus'; choose from relu, /],
    [['step', '--fail-on-regression'], 2, /--fail-on-regression needs --compare/],
    [['step', '--compare', join(folder, 'none')], 2, /--compare .*ENOENT/],
    [['step', '--compare', broken], 1, /broken\.json is no result of convtape bench: format: /],
    [['step', '--compare-by', 'luck'], 2, /It must be wall or cpu/],
    [['stepp'], 2, /unknown command 'stepp'/],
  ] as const) {
    const outcome = await convtape('bench', ...args);
    expect(outcome.err.trimEnd().split('\n').at(-1)).toMatch(message);
    expect([args.join(' '), outcome.status]).toEqual([args.join(' '), status]);
  }
});

async function ids(...args: string[]): Promise<string[]> {
  const { out, err, status } = await convtape('bench', ...args, '--quick', '--reps', '1', '--json');
  if (status !== 0) throw new Error(err);
  return parseResult(JSON.parse(out), args[0]!).rows.map((r) => r.id);
}

test('ops: those asked for, checked, at every size of a quick sweep', async () => {
  expect(await ids('ops', '--op', 'sgd', 'dropout', 'maxPool2dGrad', 'crossEntropyGrad')).toEqual([
    'ops/dropout/4096',
    'ops/dropout/262144',
    'ops/sgd/4096',
    'ops/sgd/262144',
    'ops/maxPool2dGrad/1x96x55x55',
    'ops/crossEntropyGrad/128x1000',
  ]);
  expect(operatorNames).toEqual(expect.arrayContaining(['relu', 'localResponseNorm', 'avgPool2d', 'softmax', 'sum']));
});

test('data: loaders of bytes, of JPEG files and of prepared sets, and a net that learns from one', async () => {
  const { NODE_OPTIONS } = process.env;
  process.env.NODE_OPTIONS = `-r ${join(__dirname, '../support/register.js')}`; // sets are prepared in processes of their own
  try {
    expect(await ids('data', '--batch', '16')).toEqual([
      'data/loader/fashion-mnist/16',
      'data/epoch/alexnet-small/columns/16',
      'data/jpeg/4',
      'data/shards/jpeg/4',
      'data/shards/raw/4',
    ]);
  } finally {
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = NODE_OPTIONS;
  }
});

test('growth: batches, then threads', async () => {
  expect(await ids('growth', '--model', 'alexnet-small', '--batch', '2', '--threads', '2')).toEqual([
    'growth/batch/alexnet-small/grouped/1',
    'growth/batch/alexnet-small/grouped/2',
    'growth/threads/alexnet-small/grouped/2/1',
    'growth/threads/alexnet-small/grouped/2/2',
  ]);
});

test('startup: the package loaded every way, and single calls', async () => {
  if (!existsSync(join(root, 'dist/cli/commands/bench.js'))) build();
  expect(await ids('startup')).toEqual([
    'startup/node alone',
    'startup/require',
    'startup/import',
    'startup/command line',
    'startup/call/operator',
    'startup/call/gradient',
    'startup/call/tensor',
    'startup/call/operator and reading back',
  ]);
}, 120_000);
