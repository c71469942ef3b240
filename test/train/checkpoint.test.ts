import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tensor } from '../../lib/tensor/create';
import { type CheckpointState, loadCheckpoint, saveCheckpoint, type TensorLike } from '../../lib/train/checkpoint';
import { readSafetensors, type TensorToWrite, writeSafetensors } from '../../lib/train/safetensors';
import { version } from '../../lib/version';
import { kinds } from '../support/devices';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();
let made = 0;
const fresh = () => join(root, `c${made++}.safetensors`);

const values = (shape: number[], ...numbers: number[]): TensorLike => ({
  dtype: 'f32',
  shape,
  data: () => Float32Array.from(numbers),
});

const meta = {
  step: 1234,
  epoch: 2,
  batch: 296,
  lr: 0.001,
  seeds: { run: 7, weights: 2 ** 52 + 1 },
  schedule: { drops: 1, best: null, waited: 0 },
  model: { name: 'alexnet-small', preset: 'paper', devices: 2 },
  data: { name: 'fashion-mnist', classes: ['T-shirt/top', 'Ankle boot'] },
};

const state = (): CheckpointState => ({
  meta,
  params: { 'conv1a.weight': values([2, 1], 1.5, -2), 'conv1a.bias': values([2], 3, 4) },
  momentum: { 'conv1a.weight': values([2, 1], 5, 6), 'conv1a.bias': values([2], 7, 8) },
  extra: { mean: values([3], 9, 10, 11) },
});

test('comes back as it was', async () => {
  const path = fresh();
  await saveCheckpoint(path, state());
  const back = await loadCheckpoint(path);
  expect(back.meta).toEqual(meta);
  expect(back.version).toBe(version);
  expect(back.params).toEqual({
    'conv1a.weight': { dtype: 'f32', shape: [2, 1], data: Float32Array.of(1.5, -2) },
    'conv1a.bias': { dtype: 'f32', shape: [2], data: Float32Array.of(3, 4) },
  });
  expect(back.momentum['conv1a.bias']!.data).toEqual(Float32Array.of(7, 8));
  expect(back.extra).toEqual({ mean: { dtype: 'f32', shape: [3], data: Float32Array.of(9, 10, 11) } });
  const light = await loadCheckpoint(path, { momentum: false });
  expect([Object.keys(light.params).length, Object.keys(light.momentum).length]).toEqual([2, 0]);
});

test('any reader of safetensors finds the parameters by their names', async () => {
  const path = fresh();
  await saveCheckpoint(path, state());
  const plain = await readSafetensors(path);
  expect([...plain.tensors.keys()].sort()).toEqual([
    'conv1a.bias',
    'conv1a.weight',
    'data.mean',
    'momentum.conv1a.bias',
    'momentum.conv1a.weight',
  ]);
  expect(plain.metadata.step).toBe('1234');
  expect(JSON.parse(plain.metadata.data!).classes[1]).toBe('Ankle boot');
});

test.each(kinds)('takes tensors of %s, and bytes are the same each time', async (device) => {
  using weight = tensor([1, 2, 3], { shape: [3], device });
  const [a, b] = [fresh(), fresh()];
  for (const path of [a, b]) await saveCheckpoint(path, { meta, params: { 'fc8.weight': weight }, momentum: {} });
  expect((await loadCheckpoint(a)).params['fc8.weight']!.data).toEqual(Float32Array.of(1, 2, 3));
  expect(readFileSync(a)).toEqual(readFileSync(b));
});

test.each(kinds)('every element type of %s comes back with its values', async (device) => {
  const tensors = {
    f32: tensor([0.1, -0, 1e-45], { device }),
    i32: tensor([-1, 2 ** 31 - 1], { dtype: 'i32', device }),
    u8: tensor([0, 255], { dtype: 'u8', device }),
    bf16: tensor(
      [
        [0.1, -0, 1e-40],
        [Number.NaN, Infinity, 257],
      ],
      { dtype: 'bf16', device },
    ),
  };
  const path = fresh();
  await saveCheckpoint(path, { meta, params: tensors, momentum: {}, extra: { half: tensors.bf16 } });
  const back = await loadCheckpoint(path);
  for (const [dtype, t] of Object.entries(tensors)) {
    expect(back.params[dtype]).toEqual({ dtype, shape: t.shape, data: await t.data() });
    t.dispose();
  }
  expect(back.extra.half).toEqual(back.params.bf16);
  // As other readers find it: two bytes an element.
  const plain = (await readSafetensors(path)).tensors.get('bf16')!;
  expect([plain.dtype, plain.data]).toEqual(['BF16', Uint16Array.of(0x3dcd, 0x8000, 0x1, 0x7fc0, 0x7f80, 0x4380)]);
  // What was loaded can be saved again.
  const writable = (all: typeof back.params) =>
    Object.fromEntries(Object.entries(all).map(([name, t]) => [name, { ...t, data: () => t.data }]));
  const again = fresh();
  await saveCheckpoint(again, { meta, params: writable(back.params), momentum: {}, extra: writable(back.extra) });
  expect(readFileSync(again)).toEqual(readFileSync(path));
});

