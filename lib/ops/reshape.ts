import { apply, rule } from '../autograd/operator';
import type { DType } from '../native/addon';
import type { FlattenCheck, FlattenShape, ReshapeCheck, ReshapeShape } from '../shape/layout';
import type { Shape } from '../shape/shape';
import { checkNumber, checkShape, maxRank, show, sizeOf } from '../tensor/checks';
import { Tensor } from '../tensor/tensor';

// The values stay, so the gradient is dy in x's shape.
export const reshapeRule = rule<null>('reshape', ({ inputShapes }, dy) => [view(dy, inputShapes[0]!)]);
export const flattenRule = rule<null>('flatten', ({ inputShapes }, dy) => [view(dy, inputShapes[0]!)]);

function view<S extends Shape>(x: Tensor<any, any>, shape: S): Tensor<S, any> {
  return new Tensor<S, any>(x.storage('reshape').retain(), shape);
}

/**
 * The same values, in row-major order, in another shape of the same size. At most one size may be −1: it becomes what is left.
 *
 * Shares x's memory: nothing is copied, `copyFrom` on one shows in the other, and the memory goes when the last of them is disposed of.
 * @throws RangeError where the sizes differ, naming both shapes.
 */
export function reshape<S extends Shape, D extends DType, const To extends Shape>(
  x: Tensor<S, D>,
  shape: To & ReshapeCheck<S, To>,
): Tensor<ReshapeShape<S, To>, D>;
export function reshape(x: Tensor<Shape, DType>, shape: Shape): Tensor<Shape, DType> {
  return apply(reshapeRule, [x], null, () => view(x, resolve(x, shape)));
}

function resolve(x: Tensor<any, any>, shape: Shape): Shape {
  if (!Array.isArray(shape) || shape.length > maxRank || !shape.includes(-1)) {
    checkShape('reshape', shape);
    if (sizeOf(shape) !== x.size)
      throw new RangeError(`reshape: [${x.shape}] has ${x.size} elements, ${show(shape)} has ${sizeOf(shape)}`);
    return shape;
  }
  const at = shape.indexOf(-1);
  const known = shape.filter((_, i) => i !== at);
  if (known.includes(-1)) throw new RangeError(`reshape: only one size of ${show(shape)} may be -1`);
  checkShape('reshape', known);
  if (x.size % sizeOf(known) !== 0)
    throw new RangeError(`reshape: [${x.shape}] has ${x.size} elements, which ${show(shape)} does not divide`);
  const resolved = shape.map((n, i) => (i === at ? x.size / sizeOf(known) : n));
  checkShape('reshape', resolved);
  return resolved;
}

/**
 * x with the axes from `startAxis` on made one: N×C×H×W becomes N×(C·H·W), ready for a fully-connected layer; `flatten(x, 0)` gives one axis.
 * Shares x's memory, as {@link reshape} does. Where `startAxis` is x's rank, an axis of size 1 is added.
 * @throws RangeError unless `startAxis` is between 0 and x's rank.
 */
export function flatten<S extends Shape, D extends DType, const Start extends number = 1>(
  x: Tensor<S, D>,
  startAxis?: Start & FlattenCheck<S, Start>,
): Tensor<FlattenShape<S, NoInfer<Start>>, D>;
export function flatten(x: Tensor<Shape, DType>, startAxis = 1): Tensor<Shape, DType> {
  return apply(flattenRule, [x], null, () => {
    const shape = x.shape as Shape;
    checkNumber('flatten', 'startAxis', startAxis);
    if (!Number.isInteger(startAxis) || startAxis < 0 || startAxis > shape.length)
      throw new RangeError(`flatten: startAxis ${startAxis} of [${shape}], which has ${shape.length} axes`);
    const flat = [...shape.slice(0, startAxis), sizeOf(shape.slice(startAxis))];
    checkShape('flatten', flat);
    return view(x, flat);
  });
}
