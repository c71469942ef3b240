import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { KernelParams } from '../native/kernels';
import type { AxisCheck } from '../shape/reduce';
import type { Shape } from '../shape/shape';
import { checkAxis } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { requireFloats } from './dense';

// softmax: with y = softmax(x), ∂y_i/∂x_j = y_i (δ_ij − y_j), so dx = y (dy − Σ dy y).
// logSoftmax: with y = x − log Σ exp x, ∂y_i/∂x_j = δ_ij − exp y_j, so dx = dy − exp(y) Σ dy.
function family<N extends 'softmax' | 'logSoftmax'>(name: N) {
  const softmaxRule = rule<KernelParams['softmax']>(name, ({ attrs, saved }, dy) => {
    const dx = empty(dy.shape, dy.device);
    launch('softmaxGrad', attrs, [dy.storage(name).native, saved[0]!.storage(name).native], [dx.storage(name).native]);
    return [dx];
  });
  function call<S extends Shape, const A extends number = -1>(x: Tensor<S> & AxisCheck<N, S, A>, axis?: A): Tensor<S>;
  function call(x: Tensor<Shape>, axis = -1): Tensor<Shape> {
    requireFloats(name, 'x', x);
    const { shape } = x;
    const at = checkAxis(name, axis, shape);
    const size = (part: Shape) => part.reduce((a, b) => a * b, 1);
    const params = {
      outer: size(shape.slice(0, at)),
      axis: shape[at]!,
      inner: size(shape.slice(at + 1)),
      log: name === 'logSoftmax',
    };
    return apply(softmaxRule, [x], params, (device, save) => {
      const y = empty(x.shape, device);
      launch('softmax', params, [x.storage(name).native], [y.storage(name).native]);
      save(y);
      return y;
    });
  }
  return { rule: softmaxRule, call };
}

/**
 * `exp(x_i) / Σ_j exp(x_j)` along an axis (default the last), the largest x taken off first, so that it cannot overflow.
 *
 * @param x of any shape with at least one axis
 * @returns a tensor of x's shape
 * @throws TypeError or RangeError where x is not f32 or has no such axis
 */
export const { rule: softmaxRule, call: softmax } = family('softmax');

/**
 * `x_i − log Σ_j exp(x_j)` along an axis (default the last): the logarithm of {@link softmax} without its underflow.
 *
 * @param x of any shape with at least one axis
 * @returns a tensor of x's shape
 * @throws TypeError or RangeError where x is not f32 or has no such axis
 */
export const { rule: logSoftmaxRule, call: logSoftmax } = family('logSoftmax');
