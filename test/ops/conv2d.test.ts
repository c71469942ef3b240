import { ops, tensor } from '../../lib';
import { testLiterals } from '../support/literals';

testLiterals('conv2d', ({ x, weight, bias }, attrs) => ops.conv2d(x, weight, bias, attrs));

describe('conv2d refuses', () => {
  const x = tensor(new Array(48).fill(1), { shape: [1, 3, 4, 4] });
  const weight = tensor(new Array(54).fill(1), { shape: [2, 3, 3, 3] });
  const bias = tensor([1, 2], { shape: [2] });
  const call =
    (...args: unknown[]) =>
    () =>
      (ops.conv2d as (...a: unknown[]) => unknown)(...args);

  test.each<[string, unknown[], typeof RangeError | typeof TypeError, string]>([
    ['no tensor', [1, weight, bias], TypeError, 'conv2d: x must be a Tensor, got 1'],
    ['no weight', [x, null, bias], TypeError, 'conv2d: weight must be a Tensor, got null'],
    ['another rank', [bias, weight, bias], RangeError, 'conv2d: x must be N×C×H×W, got [2]'],
    [
      'other channels',
      [x, weight, bias, { groups: 3 }],
      RangeError,
      'conv2d: x [1,3,4,4] and weight [2,3,3,3] do not fit',
    ],
    [
      'a bias of another size',
      [x, weight, tensor([1], { shape: [1] })],
      RangeError,
      'conv2d: bias [1] must have the shape [2]',
    ],
    ['a missing bias', [x, weight], TypeError, 'conv2d: bias must be a Tensor, got undefined'],
    [
      'a large window',
      [tensor([1, 2, 3], { shape: [1, 3, 1, 1] }), weight, bias],
      RangeError,
      'conv2d: the window of weight [2,3,3,3]',
    ],
    ['stride 0', [x, weight, bias, { stride: 0 }], RangeError, 'conv2d: stride must be an integer of at least 1'],
    [
      'padding NaN',
      [x, weight, bias, { padding: [1, Number.NaN] }],
      RangeError,
      'conv2d: padding must be an integer of at least 0',
    ],
    ['half a group', [x, weight, bias, { groups: 0.5 }], RangeError, 'conv2d: groups must be a positive integer'],
    [
      'an unknown activation',
      [x, weight, bias, { activation: 'tanh' }],
      RangeError,
      "conv2d: activation must be 'relu'",
    ],
    ['options that are none', [x, weight, bias, null], TypeError, 'conv2d: options must be an object, got null'],
  ])('%s', (_, args, type, message) => {
    expect(call(...args)).toThrow(type);
    expect(call(...args)).toThrow(message);
  });
});
