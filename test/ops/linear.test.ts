import { type DType, device, ops, type Shape, scope, type Tensor, tape, tensor } from '../../lib';
import { hostRandom } from '../../lib/autograd/gradcheck';
import { addon, launch, type NativeStorage } from '../../lib/native/addon';
import { expectClose } from '../support/close';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';

testLiterals('linear', ({ x, weight, bias }, attrs) => ops.linear(x, weight, bias, attrs));

test('linear names the shapes where they do not fit', () => {
  const x = tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  const weight = tensor([1, 2, 3, 4], { shape: [2, 2] });
  // @ts-expect-error the compiler refuses it too
  expect(() => ops.linear(x, weight, null)).toThrow(
    'linear: the last axis of x [2,3] must have the 2 inputs of weight [2,2]',
  );
  // @ts-expect-error the compiler refuses it too
  expect(() => ops.linear(x, x, weight)).toThrow('linear: bias [2,2] must have the shape [2]');
  expect(() => ops.linear(x, x, null, { activation: 'gelu' as never })).toThrow("linear: activation must be 'relu'");
});

// A weight in bf16 against the same values as f32. On the CPU both are summed in the same order.
describe.each(kinds)('a weight in bf16, on %s', (on) => {
  const random = hostRandom(16);
  const draw = (shape: number[]): Tensor<any> => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tensor(
      Float32Array.from({ length: size }, () => random() * 2 - 1),
      { shape, device: on },
    ) as Tensor<any>;
  };
  const expectSame = async (a: Tensor<any>, b: Tensor<any>, what: string): Promise<void> => {
    if (on === device('cpu:0')) expect([what, Buffer.compare(bytes(a), bytes(b))]).toEqual([what, 0]);
    else expectClose(await a.data(), await b.data(), 2e-6, what);
  };
  const bytes = (t: Tensor<any>) => Buffer.from(t.dataSync().buffer);

  // Up to four rows go by kernels of their own, eight inputs at a time where they come out even; 72 outputs of the others are made wide
  // at once, and steps along the inputs begin anew at 384 to 768.
  const sizes = [1, 2, 3, 4, 5, 70].flatMap((rows) =>
    (
      [
        [1, 1],
        [3, 7],
        [17, 19],
        [33, 264],
        [75, 1030],
      ] as const
    ).map(([outputs, inputs]): [number, number, number] => [rows, outputs, inputs]),
  );

  test.each(sizes)('%i rows to %i from %i, forward and gradients', async (rows, outputs, inputs) => {
    for (const options of [{}, { activation: 'relu' as const }])
      for (const withBias of [false, true]) {
        using s = scope();
        const x = draw([rows, inputs]);
        const bias = withBias ? draw([outputs]) : null;
        const half = ops.cast(draw([outputs, inputs]), 'bf16') as Tensor<Shape, 'bf16'>;
        const dy = draw([rows, outputs]);
        const params = { x, ...(bias && { bias }) };
        const run = (weight: Tensor<Shape, 'f32' | 'bf16'>) => {
          using t = tape();
          const y = ops.linear(x, weight, bias, options) as Tensor<any>;
          return { y, ...t.gradients(y, params, { seed: dy }) };
        };
        const [got, expected] = [run(half), run(ops.cast(half, 'f32'))];
        expect(Object.keys(got)).toEqual(['y', ...Object.keys(params)]);
        for (const [name, value] of Object.entries(got))
          await expectSame(value, expected[name as keyof typeof expected]!, `${name}, bias ${withBias}`);
        void s;
      }
  });

  test('x without leading axes, and with several', async () => {
    using s = scope();
    const weight = ops.cast(draw([6, 40]), 'bf16');
    for (const shape of [[40], [2, 3, 40], [2, 1, 2, 40]]) {
      const x = draw(shape);
      const y = ops.linear(x, weight as any, null) as Tensor<any>;
      expect(y.shape).toEqual([...shape.slice(0, -1), 6]);
      await expectSame(y, ops.linear(x, ops.cast(weight, 'f32') as any, null) as Tensor<any>, shape.join());
    }
    void s;
  });

  test('what rounding loses is what the answer loses', async () => {
    const x = tensor([[1, 1]], { device: on });
    const weight = tensor(
      [
        [1 + 2 ** -8, 2 ** -30],
        [1 + 2 ** -7, 2 ** -30],
      ],
      { dtype: 'bf16', device: on },
    );
    // 1 + 2^-8 lies between 1 and 1 + 2^-7. Sums are float32: 2^-30 is too small for them.
    expect(await ops.linear(x, weight, null).array()).toEqual([[1, 1 + 2 ** -7]]);
  });

  test('it has no gradient of its own, and what it was made of has none by way of it', () => {
    const x = draw([2, 3]) as Tensor<[2, 3]>;
    const master = draw([4, 3]) as Tensor<[4, 3]>;
    using t = tape();
    const weight = ops.cast(master, 'bf16');
    const loss = ops.sum(ops.linear(x, weight, null));
    expect(() => t.gradients(loss, { weight })).toThrow(
      "gradients: parameter 'weight' is bf16 [4,3]; only f32 tensors have gradients",
    );
    expect(() => t.gradients(loss, { master }, { keep: true })).toThrow("does not depend on parameter 'master'");
    expect(t.gradients(loss, { x, master }, { allowUnused: true }).master).toBeNull();
  });
});

test('a weight of integers is refused, and bf16 anywhere else', () => {
  const x = tensor([1, 2, 3, 4], { shape: [2, 2] });
  const bias = tensor([1, 2]);
  const message = 'linear: weight must be f32 or bf16, got i32 [2,2]';
  // @ts-expect-error the compiler refuses it too
  expect(() => ops.linear(x, ops.cast(x, 'i32'), bias)).toThrow(message);
  // @ts-expect-error the compiler refuses it too
  expect(() => ops.linear(ops.cast(x, 'bf16'), x, bias)).toThrow('linear: x must be f32, got bf16 [2,2]');
  // @ts-expect-error the compiler refuses it too
  expect(() => ops.linear(x, x, ops.cast(bias, 'bf16'))).toThrow('linear: bias must be f32, got bf16 [2]');
});

test('the kernel takes bf16 where b alone is transposed, and nowhere else', () => {
  const storage = (dtype: DType) => new addon.Storage(0, 4, dtype);
  const call = (transposeA: boolean, transposeB: boolean, types: readonly [DType, DType, DType]) => () => {
    const params = { batch: 1, m: 2, n: 2, k: 2, transposeA, transposeB, relu: false };
    const [a, b, y] = types.map(storage) as [NativeStorage, NativeStorage, NativeStorage];
    launch('matmul', params, [a, b, null], [y]);
  };
  expect(call(false, true, ['f32', 'bf16', 'f32'])).not.toThrow();
  for (const [transposeA, transposeB] of [
    [false, false],
    [true, false],
    [true, true],
  ] as const)
    expect(call(transposeA, transposeB, ['f32', 'bf16', 'f32'])).toThrow('matmul: b must be f32, got bf16');
  expect(call(false, true, ['bf16', 'f32', 'f32'])).toThrow('matmul: a must be f32, got bf16');
  expect(call(false, true, ['f32', 'f32', 'bf16'])).toThrow('matmul: y must be f32, got bf16');
});
