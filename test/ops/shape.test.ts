import * as lib from '../../lib';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

// Untyped: the shapes here are for the run time; test/types has the compiler's.
const { ops, tape, tensor, zeros } = lib as any;

testLiterals('shape', (inputs, attrs) => {
  const { x } = inputs;
  switch (attrs.function) {
    case 'transpose':
      return ops.transpose(x, attrs.axes);
    case 'slice':
      return ops.slice(x, attrs.starts, attrs.ends);
    case 'concat':
      return ops.concat(Object.values(inputs), attrs.axis);
    case 'reshape':
      return ops.reshape(x, attrs.shape);
    default:
      return ops.flatten(x, attrs.startAxis);
  }
});

describe.each(kinds)('on %s', (device) => {
  test('reshape and flatten share memory; the last handle frees it', async () => {
    const before = device.memory().allocated;
    const x = tensor(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { device },
    );
    const held = device.memory().allocated;
    const y = x.reshape([3, 2]);
    const z = ops.flatten(y, 0);
    expect(device.memory().allocated).toBe(held);
    y.copyFrom(new Float32Array([6, 5, 4, 3, 2, 1]));
    expect(await x.array()).toEqual([
      [6, 5, 4],
      [3, 2, 1],
    ]);
    x.dispose();
    y.dispose();
    expect(await z.array()).toEqual([6, 5, 4, 3, 2, 1]);
    z.dispose();
    expect(device.memory().allocated).toBe(before);
  });

  test('a gradient goes through views and copies in a chain', async () => {
    const x = tensor(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { device },
    );
    using t = tape();
    const y = ops.slice(ops.concat([ops.transpose(x), x.reshape([3, 2])], 1), [0, 1], [3, 4]);
    const weight = tensor(
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ],
      { device },
    );
    const { x: dx } = t.gradients(ops.sum(ops.mul(y as any, weight)), { x });
    // Column 1 of y is row 1 of x; columns 2 and 3 are x in order.
    expect(await y.array()).toEqual([
      [4, 1, 2],
      [5, 3, 4],
      [6, 5, 6],
    ]);
    expect(await dx.array()).toEqual([
      [2, 3, 5],
      [6 + 1, 8 + 4, 9 + 7],
    ]);
  });

  test.each(['f32', 'i32', 'u8', 'bf16'] as any[])('transposes of every tiling of %s', async (dtype) => {
    for (const [m, n] of [
      [1, 9],
      [4, 4],
      [31, 33],
      [64, 65],
      [3, 200],
      [200, 5],
    ] as [number, number][]) {
      const values = Array.from({ length: 2 * m * n }, (_, i) => i % 251); // every type holds these
      const y = await ops
        .transpose(tensor(values, { shape: [2, m, n] as number[], dtype, device }) as any, [0, 2, 1])
        .data();
      const expected = values.map((_, i) => {
        const [batch, row, column] = [Math.floor(i / (m * n)), Math.floor(i / m) % n, i % m];
        return values[batch * m * n + column * n + row];
      });
      expect([...y]).toEqual(expected);
    }
  });

  test('integers and bytes are moved too', async () => {
    for (const dtype of ['i32', 'u8'] as any[]) {
      const x = tensor(
        [
          [1, 2],
          [3, 4],
        ],
        { dtype, device },
      ) as any;
      expect(await ops.concat([x, x], 0).array()).toEqual([
        [1, 2],
        [3, 4],
        [1, 2],
        [3, 4],
      ]);
      expect(await ops.slice(x, [1, 0], [2, 2]).array()).toEqual([[3, 4]]);
      expect(x.reshape([-1]).dtype).toBe(dtype);
    }
  });

  test('bf16 are moved bit by bit: NaN, infinities and denormals too', async () => {
    const bits = new Uint32Array(2 ** 16).map((_, i) => i * 2 ** 16); // of every one there is
    const x = tensor(new Float32Array(bits.buffer), { shape: [256, 256], dtype: 'bf16', device });
    const half = async (t: any) => new Uint32Array((await t.data()).buffer).map((b) => b >>> 16);
    const written = await half(x); // a NaN may have become another on its way in
    const moved = async (t: any, expected: Uint32Array) => {
      const got = await half(t);
      expect([t.dtype, got.length, got.findIndex((b, i) => b !== expected[i])]).toEqual(['bf16', expected.length, -1]);
    };
    await moved(
      ops.transpose(x),
      written.map((_, i) => written[(i % 256) * 256 + (i >> 8)]!),
    );
    const [top, rest] = [ops.slice(x, [0, 0], [100, 256]), ops.slice(x, [100, 0], [256, 256])];
    const left = ops.slice(x, [0, 0], [256, 3]); // rows of 6 bytes
    await moved(
      left,
      written.filter((_, i) => i % 256 < 3),
    );
    await moved(ops.concat([top, rest], 0), written);
    await moved(ops.concat([left, ops.slice(x, [0, 3], [256, 256])], 1), written);
    await moved(ops.flatten(x.reshape([4, 64, 256])), written);
    await moved(ops.copyTo(x, 'cpu:1'), written);
  });
});

