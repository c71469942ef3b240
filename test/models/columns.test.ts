// Two columns and the grouped net are one function.
import { device, devices, models, type Tensor, uniform } from '../../lib';
import type { ColumnNet, Preset } from '../../lib/models';
import { expectOneFunction, step } from '../support/columns';

const cpus = devices('cpu');
const PRESETS: readonly Preset[] = ['paper', 'layers-145'];

describe.each(PRESETS)('small net, preset %s', (preset) => {
  test.each([
    ['plain', {}],
    ['with conv6', { conv6: true }],
    ['without normalisation, plain pooling', { norm: false, pooling: 'plain' }],
    ['of another width', { width: 0.4 }],
    ['32×32×3, 7 classes', { size: 32, channels: 3, classes: 7 }],
  ] as const)('%s: columns on two devices equal the grouped form', async (_, options) => {
    const { channels, size } = { channels: 1, size: 28, ...options } as { channels: number; size: number };
    using grouped = models.alexnetSmall({ preset, seed: 3, ...options, devices: ['cpu:0'] }) as ColumnNet;
    using columns = models.alexnetSmall({ preset, seed: 3, ...options, devices: ['cpu:0', 'cpu:1'] }) as ColumnNet;
    using x = uniform([5, channels, size, size], { low: -1, high: 1, seed: 2 }) as Tensor;
    // The same sums in another order, float32: 1e-5 is what the two forms may differ by.
    await expectOneFunction(columns, grouped, x, [0, 1, 2, 3, 4], 1e-5);
  });

  test('two devices give the same bits as both columns on one', async () => {
    const run = async (where: string[]) => {
      using net = models.alexnetSmall({ preset, seed: 3, devices: where }) as ColumnNet;
      using x = uniform([5, 1, 28, 28], { low: -1, high: 1, seed: 2, device: where[0]! }) as Tensor;
      const { logits, gradients } = await step(net, x, [0, 1, 2, 3, 4], 5);
      return [logits, ...(await Promise.all(Object.values(gradients).map((g) => g.data())))];
    };
    expect(await run(['cpu:0', 'cpu:0'])).toEqual(await run(['cpu:0', 'cpu:1']));
  });
});

// The whole network in both forms at once: 61 million parameters twice, and their gradients.
test.each(PRESETS)(
  'AlexNet, preset %s: columns on cpu:0,cpu:1 equal the grouped form on cpu:0',
  async (preset) => {
    using grouped = models.alexnet({ preset, seed: 3, classes: 10, devices: ['cpu:0'] }) as ColumnNet;
    using columns = models.alexnet({ preset, seed: 3, classes: 10, devices: ['cpu:0', 'cpu:1'] }) as ColumnNet;
    using x = uniform([2, 3, 227, 227], { low: -100, high: 100, seed: 2 }) as Tensor;
    await expectOneFunction(columns, grouped, x, [1, 8], 1e-5);
  },
  180_000,
);

test('mergeColumns and splitColumns undo each other, and load takes what they give', async () => {
  using net = models.alexnetSmall({ devices: cpus.slice(0, 2), seed: 1 });
  const merged = models.mergeColumns(net.params);
  expect(merged['conv2.weight']!.shape).toEqual([96, 12, 3, 3]);
  expect(merged['fc8.bias']!.shape).toEqual([10]);
  using grouped = models.alexnetSmall({ devices: ['cpu:0'], seed: 9 });
  grouped.load(merged);
  const back = models.splitColumns(grouped.params, cpus.slice(0, 2));
  for (const [name, p] of Object.entries(net.params)) {
    expect(back[name]!.device).toBe(p.device);
    expect(await back[name]!.data()).toEqual(await p.data());
  }
  expect(() => net.load(merged)).toThrow(/^load: the names differ; missing conv1a.weight/);
  for (const p of [...Object.values(merged), ...Object.values(back)]) p.dispose();
});

test('errors name what is wrong', () => {
  using net = models.alexnetSmall({ seed: 1 });
  expect(() => models.mergeColumns({ 'conv1a.weight': net.params['conv1.weight']! })).toThrow(
    "mergeColumns: 'conv1a.weight' has no counterpart 'conv1b.weight'",
  );
  expect(() => models.splitColumns(net.params, [device('cpu:0')])).toThrow(
    'splitColumns: devices must be two devices, got 1',
  );
  using x = uniform([1, 1, 27, 27], { seed: 1 });
  expect(() => net.forward(x as never)).toThrow('alexnetSmall: input must be N×1×28×28, got [1,1,27,27]');
  expect(() => models.alexnet({ devices: ['cpu:0', 'cpu:1', 'cpu:0'] })).toThrow('alexnet: devices must be one device');
  expect(() => models.alexnet({ devices: ['cpu:9'] })).toThrow("there is no 'cpu:9'");
  expect(() => models.alexnet({ preset: 'papre' as never })).toThrow(
    "preset must be 'paper' or 'layers-145', got 'papre'",
  );
  expect(() => models.alexnet({ clases: 10 } as never)).toThrow('clases');
});
