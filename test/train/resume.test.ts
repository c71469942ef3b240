// A run that is stopped, or killed, and resumed ends with the same bits as one that was not.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import { devices, numThreads } from '../../lib/tensor/device';
import { type MetricsLine, readMetrics } from '../../lib/train/metrics';
import { train } from '../../lib/train/run';
import { convtapeProcess, temporaryFolder } from '../support/cli';
import { collectBeforeEach, devicesIdle } from '../support/memory';

collectBeforeEach();

const folder = temporaryFolder();
// Seven steps a pass, the last one short; a line every three steps, which no pass divides into; evaluations within a pass as well.
const recipe = {
  data: `fashion-mnist:${sampleFolder()}`,
  model: 'alexnet-small',
  devices: ['cpu:0', 'cpu:1'],
  batch: 16,
  epochs: 2,
  trainLimit: 110,
  validation: 10,
  testLimit: 10,
  logSteps: 3,
  norms: true,
  checkpointSteps: 4,
  evalSteps: 5,
  lr: 0.01,
  average: 0.9,
  augmentation: { erase: 0.5 },
  schedule: { kind: 'plateau', patience: 1, factor: 0.5, drops: 100 },
};

const digest = (run: string) =>
  createHash('sha256')
    .update(readFileSync(join(run, 'checkpoint.safetensors')))
    .digest('hex');
const lines = (run: string) =>
  readMetrics(join(run, 'metrics.jsonl')).map(
    ({ imagesPerSecond: _, dataWait: __, memory: ___, ...line }: MetricsLine) => line,
  );

let whole: { digest: string; lines: ReturnType<typeof lines> };

beforeAll(async () => {
  const out = join(folder, 'whole');
  const result = await train(recipe, { out });
  expect(result).toMatchObject({ outcome: 'finished', progress: { step: 14 } });
  whole = { digest: digest(out), lines: lines(out) };
});

test('the same recipe gives the same bits twice, on one thread too, and leaves no memory behind', async () => {
  const out = join(folder, 'twice');
  const allocated = () => devices('cpu').map((d) => d.memory().allocated);
  const before = allocated();
  const threads = numThreads();
  numThreads(1);
  await train(recipe, { out });
  numThreads(threads);
  await devicesIdle();
  expect(allocated()).toEqual(before);
  expect(digest(out)).toBe(whole.digest);
  expect(lines(out)).toEqual(whole.lines);
});

test('a run stopped after every step, and resumed, ends with the same bits', async () => {
  const out = join(folder, 'stopped');
  const threads = numThreads();
  let outcome = '';
  let sessions = 0;
  while (outcome !== 'finished') {
    const stop = new AbortController();
    const begun = { step: -1 };
    const events = {
      onStep: (step: number) => {
        if (begun.step < 0) begun.step = step;
        stop.abort();
      },
      // Stops in the middle of evaluations as well.
      onEvaluation: () => stop.abort(),
    };
    // Another number of threads each time.
    numThreads(1 + (sessions % 3));
    ({ outcome } = await train(recipe, { out, resume: sessions++ > 0, signal: stop.signal, events }));
    expect(sessions).toBeLessThan(40);
  }
  numThreads(threads);
  expect(sessions).toBeGreaterThan(5);
  expect(digest(out)).toBe(whole.digest);
  expect(lines(out)).toEqual(whole.lines);
});

test('a run killed at any moment, and resumed, ends with the same bits', async () => {
  const out = join(folder, 'killed');
  const flags = Object.entries(recipe).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  // Killed the moment a line appears: after logged steps that no checkpoint has yet, and after an evaluation.
  const triggers = ['step 3/', 'pass 0.71: ', 'step 9/', 'pass 1.43: '];
  let kills = 0;
  for (const trigger of [...triggers, null]) {
    const child = convtapeProcess('train', '--out', out, '--resume', '--set', ...flags);
    let errors = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
      if (trigger && errors.includes(trigger)) child.kill('SIGKILL');
    });
    const [status, signal] = await once(child, 'close');
    if (signal === 'SIGKILL') kills++;
    else expect({ status, errors: status === 0 ? '' : errors }).toEqual({ status: 0, errors: '' });
  }
  expect(kills).toBeGreaterThan(1);
  expect(digest(out)).toBe(whole.digest);
  expect(lines(out)).toEqual(whole.lines);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s writes a checkpoint and ends with %i', async (name, expected) => {
  const out = join(folder, name);
  const child = convtapeProcess(
    'train',
    '--out',
    out,
    '--set',
    ...Object.entries(recipe).map(([k, v]) => `${k}=${JSON.stringify(v)}`),
    'logSteps=1',
    'epochs=1000',
  );
  let errors = '';
  let asked = false;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
    if (!asked && errors.includes('step 2/')) asked = child.kill(name);
  });
  const [status] = await once(child, 'close');
  expect(status).toBe(expected);
  expect(errors).toMatch(new RegExp(`convtape: stopped by ${name} after step \\d+; go on with --out .* --resume\n$`));
  const step = Number(/after step (\d+)/.exec(errors)![1]);
  const { progress } = await train({ epochs: Math.ceil((step + 1) / 7) }, { out, resume: true });
  expect(progress.step).toBeGreaterThan(step);
});
