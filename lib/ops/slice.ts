import { apply, rule } from '../autograd/operator';
import { type DType, launch } from '../native/addon';
import type { SliceCheck, SliceShape } from '../shape/layout';
import type { Shape } from '../shape/shape';
import { show } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { stridesOf } from './strides';

// y is a box of x: dx is dy there and 0 elsewhere.
export const sliceRule = rule<{ starts: readonly number[] }>('slice', ({ attrs, inputShapes }, dy) => {
  const dx = empty(inputShapes[0]!, dy.device);
  launch('fill', { count: dx.size, value: 0 }, [], [dx.storage('slice').native]);
  copyBox(dy, dx, attrs.starts, 'in');
  return [dx];
});

/** Copies `from` out of the box of itself at `starts`, or into that of `to`. */
function copyBox(
  from: Tensor<any, any>,
  to: Tensor<any, any>,
  starts: readonly number[],
  direction: 'in' | 'out',
): void {
  const fromStrides = stridesOf(from.shape);
  const toStrides = stridesOf(to.shape);
  const offset = starts.reduce((sum, start, i) => sum + start * (direction === 'in' ? toStrides : fromStrides)[i]!, 0);
  launch(
    'stridedCopy',
    {
      shape: direction === 'in' ? from.shape : to.shape,
      fromStrides,
      toStrides,
      fromOffset: direction === 'in' ? 0 : offset,
      toOffset: direction === 'in' ? offset : 0,
    },
    [from.storage('slice').native],
    [to.storage('slice').native],
  );
}

function bounds(shape: Shape, name: string, given: unknown): number[] {
  if (!Array.isArray(given) || given.length !== shape.length)
    throw new TypeError(
      `slice: ${name} must be an array with one integer for each axis of [${shape}], got ${show(given)}`,
    );
  return given.map((v, axis) => {
    const n = shape[axis]!;
    if (!Number.isInteger(v) || v < -n || v > n)
      throw new RangeError(`slice: ${name}[${axis}] is ${show(v)}, outside axis ${axis} of [${shape}]`);
    return v < 0 ? v + n : v;
  });
}

/**
 * The box of x from `starts` (included) to `ends` (not included), one number for each axis; negative ones count from the end.
 * @throws RangeError where the box is empty or leaves x.
 */
export function slice<S extends Shape, D extends DType, const A extends Shape, const B extends Shape>(
  x: Tensor<S, D>,
  starts: A,
  ends: B & SliceCheck<S, A, B>,
): Tensor<SliceShape<S, A, B>, D>;
export function slice(x: Tensor<Shape, DType>, starts: Shape, ends: Shape): Tensor<Shape, DType> {
  const attrs = { starts: [] as number[] };
  return apply(sliceRule, [x], attrs, (device) => {
    const shape = x.shape as Shape;
    attrs.starts = bounds(shape, 'starts', starts);
    const box = bounds(shape, 'ends', ends).map((end, axis) => end - attrs.starts[axis]!);
    if (box.some((n) => n < 1))
      throw new RangeError(`slice: from ${show(starts)} to ${show(ends)} nothing of [${shape}] is left`);
    const y = empty(box, device, x.dtype);
    copyBox(x, y, attrs.starts, 'out');
    return y;
  });
}
