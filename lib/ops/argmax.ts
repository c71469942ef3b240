import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { AxisCheck, ReduceShape } from '../shape/reduce';
import type { Shape } from '../shape/shape';
import { checkAxis, sizeOf } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';

export const argmaxRule = rule<null>('argmax', null);

/**
 * Where along `axis` (the last one where not given) the largest element is: i32, of x's shape without that axis.
 * Of equal elements the first; NaN counts as larger than all else. Has no gradient.
 */
export function argmax<S extends Shape, const A extends number = -1>(
  x: Tensor<S> & AxisCheck<'argmax', S, A>,
  axis?: A,
): Tensor<ReduceShape<S, NoInfer<A>, false>, 'i32'>;
export function argmax(x: Tensor<Shape>, axis = -1): Tensor<Shape, 'i32'> {
  return apply(argmaxRule, [x], null, (device) => {
    const { shape } = x;
    if (x.dtype !== 'f32') throw new TypeError(`argmax: x must be f32, got ${x.dtype} [${shape}]`);
    const at = checkAxis('argmax', axis, shape);
    const [before, after] = [shape.slice(0, at), shape.slice(at + 1)];
    const y = empty([...before, ...after], device, 'i32');
    launch(
      'argmax',
      { outer: sizeOf(before), n: shape[at]!, inner: sizeOf(after) },
      [x.storage('argmax').native],
      [y.storage('argmax').native],
    );
    return y;
  });
}
