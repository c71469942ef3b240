import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { TopKCheck, TopKShape } from '../shape/reduce';
import type { Shape } from '../shape/shape';
import { checkNumber, sizeOf } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';

// values[i, j] = x[i, indices[i, j]]: dx is dy at the indices, 0 elsewhere.
export const topKRule = rule<{ k: number }>('topK', ({ attrs: { k }, saved, inputShapes }, dy) => {
  const shape = inputShapes[0]!;
  const n = shape[shape.length - 1]!;
  const dx = empty(shape, dy.device);
  launch(
    'topKGrad',
    { rows: dy.size / k, n, k },
    [dy.storage('topK').native, saved[0]!.storage('topK').native],
    [dx.storage('topK').native],
  );
  return [dx];
});

/**
 * The `k` largest elements along the last axis, largest first, and their places (i32); …×n gives …×k twice.
 * Of equal elements the one with the lower index goes first; NaN counts as larger than all else. The values are differentiable.
 * @throws RangeError unless k is an integer between 1 and n.
 */
export function topK<S extends Shape, const K extends number>(
  x: Tensor<S>,
  k: K & TopKCheck<S, K>,
): { values: Tensor<TopKShape<S, K>>; indices: Tensor<TopKShape<S, K>, 'i32'> };
export function topK(x: Tensor<Shape>, k: number): { values: Tensor<Shape>; indices: Tensor<Shape, 'i32'> } {
  let indices: Tensor<Shape, 'i32'> | undefined;
  const values = apply(topKRule, [x], { k }, (device, save) => {
    const { shape } = x;
    const n = shape[shape.length - 1];
    if (x.dtype !== 'f32' || n === undefined)
      throw new TypeError(`topK: x must be f32 with at least one axis, got ${x.dtype} [${shape}]`);
    checkNumber('topK', 'k', k);
    if (!Number.isInteger(k) || k < 1 || k > n)
      throw new RangeError(`topK: k must be an integer between 1 and ${n}, the last axis of [${shape}], got ${k}`);
    const outShape = [...shape.slice(0, -1), k];
    const y = empty(outShape, device);
    indices = empty(outShape, device, 'i32');
    launch(
      'topK',
      { rows: sizeOf(outShape) / k, n, k },
      [x.storage('topK').native],
      [y.storage('topK').native, indices.storage('topK').native],
    );
    save(indices);
    return y;
  });
  return { values, indices: indices! };
}
