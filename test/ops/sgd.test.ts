import { ops, randn, type Tensor, tape, tensor, zeros } from '../../lib';
import { sgdUpdate } from '../../lib/ops/sgd';
import { expectClose } from '../support/close';
import { kinds } from '../support/devices';

describe.each(kinds)('sgd on $kind', (device) => {
  test.each([1, 15, 1003, 70_001])('%i elements: three steps of the text’s formula', async (count) => {
    using w = randn([count], { seed: 1, device });
    using v = zeros([count], { device });
    const weight = Float64Array.from(await w.data());
    const velocity = new Float64Array(count);
    const rates = { lr: 0.01, momentum: 0.9, weightDecay: 0.0005 };
    for (let step = 0; step < 3; step++) {
      using g = randn([count], { seed: 2 + step, device });
      const gradient = await g.data();
      sgdUpdate(w, v, g, rates);
      for (let i = 0; i < count; i++) {
        velocity[i] = 0.9 * velocity[i]! - 0.0005 * 0.01 * weight[i]! - 0.01 * gradient[i]!;
        weight[i]! += velocity[i]!;
      }
    }
    // Three steps of a handful of roundings each.
    expectClose(await v.data(), velocity, 5e-7, 'velocity');
    expectClose(await w.data(), weight, 5e-7, 'weight');
  });

  test('a tape that remembers the old weights refuses to use the new ones', () => {
    const w = randn([3, 2], { seed: 1, device });
    const x = randn([4, 2], { seed: 2, device });
    using t = tape();
    const loss = ops.sum(ops.linear(x, w, null));
    sgdUpdate(w, zeros([3, 2], { device }), randn([3, 2], { seed: 3, device }), {
      lr: 0.1,
      momentum: 0,
      weightDecay: 0,
    });
    expect(() => t.gradients(loss, { x })).toThrow('overwritten');
  });

  test('a gradient that failed leaves the weights as they were', async () => {
    const w = randn([2, 3], { seed: 1, device });
    const v = zeros([2, 3], { device });
    const before = await w.data();
    using t = tape();
    const labels = tensor([0, 7], { shape: [2], dtype: 'i32', device });
    const { g } = t.gradients(ops.crossEntropy(w, labels), { g: w });
    sgdUpdate(w, v, g, { lr: 0.1, momentum: 0.9, weightDecay: 0 });
    expect(await w.data()).toEqual(before);
    expect(await v.data()).toEqual(new Float32Array(6));
    await device.synchronize().catch(() => {});
  });
});

test('sgd refuses what does not fit and names it', () => {
  const w = zeros([2, 3]) as Tensor<any>;
  const rates = { lr: 0.1, momentum: 0.9, weightDecay: 0 };
  expect(() => sgdUpdate(w, zeros([6]), w, rates)).toThrow(
    new RangeError('sgd: weight [2,3], velocity [6] and gradient [2,3] must have one shape'),
  );
  expect(() => sgdUpdate(w, w, zeros([2, 3], { device: 'cpu:1' }), rates)).toThrow('different devices');
  expect(() => sgdUpdate(w, w, w, { ...rates, lr: Number.NaN })).toThrow('sgd: lr must be finite, got NaN');
});
