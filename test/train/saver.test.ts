import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import { loadCheckpoint } from '../../lib/train/checkpoint';
import { readMetrics } from '../../lib/train/metrics';
import { train } from '../../lib/train/run';
import { Saver } from '../../lib/train/saver';
import { convtape, temporaryFolder } from '../support/cli';

const folder = temporaryFolder();
const recipe = {
  data: `fashion-mnist:${sampleFolder()}`,
  model: 'alexnet-small',
  devices: ['cpu:0'],
  batch: 16,
  epochs: 2,
  trainLimit: 64,
  testLimit: 40,
  lr: 0.01,
  schedule: 'constant',
};

function deferred() {
  let resolve = () => {};
  let reject = (_: Error) => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

test('a checkpoint is taken at once and written later; the next one waits for it', async () => {
  const events: string[] = [];
  const disk = [deferred(), deferred()];
  let value = 1;
  let writes = 0;
  const saver = new Saver<string>(() => {
    const taken = value;
    return async (progress, lr) => {
      const mine = disk[writes++]!;
      await mine.promise;
      events.push(`wrote ${taken} ${progress} ${lr}`);
    };
  });
  // Where the run stands is known only after it has gone on.
  const known = deferred();
  await saver.begin(
    known.promise.then(() => 'one'),
    0.1,
  );
  value = 2;
  known.resolve();
  events.push('trained on');
  const second = saver.begin(Promise.resolve('two'), 0.2).then(() => events.push('second taken'));
  value = 3;
  await new Promise((resolve) => setImmediate(resolve));
  disk[0]!.resolve();
  await second;
  value = 4;
  disk[1]!.resolve();
  await saver.finish();
  expect(events).toEqual(['trained on', 'wrote 1 one 0.1', 'second taken', 'wrote 3 two 0.2']);
});

test('a checkpoint that fails is heard of at the next step and at the end, and one given up as well', async () => {
  const saver = new Saver<string>(() => async () => {
    throw new Error('no space left on the disk (ENOSPC)');
  });
  saver.check();
  await saver.begin(Promise.resolve(''), 1);
  await expect(saver.finish()).rejects.toThrow('no space left');
  expect(() => saver.check()).toThrow('no space left');
  const given = new Saver<string>(() => async () => {});
  await given.begin(Promise.reject(new Error('given up')), 1);
  await expect(given.finish()).rejects.toThrow('given up');
});

test('the newest so many checkpoints are kept, and the best; a killed run makes up the names it lacks', async () => {
  const out = join(folder, 'kept');
  await train({ ...recipe, evalSteps: 2, checkpointSteps: 1, checkpointKeep: 3 }, { out });
  const kept = () => readdirSync(join(out, 'checkpoints')).sort();
  expect(kept()).toEqual([6, 7, 8].map((step) => `step-0000000${step}.safetensors`));
  const evaluations = readMetrics(join(out, 'metrics.jsonl')).filter((line) => line.kind === 'eval');
  expect(evaluations.map((e) => e.step)).toEqual([2, 4, 6, 8]);
  const best = evaluations.reduce((a, b) => (b.top1 < a.top1 || (b.top1 === a.top1 && b.loss < a.loss) ? b : a));
  const stepOf = async (name: string) => (await loadCheckpoint(join(out, name))).meta.step;
  expect(await stepOf('best.safetensors')).toBe(best.step);
  expect(await stepOf('checkpoints/step-00000007.safetensors')).toBe(7);
  expect(statSync(join(out, 'checkpoint.safetensors')).nlink).toBeGreaterThan(1);
  const evaluated = JSON.parse((await convtape('eval', out, '--checkpoint', 'best', '--limit', '40', '--json')).out);
  expect([evaluated.top1, evaluated.runs[0].step]).toEqual([best.top1, best.step]);

  rmSync(join(out, 'checkpoints/step-00000008.safetensors'));
  linkSync(join(out, 'checkpoints/step-00000006.safetensors'), join(out, 'checkpoints/step-00000005.safetensors'));
  writeFileSync(join(out, 'checkpoints/mine.txt'), 'not a checkpoint');
  await train({}, { out, resume: true });
  expect(kept()).toEqual(['mine.txt', ...[6, 7, 8].map((step) => `step-0000000${step}.safetensors`)]);
  await train({ checkpointKeep: 1 }, { out, resume: true });
  expect(kept()).toEqual(['mine.txt']);
});

test('a checkpoint that cannot be written ends the run in one line; the one before is as it was', async () => {
  const out = join(folder, 'full');
  const stop = new AbortController();
  await train(
    { ...recipe, evalEpochs: 0, checkpointSteps: 2 },
    { out, signal: stop.signal, events: { onStep: () => stop.abort() } },
  );
  const path = join(out, 'checkpoint.safetensors');
  const before = readFileSync(path);
  // Something in the way of the name: what a full disk does, at the same place.
  const events = {
    onStep: (step: number) => {
      if (step !== 5 || !existsSync(path)) return;
      rmSync(path);
      mkdirSync(join(path, 'x'), { recursive: true });
    },
  };
  await expect(train({ epochs: 9 }, { out, resume: true, events })).rejects.toThrow(
    /^cannot write .*checkpoint\.safetensors: /,
  );
  expect(readdirSync(out).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  rmSync(path, { recursive: true });
  writeFileSync(path, before);
  expect(await train({ epochs: 1 }, { out, resume: true })).toMatchObject({ outcome: 'finished' });
});
