import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { KernelParams } from '../native/kernels';
import type { MapsCheck } from '../shape/norm';
import type { Shape } from '../shape/shape';
import { checkOptions } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { requireFinite, requireInteger } from './arguments';
import { requireFloats } from './dense';

export interface LocalResponseNormOptions<G extends number = number> {
  /** Maps in the window: ⌊size/2⌋ on each side of the map's own; default 5. */
  size?: number;
  /** Factor of the sum of squares, not divided by the size; default 1e-4. */
  alpha?: number;
  /** Power of the divisor; default 0.75. */
  beta?: number;
  /** Added to the sum; default 2. */
  k?: number;
  /** The maps are cut into this many groups, and a window does not cross from one to the next; default 1. */
  groups?: G;
}

// With s_i = k + α Σ_{j ∈ W(i)} x_j², y_i = x_i s_i^−β, and j ∈ W(i) exactly where i ∈ W(j):
//   dx_i = dy_i s_i^−β − 2αβ x_i Σ_{j ∈ W(i)} dy_j x_j s_j^(−β−1)
// s is computed again from x rather than kept.
export const localResponseNormRule = rule<KernelParams['localResponseNorm']>(
  'localResponseNorm',
  ({ attrs, saved }, dy) => {
    const dx = empty(dy.shape, dy.device);
    launch(
      'localResponseNormGrad',
      attrs,
      [dy.storage('localResponseNorm').native, saved[0]!.storage('localResponseNorm').native],
      [dx.storage('localResponseNorm').native],
    );
    return [dx];
  },
);

/**
 * Response normalisation across maps (Krizhevsky, Sutskever, Hinton: "ImageNet classification with deep convolutional neural networks",
 * 2012, section 3.3): `y_i = x_i / (k + alpha · Σ_j x_j²)^beta`, j from `i − ⌊size/2⌋` to `i + ⌊size/2⌋` within the map's group.
 *
 * Caffe, PyTorch and ONNX divide alpha by the size; to match them, give `alpha / size` here.
 *
 * @param x N×C×H×W; in general the maps are axis 1, with any number of axes after it
 * @returns a tensor of x's shape
 * @throws TypeError or RangeError where x is not f32 with at least two axes, size or groups is no positive integer, groups does not
 *   divide the number of maps, or alpha, beta or k is not finite
 */
export function localResponseNorm<S extends Shape, const G extends number = 1>(
  x: Tensor<S> & MapsCheck<'localResponseNorm', S, G>,
  options?: LocalResponseNormOptions<G>,
): Tensor<S>;
export function localResponseNorm(x: Tensor<Shape>, options?: LocalResponseNormOptions): Tensor<Shape> {
  const name = 'localResponseNorm';
  requireFloats(name, 'x', x);
  if (x.rank < 2) throw new RangeError(`${name}: x must be N×C×…, got [${x.shape as Shape}]`);
  const given = checkOptions(name, options, ['size', 'alpha', 'beta', 'k', 'groups']);
  const { size = 5, alpha = 1e-4, beta = 0.75, k = 2, groups = 1 } = given;
  requireInteger(name, 'size', size, 1);
  requireInteger(name, 'groups', groups, 1);
  requireFinite(name, 'alpha', alpha);
  requireFinite(name, 'beta', beta);
  requireFinite(name, 'k', k);
  const channels = x.shape[1]!;
  if (channels % groups !== 0)
    throw new RangeError(
      `${name}: the ${channels} maps of x [${x.shape as Shape}] do not divide into ${groups} groups`,
    );
  const pixels = x.shape.slice(2).reduce((a, b) => a * b, 1);
  const params = { outer: x.shape[0]!, channels, pixels, size, groups, alpha, beta, k };
  return apply(localResponseNormRule, [x], params, (device, save) => {
    const y = empty(x.shape, device);
    launch(name, params, [x.storage(name).native], [y.storage(name).native]);
    save(x);
    return y;
  });
}
