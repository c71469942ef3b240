import { ops, scope, type Tensor, tape, tensor } from '../../lib';
import { hostRandom } from '../../lib/autograd/gradcheck';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

testLiterals('binary', ({ a, b }, { function: name }) => ops[name as 'add'](a, b));

describe.each(kinds)('on %s', (device) => {
  const of = (data: any): any => (tensor as any)(data, { device });

  test('numbers stand for scalars, and are not differentiated', async () => {
    const x = of([1, 2]);
    const before = device.memory().allocated;
    {
      using s = scope();
      using t = tape();
      const y = ops.sub(10, ops.div(ops.mul(ops.add(x, 1), 3), 2));
      expect(await y.array()).toEqual([7, 5.5]);
      expect(await t.gradients(ops.sum(y), { x }).x.array()).toEqual([-1.5, -1.5]);
      void s;
    }
    expect(device.memory().allocated).toBe(before);
  });

  test('one tensor as both operands gathers both gradients', async () => {
    const x = of([3, -2]);
    for (const [f, expected] of [
      [ops.add, [2, 2]],
      [ops.sub, [0, 0]],
      [ops.mul, [6, -4]],
      [ops.div, [0, 0]],
      [ops.maximum, [1, 1]],
    ] as [(a: any, b: any) => any, number[]][]) {
      using t = tape();
      expect(await t.gradients(ops.sum(f(x, x)), { x }).x.array()).toEqual(expected);
    }
  });

  test('only the operand that is asked for is differentiated', async () => {
    const [a, b] = [of([1, 2]), of([[4], [8]])];
    using t = tape();
    const y = ops.div(a, b);
    expect(await t.gradients(ops.sum(y), { b }).b.array()).toEqual([[-3 / 16], [-3 / 64]]);
  });

  test('lengths around the vectors and the tasks, broadcast and not, against plain loops', async () => {
    const random = hostRandom(9);
    const draw = (n: number) => Float32Array.from({ length: n }, () => random() * 4 - 2);
    for (const [rows, columns] of [
      [1, 15],
      [1, 17],
      [3, 33],
      [5, 16_384],
      [1, 16_385],
      [129, 255],
      [40_000, 3],
    ] as [number, number][]) {
      using s = scope();
      const x = draw(rows * columns);
      for (const shape of [[rows, columns], [1, columns], [rows, 1], [columns], []] as number[][]) {
        const y = draw(shape.reduce((m, n) => m * n, 1));
        const at = (i: number) => {
          const [row, column] = [Math.floor(i / columns), i % columns];
          const full = shape.length === 2 && shape[0] === rows && rows > 1;
          const wide = shape.length > 0 && shape[shape.length - 1] === columns;
          return y[(full ? row * (wide ? columns : 1) : 0) + (wide ? column : 0)]!;
        };
        const z = await ops
          .sub(tensor(x, { shape: [rows, columns], device }), tensor(y, { shape, device }) as Tensor<any>)
          .data();
        const bad = z.findIndex((v: number, i: number) => v !== Math.fround(x[i]! - at(i)));
        expect({ rows, columns, shape, bad }).toEqual({ rows, columns, shape, bad: -1 });
      }
      void s;
    }
  });
});

test('errors', () => {
  const add = ops.add as (a: any, b: any) => unknown;
  expect(() => add(tensor([1, 2]), tensor([1, 2, 3]))).toThrow(RangeError);
  expect(() => add(tensor([1, 2]), tensor([1, 2, 3]))).toThrow(/^add: .*\[2\].*\[3\]/);
  expect(() => add(1, 2)).toThrow('add: one operand must be a Tensor, got 1 and 2');
  for (const other of [undefined, null, '1', [1, 2], new Float32Array(2), {}]) {
    expect(() => add(tensor([1, 2]), other)).toThrow(TypeError);
    expect(() => add(other, tensor([1, 2]))).toThrow(/^add: /);
    expect(() => add(other, 1)).toThrow(/^add: /);
  }
  expect(() => add(tensor([1]), tensor([1], { dtype: 'i32' }))).toThrow(
    'add: operands must be f32, got f32 [1] and i32 [1]; cast first',
  );
  expect(() => add(tensor([1], { device: 'cpu:0' }), tensor([1], { device: 'cpu:1' }))).toThrow(
    'add: operands are on different devices: [1] on cpu:0, [1] on cpu:1',
  );
  const gone = tensor([1]);
  gone.dispose();
  expect(() => add(1, gone)).toThrow('add: the tensor [1] has been disposed');
});
