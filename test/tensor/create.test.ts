import { runInNewContext } from 'node:vm';
import { arange, device, full, ones, tensor, uniform, zeros } from '../../lib';
import { kinds } from '../support/devices';

const facts = async (t: any) => [t.dtype, [...t.shape], await t.array()];

describe.each(kinds)('on %s', (on) => {
  test('tensor: shape and element type follow the data', async () => {
    const of = (data: any, options = {}) => facts(tensor(data, { device: on, ...options }));
    expect(await of(3)).toEqual(['f32', [], 3]);
    expect(await of([1, 2])).toEqual(['f32', [2], [1, 2]]);
    expect(await of([[1], [2], [3]])).toEqual(['f32', [3, 1], [[1], [2], [3]]]);
    expect(await of([[[[[[7]]]]]])).toEqual(['f32', [1, 1, 1, 1, 1, 1], [[[[[[7]]]]]]]);
    expect(await of(new Int32Array([-1, 2]))).toEqual(['i32', [2], [-1, 2]]);
    expect(await of(new Uint8Array([0, 255]))).toEqual(['u8', [2], [0, 255]]);
    expect(await of(new Uint8ClampedArray([300, 1]))).toEqual(['u8', [2], [255, 1]]);
    expect(await of(new Float64Array([0.1, 2]))).toEqual(['f32', [2], [Math.fround(0.1), 2]]);
    expect(await of(new Int16Array([-5]))).toEqual(['f32', [1], [-5]]);
    expect(await of([1, 2, 3, 4, 5, 6], { shape: [2, 3] })).toEqual([
      'f32',
      [2, 3],
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ]);
    expect(
      await of(
        [
          [1, 2],
          [3, 4],
        ],
        { shape: [4] },
      ),
    ).toEqual(['f32', [4], [1, 2, 3, 4]]);
    expect(await of([5], { shape: [] })).toEqual(['f32', [], 5]);
    expect(await of([1, -2], { dtype: 'i32' })).toEqual(['i32', [2], [1, -2]]);
    expect(await of(new Float32Array([0, 255]), { dtype: 'u8' })).toEqual(['u8', [2], [0, 255]]);
    expect(await of(new Uint8Array([7]), { dtype: 'f32' })).toEqual(['f32', [1], [7]]);
    expect(await of([Number.NaN, -Infinity, -0])).toEqual(['f32', [3], [Number.NaN, -Infinity, -0]]);
  });

  test('tensor: part of a buffer, another realm, and later changes of the array', async () => {
    const values = new Float32Array([1, 2, 3, 4]);
    const t = tensor(values.subarray(1, 3), { device: on });
    values.fill(9);
    expect(await t.array()).toEqual([2, 3]);
    const foreign = runInNewContext('({ i: new Int32Array([1, 2]), n: [[1, 2], [3, 4]], options: { dtype: "u8" } })');
    expect(await facts(tensor(foreign.i, { device: on }))).toEqual(['i32', [2], [1, 2]]);
    expect((await facts(tensor(foreign.n, foreign.options)))[0]).toBe('u8');
  });

  test('constants', async () => {
    expect(await facts(zeros([2, 1], { device: on }))).toEqual(['f32', [2, 1], [[0], [0]]]);
    expect(await facts(ones([2], { device: on, dtype: 'i32' }))).toEqual(['i32', [2], [1, 1]]);
    expect(await facts(full([2], 200, { device: on, dtype: 'u8' }))).toEqual(['u8', [2], [200, 200]]);
    expect(await facts(full([], -2.5, { device: on }))).toEqual(['f32', [], -2.5]);
    expect(await facts(full([1], Number.NaN, { device: on }))).toEqual(['f32', [1], [Number.NaN]]);
    expect(await facts(arange(4, { device: on }))).toEqual(['f32', [4], [0, 1, 2, 3]]);
    expect(await facts(arange(256, { device: on, dtype: 'u8' }))).toEqual(['u8', [256], [...Array(256).keys()]]);
    expect(await facts(zeros([2], { device: on, dtype: 'bf16' }))).toEqual(['bf16', [2], [0, 0]]);
    expect(await facts(ones([2], { device: on, dtype: 'bf16' }))).toEqual(['bf16', [2], [1, 1]]);
    expect(await facts(full([1], 258, { device: on, dtype: 'bf16' }))).toEqual(['bf16', [1], [258]]);
    expect(await facts(full([1], 257, { device: on, dtype: 'bf16' }))).toEqual(['bf16', [1], [256]]);
    expect(await facts(full([1], Number.NaN, { device: on, dtype: 'bf16' }))).toEqual(['bf16', [1], [Number.NaN]]);
    expect(await facts(full([1], -3.4e38, { device: on, dtype: 'bf16' }))).toEqual(['bf16', [1], [-Infinity]]);
    expect(await facts(arange(257, { device: on, dtype: 'bf16' }))).toEqual(['bf16', [257], [...Array(257).keys()]]);
    // More than one task of the kernel.
    expect(new Set(await full([100_003], -7, { device: on, dtype: 'i32' }).data())).toEqual(new Set([-7]));
  });
});

