import { numThreads, ops, scope, type Tensor, tape, tensor } from '../../lib';
import { hostRandom } from '../../lib/autograd/gradcheck';
import { expectClose } from '../support/close';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';

testLiterals('reduce', ({ x }, { function: name, ...options }) => ops[name as 'sum'](x, options));

describe.each(kinds)('on %s', (device) => {
  test('a long sum is as good as float64, in the same bits on any number of threads', async () => {
    const n = 1_000_003;
    const x = tensor(new Float32Array(n).fill(0.1), { device });
    const exact = Math.fround(Math.fround(0.1) * n);
    const threads = numThreads();
    try {
      for (const count of [1, 2, 3]) {
        numThreads(count);
        // A float32 sum in order would be 1% off.
        expect(await ops.sum(x).item()).toBe(exact);
        expect(await ops.mean(x).item()).toBe(Math.fround(0.1));
      }
    } finally {
      numThreads(threads);
    }
  });

  test('rows, columns and both, around the sizes at which the work is cut, against float64', async () => {
    const random = hostRandom(4);
    for (const [shape, axis] of [
      [[3, 33], 1],
      [[5, 31], 1],
      [[2, 32_769], 1],
      [[40_000, 3], 0],
      [[300, 129], 0],
      [[2, 70_000, 2], 1],
      [
        [7, 5, 300],
        [0, 2],
      ],
      [
        [2, 3, 4, 5, 6, 7],
        [1, 3, 4],
      ],
    ] as [number[], number | number[]][]) {
      using s = scope();
      const size = shape.reduce((a: number, b: number) => a * b, 1);
      const x = Float32Array.from({ length: size }, () => random() * 2 - 1);
      const axes = typeof axis === 'number' ? [axis] : axis;
      const sums = new Map<string, number>();
      const tops = new Map<string, number>();
      x.forEach((v, i) => {
        const index: number[] = [];
        for (let a = shape.length - 1, rest = i; a >= 0; a--) {
          index.unshift(rest % shape[a]!);
          rest = Math.floor(rest / shape[a]!);
        }
        const key = index.filter((_, a) => !axes.includes(a)).join();
        sums.set(key, (sums.get(key) ?? 0) + v);
        tops.set(key, Math.max(tops.get(key) ?? -Infinity, v));
      });
      const t: any = tensor(x, { shape, device });
      // One rounding to float32.
      expectClose(await ops.sum(t, { axis }).data(), [...sums.values()], 1e-7, `sum of [${shape}] over ${axes}`);
      expect([...(await ops.max(t, { axis }).data())]).toEqual([...tops.values()]);
      void s;
    }
  });

  test('one NaN in a large tensor is the maximum, and the gradient says so', async () => {
    const values = new Float32Array(100_000);
    values[77_777] = Number.NaN;
    const x: Tensor<any> = tensor(values, { device });
    using t = tape();
    const y = ops.max(x);
    const { x: dx } = t.gradients(y, { x });
    expect(await y.item()).toBeNaN();
    expect((await dx.data()).every(Number.isNaN)).toBe(true);
  });
});

test('errors', () => {
  const sum = ops.sum as (x: any, options?: any) => unknown;
  const x = tensor([
    [1, 2],
    [3, 4],
  ]);
  expect(() => sum(x, { axis: 2 })).toThrow('sum: axis 2 of [2,2], which has 2 axes');
  expect(() => sum(x, { axis: -3 })).toThrow(RangeError);
  expect(() => sum(x, { axis: [0, -2] })).toThrow('sum: axis [0,-2] of [2,2] names one axis twice');
  for (const axis of ['0', null, {}, [null]])
    expect(() => sum(x, { axis })).toThrow('sum: axis must be a number, got ');
  for (const axis of [0.5, Number.NaN]) expect(() => sum(x, { axis })).toThrow(RangeError);
  expect(() => sum(x, { keepDims: 1 })).toThrow('sum: keepDims must be true or false, got 1');
  expect(() => sum(x, { axes: [0] })).toThrow("sum: unknown option 'axes'; the options are axis, keepDims");
  expect(() => sum(x, 0)).toThrow('sum: options must be an object, got 0');
  expect(() => sum(tensor([1], { dtype: 'u8' }))).toThrow('sum: x must be f32, got u8 [1]');
  expect(() => sum(3)).toThrow('sum: input 0 must be a Tensor');
});
