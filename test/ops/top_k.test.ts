import { ops, scope, tape, tensor } from '../../lib';
import { hostRandom } from '../../lib/autograd/gradcheck';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';

testLiterals('top_k', ({ x }, { k, part }) => ops.topK(x, k)[part as 'values']);

describe.each(kinds)('on %s', (device) => {
  test('long rows, any k, many ties: what a stable sort gives', async () => {
    const random = hostRandom(3);
    for (const [rows, n, k] of [
      [3, 1000, 5],
      [2, 1000, 1000],
      [1, 20_000, 37],
      [500, 64, 10],
    ] as [number, number, number][]) {
      using s = scope();
      // Half of the rows' elements are whole numbers, so that ties are many.
      const x = Float32Array.from({ length: rows * n }, () =>
        random() < 0.5 ? Math.floor(random() * 50) : random() * 50,
      );
      const { values, indices } = ops.topK(tensor(x, { shape: [rows, n], device }), k);
      const [v, at] = [await values.data(), await indices.data()];
      for (let r = 0; r < rows; r++) {
        const row = x.subarray(r * n, (r + 1) * n);
        const order = Array.from(row.keys()).sort((i, j) => row[j]! - row[i]! || i - j);
        expect([...at.subarray(r * k, (r + 1) * k)]).toEqual(order.slice(0, k));
        expect([...v.subarray(r * k, (r + 1) * k)]).toEqual(order.slice(0, k).map((i) => row[i]));
      }
      void s;
    }
  });

  test('the indices may be disposed of, but not overwritten, before the gradient', async () => {
    const x = tensor([[3, 1, 2]], { device });
    {
      using t = tape();
      const { values, indices } = ops.topK(x, 2);
      indices.dispose();
      const { x: dx } = t.gradients(ops.sum(values), { x });
      expect(await dx.array()).toEqual([[1, 0, 1]]);
    }
    using t = tape();
    const { values, indices } = ops.topK(x, 2);
    indices.copyFrom(new Int32Array([5, -1]));
    expect(() => t.gradients(ops.sum(values), { x })).toThrow('topK');
  });
});

test('errors', () => {
  const topK = ops.topK as (x: any, k?: any) => unknown;
  expect(() => topK(tensor([1, 2]), 3)).toThrow(
    'topK: k must be an integer between 1 and 2, the last axis of [2], got 3',
  );
  for (const k of [0, -1, 1.5, Number.NaN]) expect(() => topK(tensor([1, 2]), k)).toThrow(RangeError);
  expect(() => topK(tensor([1, 2]))).toThrow('topK: k must be a number, got undefined');
  expect(() => topK(tensor(1), 1)).toThrow('topK: x must be f32 with at least one axis, got f32 []');
  expect(() => topK(tensor([1], { dtype: 'i32' }), 1)).toThrow('topK: x must be f32');
  expect(() => topK([1, 2], 1)).toThrow('topK: input 0 must be a Tensor');
});
