import { device, models, ops, type Tensor, uniform } from '../../lib';
import { describe as describeLayers, formatRows } from '../../lib/models/describe';
import { geometry } from '../../lib/models/geometry';
import { alexnetSmallSpec, alexnetSpec, netDefaults } from '../../lib/models/spec';
import { expectClose } from '../support/close';

const spec = (options = {}) => alexnetSpec({ classes: 1000, ...netDefaults, ...options });
const two = [device('cpu:0'), device('cpu:1')];
const total = (rows: readonly { parameters: number; flops: number }[], what: 'parameters' | 'flops') =>
  rows.reduce((sum, row) => sum + row[what], 0);

test('the table of the text', () => {
  const rows = describeLayers(geometry(spec()), two, 'fc8');
  expect(total(rows, 'parameters')).toBe(60_965_224);
  expect(total(rows, 'flops')).toBe(2 * 724_406_816);
  const layer = (name: string) => rows.filter((r) => r.layer.startsWith(name));
  const perLayer = {
    conv1: 34_944,
    conv2: 307_456,
    conv3: 885_120,
    conv4: 663_936,
    conv5: 442_624,
    fc6: 37_752_832,
    fc7: 16_781_312,
    fc8: 4_097_000,
  };
  for (const [name, parameters] of Object.entries(perLayer)) expect(total(layer(name), 'parameters')).toBe(parameters);
  expect(layer('conv1').map((r) => [r.layer, r.device, r.shape])).toEqual([
    ['conv1a', 'cpu:0', [48, 55, 55]],
    ['conv1b', 'cpu:1', [48, 55, 55]],
  ]);
  expect(layer('fc8').map((r) => [r.layer, r.device, r.shape])).toEqual([['fc8', 'cpu:0', [1000]]]);
  const neurons = ['conv1', 'conv2', 'conv3', 'conv4', 'conv5', 'fc6', 'fc7', 'fc8'].map((name) =>
    layer(name).reduce((sum, r) => sum + r.shape.reduce((a, b) => a * b, 1), 0),
  );
  expect(neurons).toEqual([290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]);
});

test('the grouped form has the same totals', () => {
  const rows = describeLayers(geometry(spec()), two.slice(0, 1), 'fc8');
  expect(rows.map((r) => r.layer)).toEqual(['conv1', 'conv2', 'conv3', 'conv4', 'conv5', 'fc6', 'fc7', 'fc8']);
  expect(total(rows, 'parameters')).toBe(60_965_224);
  expect(formatRows(rows).split('\n').at(-1)).toMatch(/^total +60,965,224 +1448\.8$/);
});

test('conv6 reads both columns and adds 128 maps to each', () => {
  const conv6 = geometry(spec({ conv6: true })).find((l) => l.name === 'conv6')!;
  expect(conv6).toMatchObject({ weight: [256, 256, 3, 3], groups: 1, output: [256, 6, 6] });
});

test('a model describes what it holds', () => {
  using net = models.alexnetSmall({ devices: two, seed: 1 });
  const rows = net.describe();
  const held = Object.values(net.params).reduce((sum, p) => sum + p.size, 0);
  expect(total(rows, 'parameters')).toBe(held);
});

test('features are the hidden layer that the output layer reads', async () => {
  using net = models.alexnetSmall({ devices: two, seed: 1 });
  using x = uniform([3, 1, 28, 28], { seed: 1 });
  using features = net.features(x);
  using logits = net.forward(x);
  expect(features.shape).toEqual([3, 512]);
  const f = await features.data();
  const w = await (net.params['fc8.weight'] as Tensor).data();
  const first = Array.from({ length: 10 }, (_, k) =>
    f.slice(0, 512).reduce((sum, v, i) => sum + v * w[k * 512 + i]!, 0),
  );
  const actual = await logits.data();
  first.forEach((v, k) => {
    expect(actual[k]).toBeCloseTo(v, 4);
  });
});

test('the 2012 code takes 224×224 images as well: the last windows of conv1 hang over', async () => {
  const small = { preset: 'layers-145', classes: 2, seed: 1, devices: ['cpu:0'] } as const;
  using net = models.alexnet(small);
  using x = uniform([1, 3, 224, 224], { low: -100, high: 100, seed: 1 });
  using y = net.forward(x as never);
  expect(y.shape).toEqual([1, 2]);
}, 60_000);

test("the small net normalises pixels divided by 64 as the text's net normalises whole ones", async () => {
  const small = alexnetSmallSpec({ classes: 10, ...netDefaults, channels: 1, size: 28 });
  const text = spec();
  using pixels = uniform([2, 7, 5, 5], { low: -120, high: 120, seed: 4 });
  using scaled = ops.mul(pixels, 1 / 64);
  using a = ops.localResponseNorm(scaled, small.norm);
  using b = ops.localResponseNorm(pixels, text.norm);
  using c = ops.mul(b, 1 / 64);
  // Powers of two apart: the roundings of the power alone differ.
  expectClose(await a.data(), await c.data(), 1e-6, 'normalised');
  expect(small.spatialNorm.alpha / text.spatialNorm.alpha).toBe(64 ** 2);
});
