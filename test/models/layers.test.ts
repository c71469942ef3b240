// A net's width, the maps of its convolutions and which of them are pooled: options of it, and of a recipe.
import { join } from 'node:path';
import { manualSeed, models } from '../../lib';
import { nextSeed } from '../../lib/tensor/random';
import { convtape, temporaryFolder } from '../support/cli';

const folder = temporaryFolder();
const shapes = (net: { params: Record<string, { shape: readonly number[] }> }) =>
  Object.fromEntries(Object.entries(net.params).map(([name, p]) => [name, p.shape]));

test('every layer but the output is so many times as wide, in each column alike', () => {
  using net = models.alexnetSmall({ width: 1.5, seed: 1, conv6: true });
  expect(shapes(net)).toMatchObject({
    'conv1.weight': [36, 1, 5, 5],
    'conv2.weight': [144, 18, 3, 3],
    'conv3.weight': [192, 144, 3, 3],
    'conv4.weight': [192, 96, 3, 3],
    'conv5.weight': [144, 96, 3, 3],
    'conv6.weight': [144, 144, 3, 3],
    'fc6.weight': [768, 576],
    'fc7.weight': [768, 768],
    'fc8.weight': [10, 768],
  });
  using thin = models.alexnetSmall({ width: 0.01, seed: 1 });
  expect(shapes(thin)).toMatchObject({ 'conv1.weight': [2, 1, 5, 5], 'fc6.weight': [6, 8], 'fc8.weight': [10, 6] });
  using full = models.alexnet({ width: 1 / 32, classes: 5, seed: 1 });
  expect(shapes(full)).toMatchObject({ 'conv1.weight': [4, 3, 11, 11], 'fc7.weight': [128, 128] });
});

test('weights of the small net start by the number of inputs, in every form of it', async () => {
  const forms = [
    { width: 0.01 },
    { width: 0.5 },
    { width: 3 },
    { size: 32 },
    { pooling: 'plain' },
    { conv6: true },
  ] as const;
  for (const form of forms) {
    using net = models.alexnetSmall({ seed: 1, ...form });
    const stds = [...net.spec.convs, ...net.spec.hidden].map((layer) => layer.weightStd);
    const inputs = Object.entries(net.params)
      .filter(([name]) => name.endsWith('.weight') && name !== 'fc8.weight')
      .map(([, weight]) => weight.shape.slice(1).reduce((a, b) => a * b));
    expect(stds).toEqual(inputs.map((n) => Math.sqrt(2 / n)));
  }
  using net = models.alexnetSmall({ seed: 1 });
  const { 'conv3.weight': weight } = net.params;
  const values = await weight!.data();
  const variance = values.reduce((sum, w) => sum + w * w, 0) / values.length;
  // The variance of 110,592 draws is within a fiftieth of the distribution's.
  expect(Math.abs((variance * 96 * 9) / 2 - 1)).toBeLessThan(0.02);
});

test.each([0, -1, 17, Number.NaN, '1'])('%p is no width', (width) => {
  expect(() => models.alexnetSmall({ width: width as number })).toThrow(
    'alexnetSmall: width must be above 0 and at most 16',
  );
  expect(() => models.alexnet({ width: width as number })).toThrow('alexnet: width must be');
});

test('filters are the maps of every convolution, which width multiplies', () => {
  using net = models.alexnetSmall({ filters: [8, 12, 20, 16, 10], seed: 1 });
  expect(shapes(net)).toMatchObject({
    'conv1.weight': [8, 1, 5, 5],
    'conv2.weight': [12, 4, 3, 3],
    'conv3.weight': [20, 12, 3, 3],
    'conv4.weight': [16, 10, 3, 3],
    'conv5.weight': [10, 8, 3, 3],
    'fc6.weight': [512, 40],
  });
  using wide = models.alexnetSmall({ filters: [8, 12, 20, 16, 10, 6], conv6: true, width: 0.5, seed: 1 });
  expect(shapes(wide)).toMatchObject({
    'conv1.weight': [4, 1, 5, 5],
    'conv5.weight': [6, 4, 3, 3], // 5 maps would not be two columns alike
    'conv6.weight': [4, 6, 3, 3],
  });
  using full = models.alexnet({ filters: [2, 4, 6, 8, 10], width: 1, classes: 3, seed: 1 });
  expect(shapes(full)).toMatchObject({ 'conv1.weight': [2, 3, 11, 11], 'fc6.weight': [4096, 360] });
});

