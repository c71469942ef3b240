import { apply, rule } from '../autograd/operator';
import { type DType, launch } from '../native/addon';
import type { TransposeCheck, TransposeShape } from '../shape/layout';
import type { Shape } from '../shape/shape';
import { checkAxis, show } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { stridesOf } from './strides';

// y[i_a0, i_a1, …] = x[i_0, i_1, …]: the gradient is the inverse permutation of dy.
export const transposeRule = rule<{ axes: readonly number[] }>('transpose', ({ attrs }, dy) => {
  const inverse = new Array<number>(attrs.axes.length);
  attrs.axes.forEach((axis, i) => {
    inverse[axis] = i;
  });
  return [permuted(dy, inverse)];
});

function permuted(x: Tensor<any, any>, axes: readonly number[]): Tensor<any, any> {
  const strides = stridesOf(x.shape);
  const shape = axes.map((axis) => x.shape[axis] as number);
  const y = empty(shape, x.device, x.dtype);
  launch(
    'stridedCopy',
    { shape, fromStrides: axes.map((axis) => strides[axis]!), toStrides: stridesOf(shape), fromOffset: 0, toOffset: 0 },
    [x.storage('transpose').native],
    [y.storage('transpose').native],
  );
  return y;
}

/**
 * x with its axes in another order: axis i of the result is axis `axes[i]` of x. All axes reversed where `axes` is not given.
 * @throws RangeError unless `axes` names each axis of x once; negative ones count from the end.
 */
export function transpose<S extends Shape, D extends DType, const A extends Shape | undefined = undefined>(
  x: Tensor<S, D>,
  axes?: A & TransposeCheck<S, A>,
): Tensor<TransposeShape<S, NoInfer<A>>, D>;
export function transpose(x: Tensor<Shape, DType>, axes?: readonly number[]): Tensor<Shape, DType> {
  const attrs = { axes: [] as number[] };
  return apply(transposeRule, [x], attrs, () => {
    const shape = x.shape as Shape;
    if (axes !== undefined && !Array.isArray(axes))
      throw new TypeError(`transpose: axes must be an array of axes of [${shape}], got ${show(axes)}`);
    attrs.axes =
      axes === undefined
        ? shape.map((_, i) => shape.length - 1 - i)
        : Array.from(axes, (axis) => checkAxis('transpose', axis, shape)); // not map, which passes over holes
    if (attrs.axes.length !== shape.length || new Set(attrs.axes).size !== shape.length)
      throw new RangeError(
        `transpose: axes ${show(axes)} must name each of the ${shape.length} axes of [${shape}] once`,
      );
    return permuted(x, attrs.axes);
  });
}
