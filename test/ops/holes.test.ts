// An array of nothing but holes may be 2^32 − 1 long: an operator refuses it at the first one, and does not walk over them all.
import { ops, zeros } from '../../lib';

const holes = new Array(2 ** 32 - 1) as any;
const x = zeros([2, 3]);
afterAll(() => x.dispose());

test.each<[() => unknown, string]>([
  [() => ops.concat(holes, 0), 'concat: input 0 must be a Tensor, got undefined'],
  [() => ops.transpose(x, holes), 'transpose: axis must be a number, got undefined'],
  [() => ops.sum(x, { axis: holes }), 'sum: axis must be a number, got undefined'],
  [() => ops.max(x, { axis: Object.assign([0], { 2: 1 }) as any }), 'max: axis must be a number, got undefined'],
  [() => ops.reshape(x, holes), ' has 4294967295 axes, at most 6 are supported'],
])('%s', (call, message) => {
  expect(call).toThrow(message);
});
