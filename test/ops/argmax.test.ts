import { ops, tape, tensor } from '../../lib';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';

testLiterals('argmax', ({ x }, { axis }) => ops.argmax(x, axis));

test.each(kinds)('on %s: the last axis where none is given, negative axes, i32', async (device) => {
  const x = tensor(
    [
      [1, 5, 2],
      [7, 0, 7],
    ],
    { device },
  );
  const y = ops.argmax(x);
  expect(y.dtype).toBe('i32');
  expect(await y.array()).toEqual([1, 0]);
  expect(await ops.argmax(x, -2).array()).toEqual([1, 0, 1]);
});

test('errors; and no gradient', () => {
  const argmax = ops.argmax as (x: any, axis?: any) => unknown;
  expect(() => argmax(tensor(1))).toThrow('argmax: axis -1 of [], which has 0 axes');
  expect(() => argmax(tensor([1]), 1)).toThrow('argmax: axis 1 of [1], which has 1 axis');
  expect(() => argmax(tensor([1]), '0')).toThrow("argmax: axis must be a number, got '0'");
  expect(() => argmax(tensor([1], { dtype: 'u8' }))).toThrow('argmax: x must be f32, got u8 [1]');
  const x = tensor([1, 2]);
  using t = tape();
  const y = ops.cast(ops.argmax(x), 'f32');
  expect(() => t.gradients(y, { x })).toThrow("the loss does not depend on parameter 'x'");
});
