// The mean of a run's parameters: what it is, that checkpoints keep it, and that it is what a finished run is used with.
import { join } from 'node:path';
import { models, ops } from '../../lib';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import { ParameterAverage } from '../../lib/train/average';
import { loadCheckpoint } from '../../lib/train/checkpoint';
import { loadRun } from '../../lib/train/load_run';
import { train } from '../../lib/train/run';
import { temporaryFolder } from '../support/cli';
import { expectClose } from '../support/close';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

const folder = temporaryFolder();

test('every tenth update counts: a plain mean at first, an exponential one after', async () => {
  const net = () => models.alexnetSmall({ devices: ['cpu:0'], width: 0.125, seed: 3 }) as unknown as models.ColumnNet;
  const learned = net();
  using average = new ParameterAverage(net(), 25);
  const weight = () => learned.params['conv1.weight']!.data() as Promise<Float32Array>;
  let expected = await weight();
  for (let made = 1; made <= 60; made++) {
    for (const p of Object.values(learned.params)) p.copyFrom(ops.add(p, 1));
    average.update(learned, made);
    if (made % 10 === 0) {
      // 1, 1/2, then 1 − exp(−10/25) = 0.33
      const part = made === 10 ? 1 : made === 20 ? 0.5 : Math.max(1 - Math.exp(-0.4), 10 / made);
      const now = await weight();
      expected = expected.map((mean, i) => mean * (1 - part) + now[i]! * part);
    }
    expectClose((await average.model.params['conv1.weight']!.data()) as Float32Array, expected, 1e-6, `after ${made}`);
  }
  learned.dispose();
});

test('a run with a mean is evaluated, saved and used with it, in columns and grouped; it goes on from what learns', async () => {
  const out = join(folder, 'run');
  const recipe = {
    ...{ data: `fashion-mnist:${sampleFolder()}`, model: 'alexnet-small', devices: ['cpu:0', 'cpu:1'], width: 0.25 },
    ...{ batch: 16, epochs: 3, trainLimit: 110, testLimit: 50, lr: 0.02, schedule: 'constant', average: 2 },
  };
  const { progress } = await train(recipe, { out });
  const { params, extra } = await loadCheckpoint(join(out, 'checkpoint.safetensors'));
  const names = Object.keys(params);
  expect(Object.keys(extra).sort()).toEqual(['mean', ...names.map((name) => `average.${name}`)].sort());
  using used = await loadRun(out);
  for (const name of names) {
    const values = await used.model.params[name]!.data();
    expect(values).toEqual(extra[`average.${name}`]!.data);
    if (name.endsWith('.weight')) expect(values).not.toEqual(params[name]!.data);
  }
  using grouped = await loadRun(out, ['cpu:0']);
  expect((await grouped.model.params['conv1.weight']!.data()).slice(0, 25)).toEqual(
    extra['average.conv1a.weight']!.data.slice(0, 25),
  );
  // 21 updates so far, and 28: the mean took in the twentieth last, so its error stays, whatever the parameters do. Without a mean it is theirs.
  const again = await train({ epochs: 4 }, { out, resume: true });
  expect(again.progress.evaluation).toEqual(progress.evaluation);
  const without = await train({ epochs: 5, average: 0 }, { out, resume: true });
  expect(without.progress.evaluation!.loss).not.toBe(progress.evaluation!.loss);
  const last = await loadCheckpoint(join(out, 'checkpoint.safetensors'));
  expect(Object.keys(last.extra)).toEqual(['mean']);
  for (const name of names) expect(last.params[name]!.data).not.toEqual(extra[`average.${name}`]!.data);
});
