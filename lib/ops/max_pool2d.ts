import { apply, rule } from '../autograd/operator';
import { recording } from '../autograd/tape';
import type { DType } from '../native/addon';
import { launch } from '../native/addon';
import type { WindowSizes } from '../native/kernels';
import type { Pair, Shape } from '../shape/shape';
import type { Pool2dCheck, Pool2dShape, StrideOr } from '../shape/window';
import { empty, type Tensor } from '../tensor/tensor';
import { type Pool2dOptions, poolSizes } from './pool2d';

// dx[e] = Σ dy over the windows whose first maximum is e. `saved` is each winner's place in its window.
export const maxPool2dRule = rule<WindowSizes>('maxPool2d', ({ attrs, saved, inputShapes }, dy) => {
  const dx = empty(inputShapes[0]!, dy.device);
  launch(
    'maxPool2dGrad',
    attrs,
    [dy.storage('maxPool2d').native, saved[0]!.storage('maxPool2d').native],
    [dx.storage('maxPool2d').native],
  );
  return [dx];
});

/**
 * The largest element of every window. Padding is never chosen. Of equal elements the first in row order takes the gradient; a NaN
 * in the window gives NaN.
 *
 * @param x N×C×H×W
 * @returns N×C×H'×W' with H' = ⌊(H + 2·padding − kernel)/stride⌋ + 1, rounded up with `ceil`
 * @throws TypeError or RangeError, with the shape, where x is not four-dimensional f32, an option is no positive integer (padding:
 *   no negative one), the padding exceeds half the kernel, or no window fits
 */
export function maxPool2d<
  X extends Shape,
  const K extends Pair,
  const S extends Pair | undefined = undefined,
  const P extends Pair = 0,
  const C extends boolean = false,
>(
  x: Tensor<X> & Pool2dCheck<'maxPool2d', X, K, StrideOr<K, S>, P, C>,
  options: Pool2dOptions<K, S, P, C>,
): Tensor<Pool2dShape<X, K, StrideOr<K, NoInfer<S>>, NoInfer<P>, NoInfer<C>>>;
export function maxPool2d(x: Tensor<Shape>, options: Pool2dOptions): Tensor<[number, number, number, number]> {
  const sizes = poolSizes('maxPool2d', x, options);
  let index: Tensor<Shape, DType> | undefined;
  try {
    return apply(maxPool2dRule, [x], sizes, (device, save) => {
      const shape = [x.shape[0]!, x.shape[1]!, sizes.outHeight, sizes.outWidth] as [number, number, number, number];
      const y = empty(shape, device);
      if (recording()) {
        // As native/core/ops/max_pool2d.h: a byte where a place in the window fits one.
        index = empty(shape, device, sizes.kernelHeight * sizes.kernelWidth <= 256 ? 'u8' : 'i32');
        save(index);
      }
      launch(
        'maxPool2d',
        sizes,
        [x.storage('maxPool2d').native],
        [y.storage('maxPool2d').native, index?.storage('maxPool2d').native ?? null],
      );
      return y;
    });
  } finally {
    index?.dispose(); // the tape holds its own
  }
}
