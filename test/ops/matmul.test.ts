import { ops, tensor } from '../../lib';
import { testLiterals } from '../support/literals';

testLiterals('matmul', ({ a, b }, attrs) => ops.matmul(a, b, attrs));

test('matmul names both shapes where they do not fit', () => {
  const a = tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] });
  const v = tensor([1, 2], { shape: [2] });
  const stack = tensor([1, 2, 3, 4], { shape: [2, 2, 1] });
  // @ts-expect-error the compiler refuses it too
  expect(() => ops.matmul(a, a)).toThrow('matmul: a [2,3] and b [2,3] do not fit: the inner sizes 3 and 2 differ');
  // @ts-expect-error the compiler refuses it too
  expect(() => ops.matmul(a, a, { transposeA: true, transposeB: true })).toThrow(
    'matmul: a [2,3] (transposed) and b [2,3] (transposed) do not fit: the inner sizes 2 and 3 differ',
  );
  // @ts-expect-error the compiler refuses it too
  expect(() => ops.matmul(a, v)).toThrow('both must have at least two axes');
  // @ts-expect-error the compiler refuses it too
  expect(() => ops.matmul(a, stack)).toThrow('the axes before the last two must be equal');
  expect(() => ops.matmul(a, 1 as never)).toThrow('matmul: b must be a Tensor, got 1');
  expect(() => ops.matmul(a, a, { transposeA: 1 as never })).toThrow('matmul: transposeA must be true or false, got 1');
});
