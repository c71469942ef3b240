import { ops, type Tensor, tape, tensor, zeros } from '../../lib';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';

testLiterals('softmax', ({ x }, { log, axis }) => (log ? ops.logSoftmax(x, axis) : ops.softmax(x, axis)));
testLiterals('cross_entropy', ({ logits, labels }, options) => ops.crossEntropy(logits, labels, options));

describe.each(kinds)('softmax and crossEntropy on $kind', (device) => {
  test('logits beyond the range of exp', async () => {
    const x = tensor([-1e30, 0, 3e38, -3e38, 1000, 1001], { shape: [2, 3], device });
    expect(Array.from(await ops.softmax(x).data())).toEqual([
      0,
      0,
      1,
      0,
      Math.fround(1 / (1 + Math.E)),
      expect.closeTo(0.7310586, 6),
    ]);
    expect((await ops.logSoftmax(x).data())[4]).toBeCloseTo(-1.3132616, 5);
    const masked = tensor([Number.NEGATIVE_INFINITY, 0, 0], { shape: [3], device });
    expect(Array.from(await ops.softmax(masked).data())).toEqual([0, 0.5, 0.5]);
  });

  test('a NaN makes its row NaN, and no other', async () => {
    const x = tensor([0, Number.NaN, 0, 1, 1, 1], { shape: [2, 3], device });
    const y = Array.from(await ops.softmax(x).data());
    expect(y.slice(0, 3).every(Number.isNaN)).toBe(true);
    expect(y.slice(3)).toEqual([1, 1, 1].map((v) => Math.fround(v / 3)));
    const labels = tensor([0, 2], { shape: [2], dtype: 'i32', device });
    const losses = await ops.crossEntropy(x, labels, { reduction: 'none' }).data();
    expect(losses[0]).toBeNaN();
    expect(losses[1]).toBeCloseTo(Math.log(3), 6);
  });

  test('the mean of many rows does not drift', async () => {
    const rows = 30_000;
    const logits = zeros([rows, 10], { device });
    const labels = zeros([rows], { dtype: 'i32', device });
    // In float32, one after the other, 30,000 equal terms are off by more than 1e-5.
    expect(await ops.crossEntropy(logits, labels).item()).toBe(Math.fround(Math.log(10)));
  });

  test('a label outside the classes rejects the read, and the device goes on', async () => {
    const logits = zeros([4, 10], { device });
    for (const wrong of [10, -1, 2 ** 31 - 1]) {
      const labels = tensor([0, 9, wrong, 3], { shape: [4], dtype: 'i32', device });
      const loss = ops.crossEntropy(logits, labels);
      await expect(loss.item()).rejects.toMatchObject({
        name: 'RangeError',
        message: `crossEntropy: label ${wrong} in row 2 is outside 0 … 9 (on ${device.name})`,
      });
    }
    const labels = tensor([0, 9, 1, 3], { shape: [4], dtype: 'i32', device });
    expect(await ops.crossEntropy(logits, labels, { reduction: 'sum' }).item()).toBeCloseTo(4 * Math.log(10), 5);
    await device.synchronize();
  });

  test('the gradient of a wrong label fails too', async () => {
    const logits = zeros([2, 3], { device });
    const labels = tensor([0, 5], { shape: [2], dtype: 'i32', device });
    using t = tape();
    const { g } = t.gradients(ops.crossEntropy(logits, labels), { g: logits });
    await expect(g.data()).rejects.toThrow('crossEntropy: label 5 in row 1 is outside 0 … 2');
    await device.synchronize().catch(() => {});
  });
});

test('softmax and crossEntropy refuse what does not fit and name it', () => {
  const x = zeros([4, 10]) as Tensor<any>;
  const labels = zeros([4], { dtype: 'i32' }) as Tensor<any, 'i32'>;
  expect(() => ops.softmax(x, 2)).toThrow('softmax: axis 2 of [4,10]');
  expect(() => ops.logSoftmax(x, -3)).toThrow('logSoftmax: axis -3 of [4,10]');
  expect(() => ops.softmax(x, 0.5)).toThrow(RangeError);
  expect(() => ops.softmax(x, '0' as never)).toThrow(TypeError);
  expect(() => ops.softmax(zeros([]) as Tensor<any>)).toThrow('softmax: axis -1 of []');
  expect(() => ops.crossEntropy(x, zeros([5], { dtype: 'i32' }) as Tensor<any, 'i32'>)).toThrow(
    new RangeError('crossEntropy: labels [5] must have the shape [4] for logits [4,10]'),
  );
  expect(() => ops.crossEntropy(x, x as never)).toThrow('crossEntropy: labels must be i32, got f32 [4,10]');
  expect(() => ops.crossEntropy(zeros([4]) as Tensor<any>, labels)).toThrow(
    'crossEntropy: logits must be N×C, got [4]',
  );
  expect(() => ops.crossEntropy(x, labels, { reduction: 'max' as never })).toThrow(
    "crossEntropy: reduction must be 'mean', 'sum' or 'none', got 'max'",
  );
  expect(() => ops.crossEntropy(x, [0, 1, 2, 3] as never)).toThrow('crossEntropy: labels must be a Tensor');
});