test('pooled names the convolutions whose maps are pooled', () => {
  const read = (options: Parameters<typeof models.alexnetSmall>[0]) => {
    using net = models.alexnetSmall({ width: 0.1, seed: 1, ...options });
    const after = net.spec.convs.map(({ after }) => after.join(' '));
    return [net.params['fc6.weight']!.shape[1]! / net.spec.convs.at(-1)!.filters, after];
  };
  const pooled = 'relu norm pool';
  expect(read({})).toEqual([2 * 2, [pooled, pooled, 'relu', 'relu', 'relu pool']]);
  expect(read({ pooled: [5, 1] })).toEqual([6 * 6, [pooled, 'relu norm', 'relu', 'relu', 'relu pool']]);
  expect(read({ pooled: [] })).toEqual([28 * 28, ['relu norm', 'relu norm', 'relu', 'relu', 'relu']]);
  expect(read({ pooled: [1, 3], norm: false })).toEqual([6 * 6, ['relu pool', 'relu', 'relu pool', 'relu', 'relu']]);
  expect(read({ pooled: [1, 5], preset: 'layers-145' })).toEqual([
    6 * 6,
    ['norm pool relu', 'relu norm spatialNorm', 'relu', 'relu', 'pool relu'],
  ]);
});

test('without the options a net is the text’s', () => {
  using given = models.alexnetSmall({ filters: [24, 96, 128, 128, 96], pooled: [1, 2, 5], seed: 4 });
  using usual = models.alexnetSmall({ seed: 4 });
  expect(given.spec).toEqual(usual.spec);
});

test.each<[object, string]>([
  [
    { filters: [8, 8, 8, 8] },
    'filters must be 5 integers of at least 1, the maps of each convolution, got [8, 8, 8, 8]',
  ],
  [{ filters: [8, 8, 8, 8, 8], conv6: true }, 'filters must be 6 integers of at least 1'],
  [{ filters: [8, 8, 0, 8, 8] }, 'filters must be 5 integers of at least 1'],
  [{ filters: [8, 8, 2.5, 8, 8] }, 'filters must be 5 integers of at least 1'],
  [{ filters: 8 }, 'filters must be 5 integers of at least 1, the maps of each convolution, got 8'],
  [{ pooled: [0] }, 'pooled must be numbers of convolutions, each from 1 to 5 and once, got [0]'],
  [{ pooled: [6] }, 'pooled must be numbers of convolutions, each from 1 to 5 and once, got [6]'],
  [{ pooled: [2, 2] }, 'pooled must be numbers of convolutions, each from 1 to 5 and once, got [2, 2]'],
  [{ pooled: 'all' }, "pooled must be numbers of convolutions, each from 1 to 5 and once, got 'all'"],
  [{ pooled: null }, 'pooled must be numbers of convolutions, each from 1 to 5 and once, got null'],
  [{ pooled: [1, 2, 3, 5] }, 'pooled [1, 2, 3, 5] leaves fc6 no maps to read'],
  [{ pooled: [1, 2, 3, 4, 5] }, 'pooled [1, 2, 3, 4, 5] leaves conv5 no maps to read'],
])('%j is refused, and draws no seed', (options, message) => {
  manualSeed(3);
  const next = nextSeed();
  manualSeed(3);
  expect(() => models.alexnetSmall(options)).toThrow(RangeError);
  expect(() => models.alexnetSmall(options)).toThrow(`alexnetSmall: ${message}`);
  expect(nextSeed()).toBe(next);
});

test('a recipe sets them, and what tests the run takes them from there', async () => {
  const out = join(folder, 'pooled');
  const run = ['train', '--data', 'fashion-mnist', '--model', 'alexnet-small', '--devices', 'cpu:0', '--epochs', '0'];
  const small = ['--set', 'trainLimit=256', 'testLimit=100', 'validation=50', 'width=0.25'];
  const trained = await convtape(...run, '--out', out, ...small, 'filters=[8,16,16,16,16]', 'pooled=[1,5]');
  expect(trained.status).toBe(0);
  using net = models.alexnetSmall({ width: 0.25, filters: [8, 16, 16, 16, 16], pooled: [1, 5], seed: 1 });
  const parameters = Object.values(net.params).reduce((sum, p) => sum + p.size, 0);
  expect(trained.err).toContain(`${parameters.toLocaleString('en')} parameters`);
  expect((await convtape('eval', out, '--limit', '100')).status).toBe(0);

  const again = await convtape('train', '--out', out, '--resume', '--epochs', '1', '--set', 'pooled=[1,2,5]');
  expect(again.status).toBe(2);
  expect(again.err).toContain('recipe: pooled is [1,5] in this run and a resumed run keeps it, got [1,2,5]');
  const wider = await convtape('train', '--out', out, '--resume', '--epochs', '1', '--set', 'width=0.5');
  expect(wider.status).toBe(2);
  expect(wider.err).toContain('recipe: width is 0.25 in this run and a resumed run keeps it, got 0.5');
  const few = await convtape(...run, '--out', join(folder, 'few'), ...small, 'filters=[8,16]');
  expect(few.status).toBe(2);
  expect(few.err).toContain(
    'recipe: filters must be 5 integers of at least 1, the maps of each convolution, got [8, 16]',
  );
  const wrong = await convtape(...run, '--out', join(folder, 'wrong'), ...small, 'pooled=all');
  expect(wrong.status).toBe(2);
  expect(wrong.err).toContain('pooled');
});
