// Outputs of 16 MB and more are streamed past the caches by code of their own: the same bits as for their pieces, which are not.
import { type Device, ops, randn, scope, type Tensor, tape } from '../../lib';
import { kinds } from '../support/devices';

type Call = (x: Tensor<any>) => Tensor<any>;

/** How piece n of equal pieces of `whole` compares, byte by byte: 0 where it is the same. */
const compareBytes = (piece: Float32Array, whole: Float32Array, n: number) =>
  Buffer.compare(
    Buffer.from(piece.buffer),
    Buffer.from(whole.buffer, whole.byteOffset + 4 * n * piece.length, 4 * piece.length),
  );

/** Values and gradient of `run` over x, and over its images one by one. */
async function compare(shape: [number, number, number, number], run: Call, device: Device): Promise<void> {
  using s = scope();
  const x = randn(shape, { seed: 1, device });
  using t = tape();
  const y = run(x);
  const dy = randn([...y.shape], { seed: 2, device }) as Tensor<any>;
  const { dx } = t.gradients(y, { dx: x }, { seed: dy });
  const [all, gradient] = [(await y.data()) as Float32Array, await dx.data()];
  const image = (of: Tensor<any>, n: number) =>
    ops.slice(of, [n, 0, 0, 0], [n + 1, ...of.shape.slice(1)]) as Tensor<any>;
  for (let n = 0; n < shape[0]; n++) {
    using inner = scope();
    const part = image(x, n);
    using record = tape();
    const partY = run(part);
    const { partDx } = record.gradients(partY, { partDx: part }, { seed: image(dy, n) });
    const [values, partGradient] = [(await partY.data()) as Float32Array, (await partDx!.data()) as Float32Array];
    expect([compareBytes(values, all, n), compareBytes(partGradient, gradient, n)]).toEqual([0, 0]);
    void inner;
  }
  void s;
}

describe.each(kinds)('large outputs on $kind', (device) => {
  // Odd sizes: rows begin anywhere in a cache line.
  test('localResponseNorm', () =>
    compare([2, 26, 317, 301], (x) => ops.localResponseNorm(x, { alpha: 0.3, groups: 2 }), device));
  test('maxPool2d, AlexNet’s window', () =>
    compare([5, 920, 63, 61], (x) => ops.maxPool2d(x, { kernel: 3, stride: 2 }), device));
  test('maxPool2d, other windows', () =>
    compare([3, 5, 601, 611], (x) => ops.maxPool2d(x, { kernel: 3, stride: 1, padding: 1 }), device));
  test('avgPool2d', () => compare([3, 5, 601, 611], (x) => ops.avgPool2d(x, { kernel: 2, stride: 1 }), device));
  test('unary', async () => {
    for (const run of [ops.relu, ops.tanh] as Call[]) await compare([3, 5, 601, 611], run, device);
  });
  test('binary: equal shapes, a number for each map on either side, short rows', async () => {
    using maps = randn([5, 1, 1], { seed: 3, device });
    using columns = randn([611], { seed: 4, device });
    const calls: Call[] = [
      (x) => ops.mul(x, x),
      (x) => ops.add(x, maps),
      (x) => ops.sub(maps, x),
      (x) => ops.maximum(x, columns),
    ];
    for (const run of calls) await compare([3, 5, 601, 611], run, device);
  });
  test('dropout', async () => {
    const [rows, columns, p, seed] = [3, 1_400_003, 0.4, 9];
    using x = randn([rows, columns], { seed: 1, device });
    using y = ops.dropout(x, { p, seed });
    const whole = await y.data();
    for (let r = 0; r < rows; r++) {
      using row = ops.slice(x, [r, 0], [r + 1, columns]);
      using part = ops.dropout(row, { p, seed, layout: { columns, pitch: columns, offset: r * columns } });
      expect(compareBytes(await part.data(), whole, r)).toBe(0);
    }
  });
});
