import { ops, tensor } from '../../lib';
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
