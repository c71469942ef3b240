// Two columns on two simulated GPUs and the grouped net on one are one function: what test/models/columns.test.ts shows of CPU devices.
import { models, type Tensor, uniform } from '../../lib';
import type { ColumnNet, Preset } from '../../lib/models';
import { expectOneFunction } from '../support/columns';

const PRESETS: readonly Preset[] = ['paper', 'layers-145'];

describe.each(PRESETS)('small net, preset %s', (preset) => {
  test.each([
    ['of half the width', { width: 0.5 }],
    ['with conv6, 32×32×3, 7 classes', { width: 0.3, conv6: true, size: 32, channels: 3, classes: 7 }],
    ['without normalisation, plain pooling', { width: 0.3, norm: false, pooling: 'plain' }],
  ] as const)(
    '%s: columns on sim:0,sim:1 equal the grouped form on sim:0',
    async (_, options) => {
      const { channels, size } = { channels: 1, size: 28, ...options } as { channels: number; size: number };
      using grouped = models.alexnetSmall({ preset, seed: 3, ...options, devices: ['sim:0'] }) as ColumnNet;
      using columns = models.alexnetSmall({ preset, seed: 3, ...options, devices: ['sim:0', 'sim:1'] }) as ColumnNet;
      using x = uniform([3, channels, size, size], { low: -1, high: 1, seed: 2, device: 'sim:0' }) as Tensor;
      await expectOneFunction(columns, grouped, x, [0, 1, 2], 1e-5);
    },
    300_000,
  );
});

test('what the two devices hold is the two columns', () => {
  using columns = models.alexnetSmall({ width: 0.1, devices: ['sim:0', 'sim:1'] }) as ColumnNet;
  const places = Object.entries(columns.params as Record<string, Tensor>).map(([name, p]) => [name, p.device.name]);
  expect(Object.fromEntries(places)).toMatchObject({
    'conv1a.weight': 'sim:0',
    'conv1b.weight': 'sim:1',
  });
});
