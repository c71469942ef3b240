// A net's width is an option of it, and of a recipe.
import { join } from 'node:path';
import { models } from '../../lib';
import { convtape, temporaryFolder } from '../support/cli';

const folder = temporaryFolder();
const shapes = (net: { params: Record<string, { shape: readonly number[]; dispose(): void }> }) =>
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

test('a recipe sets it, and what tests the run takes it from there', async () => {
  const out = join(folder, 'thin');
  const trained = await convtape(
    ...['train', '--data', 'fashion-mnist', '--model', 'alexnet-small', '--devices', 'cpu:0', '--epochs', '0'],
    ...['--out', out, '--set', 'trainLimit=256', 'testLimit=100', 'validation=50', 'width=0.25'],
  );
  expect(trained.status).toBe(0);
  using net = models.alexnetSmall({ width: 0.25, seed: 1 });
  const parameters = Object.values(net.params).reduce((sum, p) => sum + p.size, 0);
  expect(trained.err).toContain(`${parameters.toLocaleString('en')} parameters`);
  expect((await convtape('eval', out, '--limit', '100')).status).toBe(0);
});
