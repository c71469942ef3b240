import { type DType, ops, tape, tensor } from '../../lib';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';

testLiterals('cast', ({ x }, { dtype }) => ops.cast(x, dtype));

const top = 2147483520; // the largest f32 below 2^31

describe.each(kinds)('on %s', (device) => {
  // Short, and long enough for whole vectors and several tasks.
  test.each([1, 5000])('every pair of types, each value %d times', async (repeat) => {
    const check = async (from: any, dtype: 'f32' | 'i32' | 'u8' | 'bf16', to: number[]) => {
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
    for (const dtype of ['f32', 'i32', 'u8', 'bf16'] as const) await check(new Uint8Array(bytes), dtype, bytes);
    // By way of f32, so rounded twice: 2^24 + 2^16 + 1 would go up from i32 directly.
    const large = [0, -1, 256, 257, -259, 16842753, 16842755, 2 ** 31 - 1, -(2 ** 31)];
    const rounded = [0, -1, 256, 256, -260, 2 ** 24, 2 ** 24 + 2 ** 17, 2 ** 31, -(2 ** 31)];
    await check(new Int32Array(large), 'bf16', rounded);
  });

  test.each([1, 5000])('from bf16 to every type, each value %d times', async (repeat) => {
    const exact = [0, -0, 0.5, -1.5, 2.5, 255, 256, -255, 2 ** 31, -(2 ** 31), 2 ** 127, Infinity, -Infinity];
    const floats = [...exact, -(2 ** -133), Number.NaN];
    const i32 = [0, 0, 0, -1, 2, 255, 256, -255, 2 ** 31 - 1, -(2 ** 31), 2 ** 31 - 1, 2 ** 31 - 1, -(2 ** 31), 0, 0];
    const u8 = [0, 0, 0, 0, 2, 255, 255, 0, 255, 0, 255, 255, 0, 0, 0];
    const values = Array.from({ length: repeat * floats.length }, (_, i) => floats[i % floats.length]!);
    const x = tensor(values, { dtype: 'bf16', device });
    for (const [dtype, to] of Object.entries({ bf16: floats, f32: floats, i32, u8 })) {
      const y = ops.cast(x, dtype as DType);
      expect(y.dtype).toBe(dtype);
      const wrong = (await y.data()).findIndex((v, i) => !Object.is(v, to[i % to.length]));
      if (wrong >= 0) throw new Error(`to ${dtype} [${wrong}]: ${values[wrong]} became ${y.dataSync()[wrong]}`);
    }
  });

  // Every bf16, and floats on and about the middle between it and the next; infinities' neighbours are all the NaN there are.
  test('to bf16: the nearest, ties to even, and NaN stays NaN', async () => {
    const low = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
    const bits = new Uint32Array(2 ** 16 * low.length).map(
      (_, i) => Math.floor(i / low.length) * 2 ** 16 + low[i % low.length]!,
    );
    const x = new Float32Array(bits.buffer); // never one by one: reading a NaN may change its bits
    const bf16 = new Float32Array(new Uint32Array(2 ** 16).map((_, i) => i * 2 ** 16).buffer);
    const nearest = (i: number): number => {
      const at = bits[i]! >>> 16;
      const [value, here] = [Math.abs(x[i]!), Math.abs(bf16[at]!)];
      if (!Number.isFinite(here)) return at;
      const next = (at & 0x7fff) === 0x7f7f ? 2 ** 128 : Math.abs(bf16[at + 1]!); // infinity, as far away as a number would be
      const up = next - value;
      const down = value - here;
      return up < down || (up === down && at % 2 === 1) ? at + 1 : at;
    };
    const made = { cast: ops.cast(tensor(x, { device }), 'bf16'), tensor: tensor(x, { dtype: 'bf16', device }) };
    for (const [name, y] of Object.entries(made)) {
      const got = new Uint32Array((await y.data()).buffer);
      for (let i = 0; i < bits.length; i++) {
        const nan = Number.isNaN(x[i]);
        // Which NaN is left open, but for its sign.
        const right = nan
          ? got[i]! >>> 31 === bits[i]! >>> 31 && (got[i]! << 1) >>> 0 > 0xff000000
          : got[i]! >>> 16 === nearest(i);
        if (!right || got[i]! % 2 ** 16 > 0)
          throw new Error(`${name}: ${bits[i]!.toString(16)} became ${got[i]!.toString(16)}`);
      }
    }
  });

  test('the gradient passes from f32 to f32 only; the result has memory of its own', async () => {
    const x = tensor([1.5, -2.5], { device });
    using t = tape();
    const y = ops.cast(x, 'f32');
    const rounded = ops.cast(ops.cast(x, 'i32'), 'f32');
    const loss = ops.sum(ops.mul(y, rounded));
    expect(await t.gradients(loss, { x }, { keep: true }).x.array()).toEqual([1, -2]);
    expect(() => t.gradients(ops.sum(rounded), { x })).toThrow("the loss does not depend on parameter 'x'");
    expect(() => t.gradients(ops.sum(ops.cast(ops.cast(x, 'bf16'), 'f32')), { x })).toThrow('does not depend on');
    y.copyFrom(new Float32Array([9, 9]));
    expect(await x.array()).toEqual([1.5, -2.5]);
  });
});

test('errors', () => {
  expect(() => ops.cast(tensor([1]), 'f64' as any)).toThrow(
    "cast: dtype must be 'f32', 'i32', 'u8' or 'bf16', got 'f64'",
  );
  expect(() => ops.cast(1 as any, 'f32')).toThrow('cast: input 0 must be a Tensor');
});