describe.each(kinds)('bf16 on %s', (on) => {
  const dtype = 'bf16';

  test('values are given and read as floats', async () => {
    const x = tensor(
      [
        [1, 257],
        [-0.1, 33.3 * 2 ** -133],
      ],
      { dtype, device: on },
    );
    const rounded = [1, 256, -0.10009765625, 33 * 2 ** -133]; // the last is a denormal
    expect(String(x)).toContain('bf16 [2, 2]');
    expect(await x.data()).toEqual(new Float32Array(rounded));
    expect(x.dataSync()).toEqual(new Float32Array(rounded));
    expect(await x.array()).toEqual([rounded.slice(0, 2), rounded.slice(2)]);
    expect(await tensor(257, { dtype, device: on }).item()).toBe(256);
    expect(await full([], 0.1, { dtype, device: on }).item()).toBe(0.10009765625);
    const list = [1, 257, 511];
    for (const data of [
      list,
      new Float32Array(list),
      new Float64Array(list),
      new Int32Array(list),
      new Uint16Array(list),
    ])
      expect(await facts(tensor(data as number[], { dtype, device: on }))).toEqual([dtype, [3], [1, 256, 512]]);
    const own = x.dataSync();
    own.fill(9);
    expect(x.dataSync()).toEqual(new Float32Array(rounded));
  });

  test('copyFrom takes floats, which it rounds and leaves as they are, and bf16 of any device', async () => {
    const x = zeros([3], { dtype, device: on });
    const floats = new Float32Array([257, -0, 1e39]);
    expect(await x.copyFrom(floats).array()).toEqual([256, -0, Infinity]);
    expect(floats).toEqual(new Float32Array([257, -0, Infinity]));
    for (const from of [on, device('cpu:0'), device('cpu:1')]) {
      const given = arange(3, { dtype, device: from });
      expect(await x.copyFrom(given).array()).toEqual([0, 1, 2]);
      expect(await given.copyFrom(full([3], 7, { dtype, device: on })).array()).toEqual([7, 7, 7]);
    }
    expect(await x.copyFrom(floats.subarray(0).fill(5)).array()).toEqual([5, 5, 5]);
    const from = x.copyFrom.bind(x) as (source: any) => unknown;
    for (const [source, kind, message] of [
      [new Int32Array(3), TypeError, 'copyFrom: Int32Array of 3 does not fit a bf16 tensor [3] of 3'],
      [new Uint16Array(3), TypeError, 'copyFrom: Uint16Array of 3 does not fit a bf16 tensor [3] of 3'],
      [new Float64Array(3), TypeError, 'copyFrom: Float64Array of 3 does not fit a bf16 tensor [3] of 3'],
      [new Float32Array(2), RangeError, 'copyFrom: Float32Array of 2 does not fit a bf16 tensor [3] of 3'],
      [zeros([3], { device: on }), TypeError, 'copyFrom: a f32 tensor [3] does not fit a bf16 tensor [3] of 3'],
    ] as const) {
      expect(() => from(source)).toThrow(kind);
      expect(() => from(source)).toThrow(message);
    }
    const f32 = zeros([3], { device: on });
    expect(() => f32.copyFrom(x as any)).toThrow('copyFrom: a bf16 tensor [3] does not fit a f32 tensor [3] of 3');
    expect(await x.array()).toEqual([5, 5, 5]);
  });

  test('an element is two bytes', async () => {
    const held = (dtype: 'bf16' | 'f32') => {
      const before = on.memory().allocated;
      using x = zeros([2 ** 16], { dtype, device: on });
      void x;
      return on.memory().allocated - before;
    };
    await on.synchronize(); // what earlier calls let go of is free
    expect(held('f32')).toBe(2 ** 18);
    await on.synchronize();
    expect(held('bf16')).toBe(2 ** 17);
  });
});

