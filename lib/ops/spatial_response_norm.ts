import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { KernelParams } from '../native/kernels';
import type { ImagesCheck } from '../shape/norm';
import type { Shape } from '../shape/shape';
import { checkOptions } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { requireFinite, requireInteger } from './arguments';
import { requireFloats } from './dense';

export interface SpatialResponseNormOptions {
  /** Rows and columns of the window. */
  size: number;
  /** Factor of the sum of squares, not divided by anything. */
  alpha: number;
  /** Power of the divisor. */
  beta: number;
  /** Added to the sum; default 1. */
  k?: number;
}

// With s_p = k + α Σ_{q ∈ W(p)} x_q² and y_p = x_p s_p^−β:
//   dx_p = dy_p s_p^−β − 2αβ x_p Σ_{q: p ∈ W(q)} dy_q x_q s_q^(−β−1)
export const spatialResponseNormRule = rule<KernelParams['spatialResponseNorm']>(
  'spatialResponseNorm',
  ({ attrs, saved }, dy) => {
    const dx = empty(dy.shape, dy.device);
    launch(
      'spatialResponseNormGrad',
      attrs,
      [dy.storage('spatialResponseNorm').native, saved[0]!.storage('spatialResponseNorm').native],
      [dx.storage('spatialResponseNorm').native],
    );
    return [dx];
  },
);

/**
 * Response normalisation over a neighbourhood in the same map (the `rnorm` layers of the 2012 code):
 * `y = x / (k + alpha · Σ x²)^beta`, the sum over a size×size window that starts ⌊size/2⌋ rows and columns before the element and is
 * cut off at the map's edges.
 *
 * @param x N×C×H×W
 * @returns a tensor of x's shape
 * @throws TypeError or RangeError where x is not four-dimensional f32, size is no positive integer, or another option is not finite
 */
export function spatialResponseNorm<S extends Shape>(
  x: Tensor<S> & ImagesCheck<'spatialResponseNorm', S>,
  options: SpatialResponseNormOptions,
): Tensor<S>;
export function spatialResponseNorm(x: Tensor<Shape>, options: SpatialResponseNormOptions): Tensor<Shape> {
  const name = 'spatialResponseNorm';
  requireFloats(name, 'x', x);
  if (x.rank !== 4) throw new RangeError(`${name}: x must be N×C×H×W, got [${x.shape as Shape}]`);
  const { size, alpha, beta, k = 1 } = checkOptions(name, options, ['size', 'alpha', 'beta', 'k']);
  requireInteger(name, 'size', size, 1);
  requireFinite(name, 'alpha', alpha);
  requireFinite(name, 'beta', beta);
  requireFinite(name, 'k', k);
  const [batch, channels, height, width] = x.shape as Shape as readonly [number, number, number, number];
  const params = { planes: batch * channels, height, width, size, alpha, beta, k };
  return apply(spatialResponseNormRule, [x], params, (device, save) => {
    const y = empty(x.shape, device);
    launch(name, params, [x.storage(name).native], [y.storage(name).native]);
    save(x);
    return y;
  });
}
