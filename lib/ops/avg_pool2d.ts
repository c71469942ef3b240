import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { WindowSizes } from '../native/kernels';
import type { Pair, Shape } from '../shape/shape';
import type { Pool2dCheck, Pool2dShape, StrideOr } from '../shape/window';
import { empty, type Tensor } from '../tensor/tensor';
import { type Pool2dOptions, poolSizes } from './pool2d';

// dx[e] = Σ dy/d over the windows that hold e, d being the window's divisor.
export const avgPool2dRule = rule<WindowSizes>('avgPool2d', ({ attrs, inputShapes }, dy) => {
  const dx = empty(inputShapes[0]!, dy.device);
  launch('avgPool2dGrad', attrs, [dy.storage('avgPool2d').native], [dx.storage('avgPool2d').native]);
  return [dx];
});

/**
 * The mean of every window. Padding counts as zeros (PyTorch's `count_include_pad`); what hangs over the padded image with `ceil` does
 * not count at all.
 *
 * @param x N×C×H×W
 * @returns N×C×H'×W' with H' = ⌊(H + 2·padding − kernel)/stride⌋ + 1, rounded up with `ceil`
 * @throws TypeError or RangeError, with the shape, where x is not four-dimensional f32, an option is no positive integer (padding:
 *   no negative one), the padding exceeds half the kernel, or no window fits
 */
export function avgPool2d<
  X extends Shape,
  const K extends Pair,
  const S extends Pair | undefined = undefined,
  const P extends Pair = 0,
  const C extends boolean = false,
>(
  x: Tensor<X> & Pool2dCheck<'avgPool2d', X, K, StrideOr<K, S>, P, C>,
  options: Pool2dOptions<K, S, P, C>,
): Tensor<Pool2dShape<X, K, StrideOr<K, NoInfer<S>>, NoInfer<P>, NoInfer<C>>>;
export function avgPool2d(x: Tensor<Shape>, options: Pool2dOptions): Tensor<[number, number, number, number]> {
  const sizes = poolSizes('avgPool2d', x, options);
  return apply(avgPool2dRule, [x], sizes, (device) => {
    const y = empty<[number, number, number, number]>(
      [x.shape[0]!, x.shape[1]!, sizes.outHeight, sizes.outWidth],
      device,
    );
    launch('avgPool2d', sizes, [x.storage('avgPool2d').native], [y.storage('avgPool2d').native]);
    return y;
  });
}
