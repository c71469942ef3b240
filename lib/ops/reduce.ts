// Sum, mean and maximum over some axes or all. They share a kernel; native/core/ops/reduce.h has the list.
import { type AnyTensor, apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { Reduction } from '../native/kernels';
import type { Axes, ReduceCheck, ReduceShape } from '../shape/reduce';
import type { Shape } from '../shape/shape';
import { checkAxis, checkBoolean, checkOptions } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { broadcastStrides, broadcastTo, reducedAxes } from './strides';

export interface ReduceOptions<A extends Axes = Axes, K extends boolean = boolean> {
  /** The axis or axes that go; negative ones count from the end. All where not given. */
  axis?: A;
  /** Leave the reduced axes in the shape, with size 1. */
  keepDims?: K;
}

interface Attrs {
  readonly axes: readonly number[];
  /** The input's shape with 1 for every reduced axis. */
  readonly kept: Shape;
}

// sum: dx = dy, broadcast.   mean: dx = dy/n, broadcast.
// max: dx = dy/t where x equals the maximum, t being how many elements do.
const gradients: Record<Reduction, (dy: AnyTensor, x: Shape, attrs: Attrs, saved: readonly AnyTensor[]) => AnyTensor> =
  {
    sum: (dy, x, { kept }) => broadcastTo('sum', dy.reshape(kept), x),
    mean: (dy, x, { kept }) => {
      const n = empty([], dy.device);
      const dx = empty(x, dy.device);
      const zero = x.map(() => 0);
      launch('fill', { count: 1, value: dx.size / dy.size }, [], [n.storage('mean').native]);
      launch(
        'binary',
        { function: 'div', shape: x, aStrides: broadcastStrides(kept, x), bStrides: zero },
        [dy.storage('mean').native, n.storage('mean').native],
        [dx.storage('mean').native],
      );
      return dx;
    },
    max: (dy, x, { axes }, saved) => {
      const dx = empty(x, dy.device);
      const inputs = [dy, saved[0]!, saved[1]!].map((t) => t.storage('max').native);
      launch('maxGrad', reducedAxes(x, axes), inputs, [dx.storage('max').native]);
      return dx;
    },
  };

function axesOf(name: string, axis: ReduceOptions['axis'], shape: Shape): number[] {
  if (axis === undefined) return shape.map((_, i) => i);
  const list = (Array.isArray(axis) ? axis : [axis]) as readonly number[];
  const axes = Array.from(list, (a) => checkAxis(name, a, shape)); // not map, which passes over holes
  if (new Set(axes).size !== axes.length)
    throw new RangeError(`${name}: axis [${list}] of [${shape}] names one axis twice`);
  return axes;
}

function reduction<N extends Reduction>(name: N) {
  const reduceRule = rule<Attrs>(name, ({ attrs, saved, inputShapes }, dy) => [
    gradients[name](dy, inputShapes[0]!, attrs, saved),
  ]);
  function call<S extends Shape, const A extends Axes = undefined, const K extends boolean = false>(
    x: Tensor<S> & ReduceCheck<N, S, A>,
    options?: ReduceOptions<A, K>,
  ): Tensor<ReduceShape<S, NoInfer<A>, NoInfer<K>>>;
  function call(x: Tensor<any>, options?: ReduceOptions): Tensor<any> {
    const { axis, keepDims = false } = checkOptions(name, options, ['axis', 'keepDims']);
    checkBoolean(name, 'keepDims', keepDims);
    const attrs = { axes: [] as number[], kept: [] as number[] };
    return apply(reduceRule, [x], attrs, (device, save) => {
      if (x.dtype !== 'f32') throw new TypeError(`${name}: x must be f32, got ${x.dtype} [${x.shape}]`);
      const shape = x.shape as Shape;
      attrs.axes = axesOf(name, axis, shape);
      attrs.kept = shape.map((n, i) => (attrs.axes.includes(i) ? 1 : n));
      const walk = reducedAxes(shape, attrs.axes);
      const y = empty(keepDims ? attrs.kept : walk.shape, device);
      launch('reduce', { function: name, ...walk }, [x.storage(name).native], [y.storage(name).native]);
      if (name === 'max') save(x, y);
      return y;
    });
  }
  return { rule: reduceRule, call };
}

/** The sum over `axis` (all axes where not given), added in float64 in an order that depends on the shape alone. */
export const { rule: sumRule, call: sum } = reduction('sum');

/** The mean over `axis` (all axes where not given), added as {@link sum} adds. */
export const { rule: meanRule, call: mean } = reduction('mean');

/**
 * The largest element over `axis` (all axes where not given); NaN where there is one.
 * Elements that tie share the gradient evenly (as PyTorch's `amax` has it).
 */
export const { rule: maxRule, call: max } = reduction('max');
