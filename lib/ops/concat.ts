import { type AnyTensor, apply, rule } from '../autograd/operator';
import { type DType, launch } from '../native/addon';
import type { ConcatCheck, ConcatShape } from '../shape/layout';
import type { Shape } from '../shape/shape';
import { checkAxis, show } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { stridesOf } from './strides';

// Each input is a slab of y, and its gradient the same slab of dy.
export const concatRule = rule<{ axis: number }>('concat', ({ attrs: { axis }, needs, inputShapes }, dy) => {
  let at = 0;
  return inputShapes.map((shape, i) => {
    const start = at;
    at += shape[axis]!;
    if (!needs[i]) return null;
    const dx = empty(shape, dy.device);
    copySlab(dy, dx, shape, start * stridesOf(dy.shape)[axis]!, 0);
    return dx;
  });
});

function copySlab(from: AnyTensor, to: AnyTensor, shape: Shape, fromOffset: number, toOffset: number): void {
  launch(
    'stridedCopy',
    { shape, fromStrides: stridesOf(from.shape), toStrides: stridesOf(to.shape), fromOffset, toOffset },
    [from.storage('concat').native],
    [to.storage('concat').native],
  );
}

/**
 * The tensors of `list` one after another along `axis`. Their other sizes and their element types must agree.
 * @throws RangeError where the shapes do not fit, naming two that do not.
 */
export function concat<const L extends readonly Tensor<Shape, DType>[], const A extends number>(
  list: L & ConcatCheck<L, A>,
  axis: A,
): Tensor<ConcatShape<L, A>, L[number]['dtype']>;
export function concat(list: readonly Tensor<any, DType>[], axis: number): Tensor<Shape, DType> {
  if (!Array.isArray(list) || list.length === 0)
    throw new TypeError(`concat: takes an array of at least one tensor, got ${show(list)}`);
  const attrs = { axis: 0 };
  return apply(concatRule, list, attrs, (device) => {
    const first = list[0]!;
    const shape = [...first.shape] as number[];
    attrs.axis = checkAxis('concat', axis, shape);
    list.forEach((t, i) => {
      if (t.dtype !== first.dtype)
        throw new TypeError(
          `concat: tensor 0 is ${first.dtype} [${first.shape}], tensor ${i} is ${t.dtype} [${t.shape}]`,
        );
      if (t.rank !== first.rank || t.shape.some((n: number, a: number) => a !== attrs.axis && n !== first.shape[a]))
        throw new RangeError(
          `concat: along axis ${attrs.axis}, tensor ${i} [${t.shape}] does not fit tensor 0 [${first.shape}]`,
        );
    });
    shape[attrs.axis] = list.reduce((n, t) => n + (t.shape[attrs.axis] as number), 0);
    const y = empty(shape, device, first.dtype);
    const stride = stridesOf(shape)[attrs.axis]!;
    let at = 0;
    for (const t of list) {
      copySlab(t, y, t.shape, 0, at * stride);
      at += t.shape[attrs.axis] as number;
    }
    return y;
  });
}