test('errors', () => {
  const { reshape, flatten, transpose, slice, concat } = ops;
  const x = zeros([2, 3]);
  const cases: [() => unknown, string | RegExp][] = [
    [() => reshape(x, [4]), 'reshape: [2,3] has 6 elements, [4] has 4'],
    [() => reshape(x, [-1, -1]), 'reshape: only one size of [-1, -1] may be -1'],
    [() => reshape(x, [-1, 4]), 'reshape: [2,3] has 6 elements, which [-1, 4] does not divide'],
    [() => reshape(x, [0, -1]), 'reshape: shape [0] must hold positive integers'],
    [() => reshape(x, 6), 'reshape: shape must be an array of integers, got 6'],
    [() => reshape(x, ['6']), "reshape: shape[0] must be a number, got '6'"],
    [() => reshape(x, [1, 1, 1, 1, 1, 2, 3]), 'has 7 axes, at most 6'],
    [() => reshape(x, [1, 1, 1, 1, 1, 1, -1]), /7 axes|at most 6/],
    [() => flatten(x, 3), /^flatten: .*3.*\[2, ?3\]/],
    [() => flatten(x, '1'), 'flatten: startAxis must be a number'],
    [() => flatten(zeros([1, 1, 1, 1, 1, 1]), 6), /7 axes/],
    [() => transpose(x, [0]), 'transpose: axes [0] must name each of the 2 axes of [2,3] once'],
    [() => transpose(x, [0, 0]), 'transpose: axes [0, 0] must name'],
    [() => transpose(x, [0, 2]), 'transpose: axis 2 of [2,3]'],
    [() => transpose(x, 1), 'transpose: axes must be an array of axes of [2,3], got 1'],
    [() => slice(x, [0, 0], [2, 4]), 'slice: ends[1] is 4, outside axis 1 of [2,3]'],
    [() => slice(x, [1, 0], [1, 3]), 'slice: from [1, 0] to [1, 3] nothing of [2,3] is left'],
    [() => slice(x, [0], [2]), 'slice: starts must be an array with one integer for each axis of [2,3], got [0]'],
    [() => slice(x, [0, Number.NaN], [2, 3]), 'slice: starts[1] is NaN'],
    [() => slice(x, [0, 0]), 'slice: ends must be an array'],
    [() => concat([], 0), 'concat: takes an array of at least one tensor, got []'],
    [() => concat(x, 0), 'concat: takes an array'],
    [() => concat([x, null], 0), /^concat: /],
    [() => concat([x, zeros([2, 2])], 0), 'concat: along axis 0, tensor 1 [2,2] does not fit tensor 0 [2,3]'],
    [() => concat([x, zeros([6])], 0), 'concat: along axis 0, tensor 1 [6] does not fit'],
    [() => concat([x, zeros([2, 3], { dtype: 'u8' })], 0), 'concat: tensor 0 is f32 [2,3], tensor 1 is u8 [2,3]'],
    [() => concat([x, zeros([2, 3], { dtype: 'bf16' })], 0), 'concat: tensor 0 is f32 [2,3], tensor 1 is bf16 [2,3]'],
    [() => concat([x, x], 2), 'concat: axis 2 of [2,3]'],
    [() => concat([x, zeros([2, 3], { device: 'cpu:1' })], 0), 'concat: operands are on different devices'],
  ];
  for (const [call, message] of cases) expect(call).toThrow(message);
  expect(() => (x as any).reshape([5])).toThrow(RangeError);
});