describe('a file that is no checkpoint is refused in one line', () => {
  const spoiled = async (change: (metadata: Map<string, string>, tensors: Map<string, TensorToWrite>) => void) => {
    const path = fresh();
    await saveCheckpoint(path, state());
    const file = await readSafetensors(path);
    const metadata = new Map(Object.entries(file.metadata));
    const tensors = new Map<string, TensorToWrite>(
      [...file.tensors].map(([name, t]) => [name, { ...t, data: () => t.data }]),
    );
    change(metadata, tensors);
    await writeSafetensors(path, tensors, Object.fromEntries(metadata));
    return path;
  };
  const f64: TensorToWrite = { dtype: 'F64', shape: [1], data: () => new Float64Array(1) };
  const three: TensorToWrite = { dtype: 'F32', shape: [3], data: () => new Float32Array(3) };

  test.each<[string, Parameters<typeof spoiled>[0], RegExp]>([
    [
      'no format',
      (m) => m.delete('format'),
      /is not a checkpoint: its metadata's format is missing, expected 'convtape-checkpoint-1'$/,
    ],
    ['another format', (m) => m.set('format', 'pt'), /format is 'pt', expected/],
    ['no step', (m) => m.delete('step'), /is not a whole checkpoint: its metadata lacks 'step'$/],
    ['a step that is no number', (m) => m.set('step', '"x"'), /metadata 'step' must be a whole number, got "x"$/],
    ['a negative epoch', (m) => m.set('epoch', '-1'), /metadata 'epoch' must be a whole number, got -1$/],
    ['a rate that is null', (m) => m.set('lr', 'null'), /metadata 'lr' must be a number, got null$/],
    ['seeds that are a list', (m) => m.set('seeds', '[1]'), /metadata 'seeds' must be an object of whole numbers/],
    ['broken JSON', (m) => m.set('model', '{'), /metadata 'model' is not JSON: \{$/],
    ['a type that tensors lack', (_, t) => t.set('x', f64), /'x' is F64, expected F32, I32, U8, BF16$/],
    ['momentum of nothing', (_, t) => t.set('momentum.x', three), /momentum of 'x' but no such parameter$/],
    [
      'momentum of another shape',
      (_, t) => t.set('momentum.conv1a.bias', three),
      /'conv1a\.bias' is \[2\] and its momentum \[3\]$/,
    ],
  ])('%s', async (_, change, message) => {
    const path = await spoiled(change);
    await expect(loadCheckpoint(path)).rejects.toThrow(message);
    await expect(loadCheckpoint(path)).rejects.toThrow(path);
  });

  test('cut short', async () => {
    const path = fresh();
    await saveCheckpoint(path, state());
    writeFileSync(path, readFileSync(path).subarray(0, -5));
    await expect(loadCheckpoint(path)).rejects.toThrow(/is cut short: expected 44 bytes of values, got 39$/);
  });
});

test('what JSON would lose is refused, before anything is written', async () => {
  const path = fresh();
  await saveCheckpoint(path, state());
  const before = readFileSync(path);
  const save = (change: object) => saveCheckpoint(path, { ...state(), meta: { ...meta, ...change } });
  await expect(save({ lr: Number.NaN })).rejects.toThrow(
    'saveCheckpoint: meta.lr is NaN, which a checkpoint cannot hold',
  );
  await expect(save({ schedule: { best: [Infinity] } })).rejects.toThrow('meta.schedule.best.0 is Infinity');
  await expect(saveCheckpoint(path, { ...state(), params: { 'momentum.x': values([1], 1) } })).rejects.toThrow(
    "a parameter may not be named 'momentum.x'",
  );
  expect(readFileSync(path)).toEqual(before);
});