describe('errors name the function, what is wrong and where', () => {
  const bad = (make: () => unknown, kind: any, message: string | RegExp) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
  };
  const t = tensor as (data: any, options?: any) => unknown;

  test('data', () => {
    bad(
      () => t([[1, 2], [3]]),
      RangeError,
      'tensor: the nested arrays are ragged: data[1] is an array of 1, but one of 2 is at data[0]',
    );
    bad(
      () => t([[1, 2], 3]),
      RangeError,
      'tensor: the nested arrays are ragged: data[1] is 3, but an array of 2 is at data[0]',
    );
    bad(
      () => t([1, [2]]),
      RangeError,
      'tensor: the nested arrays are ragged: data[1] is an array of 1, but a number is at data[0]',
    );
    bad(() => t([[[1]], [[2], [3]]]), RangeError, 'data[1] is an array of 2, but one of 1 is at data[0]');
    bad(() => t([]), RangeError, 'tensor: the array at data is empty');
    bad(() => t([[], []]), RangeError, 'tensor: the array at data[0] is empty');
    bad(() => t(new Float32Array(0)), RangeError, 'tensor: the Float32Array is empty');
    bad(() => t([[[[[[[1]]]]]]]), RangeError, 'nested more than 6 deep');
    bad(() => t([1, '2']), TypeError, "tensor: data[1] must be a number, got '2'");
    bad(() => t(new Array(3)), TypeError, 'tensor: data[0] must be a number, got undefined');
    bad(() => t([1n]), TypeError, 'tensor: data[0] must be a number, got 1n');
    for (const data of [
      undefined,
      null,
      'abc',
      true,
      {},
      () => 1,
      5n,
      new BigInt64Array(2),
      new DataView(new ArrayBuffer(4)),
      new ArrayBuffer(4),
      Symbol('s'),
    ])
      bad(() => t(data), TypeError, /^tensor: data must be a number, nested arrays of numbers or a typed array, got /);
    bad(() => t([1, 2, 3], { shape: [2, 2] }), RangeError, 'tensor: 3 values do not fill shape [2, 2], which has 4');
    bad(
      () =>
        t(
          [
            [1, 2],
            [3, 1.5],
          ],
          { dtype: 'i32' },
        ),
      RangeError,
      'tensor: i32 holds integers from -2147483648 to 2147483647, not 1.5 (data[1][1])',
    );
    bad(() => t([1, 256], { dtype: 'u8' }), RangeError, 'tensor: u8 holds integers from 0 to 255, not 256 (data[1])');
    bad(() => t(Number.NaN, { dtype: 'i32' }), RangeError, 'not NaN');
  });

  test('shape', () => {
    for (const make of [zeros, ones, (s: any) => full(s, 1), uniform] as ((s: any) => unknown)[]) {
      const name = /^(zeros|ones|full|uniform): shape/;
      for (const shape of [undefined, null, 3, '3', { length: 1 }, new Int32Array([2])])
        bad(() => make(shape), TypeError, name);
      for (const shape of [['2'], [null], [2n], new Array(1), [[2]]]) bad(() => make(shape), TypeError, name);
      for (const shape of [
        [0],
        [2, -1],
        [1.5],
        [Number.NaN],
        [Infinity],
        [2 ** 53],
        [2 ** 27, 2 ** 26],
        [1, 1, 1, 1, 1, 1, 1],
      ])
        bad(() => make(shape), RangeError, name);
    }
    bad(() => zeros([2, 0, 3]), RangeError, 'zeros: shape [2, 0, 3] must hold positive integers, [1] is 0');
  });

  test('sizes beyond all memory, and the process that goes on', async () => {
    bad(() => zeros([1e9, 1e9]), RangeError, 'zeros: shape [1000000000, 1000000000] has 2^53 elements or more');
    for (const make of [
      () => zeros([2 ** 26, 2 ** 26]),
      () => arange(2 ** 45),
      () => uniform([2 ** 20, 2 ** 24]),
      () => full([2 ** 53 - 2], 1, { dtype: 'u8' }),
    ]) {
      expect(make).toThrow(/out of memory on cpu:0: asked for .* MB/);
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));
    }
    expect(await ones([2]).array()).toEqual([1, 1]);
  });

  test('options', () => {
    bad(
      () => zeros([1], { dtyp: 'f32' } as any),
      TypeError,
      "zeros: unknown option 'dtyp'; the options are dtype, device",
    );
    bad(
      () => t([1], { Shape: [1] }),
      TypeError,
      "tensor: unknown option 'Shape'; the options are shape, dtype, device",
    );
    bad(
      () => uniform([1], { mean: 1 } as any),
      TypeError,
      "uniform: unknown option 'mean'; the options are low, high, seed, device",
    );
    for (const options of [null, 1, 'f32', [], () => 1, device('cpu:0'), new Map()])
      bad(() => zeros([1], options as any), TypeError, 'zeros: options must be an object, got ');
    bad(
      () => zeros([1], { dtype: 'f64' as any }),
      TypeError,
      "zeros: dtype must be 'f32', 'i32', 'u8' or 'bf16', got 'f64'",
    );
    bad(() => zeros([1], { dtype: null as any }), TypeError, 'zeros: dtype must be');
    bad(() => zeros([1], { device: 'gpu' }), RangeError, "there is no 'gpu'; there are cpu:0, cpu:1");
    bad(() => zeros([1], { device: 1 as any }), TypeError, 'device: name must be a string');
    bad(() => full([1], '1' as any), TypeError, "full: value must be a number, got '1'");
    bad(() => full([1], -1, { dtype: 'u8' }), RangeError, 'full: u8 holds integers from 0 to 255, not -1');
    bad(() => arange(0), RangeError, 'arange: n [0] must hold positive integers');
    bad(() => arange(257, { dtype: 'u8' }), RangeError, 'arange: u8 cannot hold 256');
    bad(() => arange(258, { dtype: 'bf16' }), RangeError, 'arange: bf16 cannot hold 257');
    bad(() => arange('3' as any), TypeError, "arange: n must be a number, got '3'");
  });

  test('copyFrom', async () => {
    const x = zeros([2, 2]);
    const from = x.copyFrom.bind(x) as (source: any) => unknown;
    for (const source of [undefined, null, 1, [1, 2, 3, 4], new DataView(new ArrayBuffer(16))])
      bad(() => from(source), TypeError, /^copyFrom: /);
    bad(
      () => from(new Float32Array(3)),
      RangeError,
      'copyFrom: Float32Array of 3 does not fit a f32 tensor [2,2] of 4',
    );
    bad(() => from(new Int32Array(4)), TypeError, 'copyFrom: Int32Array of 4 does not fit a f32 tensor');
    bad(() => from(new Float64Array(4)), TypeError, 'copyFrom: Float64Array of 4');
    bad(() => from(zeros([4, 2])), RangeError, 'copyFrom: a f32 tensor [4,2] does not fit a f32 tensor [2,2] of 4');
    bad(() => from(zeros([2, 2], { dtype: 'i32' })), TypeError, 'copyFrom: a i32 tensor');
    const gone = zeros([2, 2]);
    gone.dispose();
    bad(() => from(gone), Error, 'copyFrom: the tensor [2, 2] has been disposed');
    x.copyFrom(tensor([1, 2, 3, 4], { device: 'cpu:1' }));
    expect(await x.array()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const shared = new Float32Array(new SharedArrayBuffer(16)).fill(5);
    x.copyFrom(shared);
    expect(await x.array()).toEqual([
      [5, 5],
      [5, 5],
    ]);
    const detached = new Float32Array(4);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    bad(() => from(detached), RangeError, 'copyFrom: Float32Array of 0');
  });
});
