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
    'conv1.weight': [48, 1, 5, 5],
    'conv2.weight': [96, 24, 5, 5],
    'conv3.weight': [144, 96, 3, 3],
    'conv4.weight': [144, 72, 3, 3],
    'conv5.weight': [96, 72, 3, 3],
    'conv6.weight': [96, 96, 3, 3],
    'fc6.weight': [768, 384],
    'fc7.weight': [768, 768],
    'fc8.weight': [10, 768],
  });
  using thin = models.alexnetSmall({ width: 0.01, seed: 1 });
  expect(shapes(thin)).toMatchObject({ 'conv1.weight': [2, 1, 5, 5], 'fc6.weight': [6, 8], 'fc8.weight': [10, 6] });
  using full = models.alexnet({ width: 1 / 32, classes: 5, seed: 1 });
  expect(shapes(full)).toMatchObject({ 'conv1.weight': [4, 3, 11, 11], 'fc7.weight': [128, 128] });
});

test('weights of the small net start by the number of inputs, whatever the width', async () => {
  for (const width of [0.5, 1, 3]) {
    using net = models.alexnetSmall({ width, seed: 1 });
    for (const [name, weight] of Object.entries(net.params)) {
      if (!/^(conv.|fc[67])\.weight$/.test(name)) continue;
      const inputs = weight.shape.slice(1).reduce((a, b) => a * b, 1);
      const values = await weight.data();
      const variance = values.reduce((sum, w) => sum + w * w, 0) / values.length;
      // conv1 has the fewest draws, 400 at half the width: their variance is within a fifth of the distribution's.
      expect(Math.abs((variance * inputs) / 2 - 1)).toBeLessThan(0.2);
    }
  }
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
    ...['train', '--data', 'fashion-mnist', '--model', 'alexnet-small', '--devices', 'cpu:0', '--epochs', '1'],
    ...['--out', out, '--set', 'trainLimit=256', 'testLimit=100', 'validation=50', 'width=0.25'],
  );
  expect(trained.status).toBe(0);
  const tested = await convtape('eval', out, '--json');
  expect(tested.status).toBe(0);
  expect(JSON.parse(tested.out).top1).toBeLessThan(1);
});
