import { apply, rule } from '../autograd/operator';
import { type DType, launch } from '../native/addon';
import type { Shape } from '../shape/shape';
import { checkDType } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';

// From f32 to f32 dx = dy. An integer's gradient is none, and rounding has none either.
export const castRule = rule<{ from: DType; to: DType }>('cast', ({ attrs }, dy) => [
  attrs.from === 'f32' && attrs.to === 'f32' ? dy : null,
]);

/**
 * A copy of x with another element type. To an integer type: towards zero, as C has it, values beyond the type's range to the nearest
 * it holds, NaN to 0. To f32: the nearest, ties to even. To bf16, which is f32's upper half (its range, 8 bits of mantissa): the nearest to
 * the value as f32, ties to even. The gradient passes from f32 to f32 only.
 */
export function cast<S extends Shape, D extends DType>(x: Tensor<S, any>, dtype: D): Tensor<S, D> {
  checkDType('cast', dtype);
  const attrs = { from: 'f32' as DType, to: dtype as DType };
  return apply(castRule, [x], attrs, (device) => {
    attrs.from = x.dtype as DType;
    const y = empty(x.shape as S, device, dtype);
    launch('cast', { count: y.size }, [x.storage('cast').native], [y.storage('cast').native]);
    return y;
  });
}
