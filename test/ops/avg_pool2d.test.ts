import { ops, type Tensor, zeros } from '../../lib';
import type { Pool2dOptions } from '../../lib/ops/pool2d';
import { testLiterals } from '../support/literals';

testLiterals('avg_pool2d', ({ x }, options) => ops.avgPool2d(x, options as Pool2dOptions));

test('avgPool2d refuses what does not fit and names it', () => {
  const x = zeros([2, 3, 5, 7]) as Tensor<any>;
  expect(() => ops.avgPool2d(x, { kernel: [2, 8] })).toThrow(
    new RangeError('avgPool2d: the window [2,8] is larger than x [2,3,5,7] with padding [0,0]'),
  );
  expect(() => ops.avgPool2d(zeros([3]) as Tensor<any>, { kernel: 2 })).toThrow(
    'avgPool2d: x must be N×C×H×W, got [3]',
  );
  expect(() => ops.avgPool2d(x, { kernel: Number.POSITIVE_INFINITY })).toThrow(RangeError);
});
