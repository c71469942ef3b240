import { ops, tape, tensor } from '../../lib';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';

testLiterals('cast', ({ x }, { dtype }) => ops.cast(x, dtype));

const top = 2147483520; // the largest f32 below 2^31

describe.each(kinds)('on %s', (device) => {
  // Short, and long enough for whole vectors and several tasks.
  test.each([1, 5000])('every pair of types, each value %d times', async (repeat) => {
    const check = async (from: any, dtype: 'f32' | 'i32' | 'u8', to: number[]) => {
      const repeated = from.constructor.from(
        { length: from.length * repeat },
        (_: unknown, i: number) => from[i % from.length],
      );
      const y = ops.cast(tensor(repeated, { device }), dtype);
      expect(y.dtype).toBe(dtype);
      const values = await y.data();
      for (let i = 0; i < values.length; i++)
        if (!Object.is(values[i], to[i % to.length])) throw new Error(`[${i}]: ${repeated[i]} became ${values[i]}`);
    };
    const floats = [
      0,
      -0,
      0.99,
      -0.99,
      1.5,
      -1.5,
      255,
      255.9,
      256,
      1e9,
      top,
      2 ** 31,
      -(2 ** 31),
      -3e9,
      1e38,
      Infinity,
      -Infinity,
      Number.NaN,
    ];
    await check(new Float32Array(floats), 'f32', [...new Float32Array(floats)]);
    await check(new Float32Array(floats), 'i32', [
      0,
      0,
      0,
      0,
      1,
      -1,
      255,
      255,
      256,
      1e9,
      top,
      2 ** 31 - 1,
      -(2 ** 31),
      -(2 ** 31),
      2 ** 31 - 1,
      2 ** 31 - 1,
      -(2 ** 31),
      0,
    ]);
    await check(new Float32Array(floats), 'u8', [0, 0, 0, 0, 1, 0, 255, 255, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0]);
    const ints = [0, 1, -1, 255, 256, 16777217, 2 ** 31 - 1, -(2 ** 31)];
    await check(new Int32Array(ints), 'f32', ints.map(Math.fround));
    await check(new Int32Array(ints), 'i32', ints);
    await check(new Int32Array(ints), 'u8', [0, 1, 0, 255, 255, 255, 255, 0]);
    const bytes = [0, 1, 127, 128, 255];
    for (const dtype of ['f32', 'i32', 'u8'] as const) await check(new Uint8Array(bytes), dtype, bytes);
  });

  test('the gradient passes from f32 to f32 only; the result has memory of its own', async () => {
    const x = tensor([1.5, -2.5], { device });
    using t = tape();
    const y = ops.cast(x, 'f32');
    const rounded = ops.cast(ops.cast(x, 'i32'), 'f32');
    const loss = ops.sum(ops.mul(y, rounded));
    expect(await t.gradients(loss, { x }, { keep: true }).x.array()).toEqual([1, -2]);
    expect(() => t.gradients(ops.sum(rounded), { x })).toThrow("the loss does not depend on parameter 'x'");
    y.copyFrom(new Float32Array([9, 9]));
    expect(await x.array()).toEqual([1.5, -2.5]);
  });
});

test('errors', () => {
  expect(() => ops.cast(tensor([1]), 'f64' as any)).toThrow("cast: dtype must be 'f32', 'i32' or 'u8', got 'f64'");
  expect(() => ops.cast(1 as any, 'f32')).toThrow('cast: input 0 must be a Tensor');
});
