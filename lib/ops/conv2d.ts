import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { ConvSizes } from '../native/kernels';
import type { BiasCheck, Conv2dCheck, Conv2dShape } from '../shape/dense';
import type { Pair, Shape } from '../shape/shape';
import { checkOptions, show } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { type Activation, isRelu, requireBias, requireFloats, throughActivation } from './dense';

export interface Conv2dOptions<S extends Pair = Pair, P extends Pair = Pair, G extends number = number> {
  /** Step of the window; default 1. */
  stride?: S;
  /** Rows and columns of zeros around the image, on each side; default 0. */
  padding?: P;
  /** Channels and filters are cut into this many groups that do not see each other; default 1. */
  groups?: G;
  activation?: Activation;
}

interface Attributes {
  sizes: ConvSizes;
  relu: boolean;
}

// With X the column matrix of x (row (c,r,s), column (n,i,j)) and W the weight as K×CRS, y = W·X + b:
//   dX = Wᵀ·dy, each element added back to where it came from,  dW = dy·Xᵀ,  db[k] = Σ_{n,i,j} dy[n,k,i,j]
// With an activation y = relu(z), dy stands for dL/dz.
export const conv2dRule = rule<Attributes>(
  'conv2d',
  ({ attrs: { sizes, relu }, saved, needs }, dy) => {
    const [x, weight, y] = saved;
    const { batch, filters } = sizes;
    const layout = { outer: batch, channels: filters, inner: dy.size / (batch * filters) };
    const { dz, dbias } = throughActivation('conv2d', dy, relu ? y! : null, needs[2]!, layout);
    const given = dz.storage('conv2d').native;
    const dx = needs[0] ? empty(x!.shape, dy.device) : null;
    if (dx) launch('conv2dGradInput', sizes, [given, weight!.storage('conv2d').native], [dx.storage('conv2d').native]);
    const dweight = () => {
      const dw = empty(weight!.shape, dy.device);
      launch('conv2dGradWeight', sizes, [given, x!.storage('conv2d').native], [dw.storage('conv2d').native]);
      return dw;
    };
    return [dx, needs[1] ? dweight : null, dbias];
  },
  [2],
);

/**
 * Convolution (cross-correlation) with zero padding:
 * `y[n,k,i,j] = bias[k] + Σ_{c,r,s} x[n, c, i·stride + r − padding, j·stride + s − padding] · weight[k,c,r,s]`,
 * c running over the channels of k's group. On a CPU, an infinite product may make NaN of the outputs beside it (docs/architecture.md).
 *
 * @param x N×C×H×W
 * @param weight K×(C/groups)×R×S
 * @param bias K, or null for none
 * @returns N×K×⌊(H + 2·padding − R)/stride + 1⌋×⌊(W + 2·padding − S)/stride + 1⌋
 * @throws TypeError or RangeError, with the shapes, where they do not fit each other, an option is no positive integer
 *   (padding: no negative one), or the window is larger than the padded image
 */
export function conv2d<
  X extends Shape,
  W extends Shape,
  B extends Shape,
  const S extends Pair = 1,
  const P extends Pair = 0,
  const G extends number = 1,
>(
  x: Tensor<X>,
  weight: Tensor<W> & Conv2dCheck<X, W, S, P, G>,
  bias: (Tensor<B> & BiasCheck<'conv2d', B, W[0], W>) | null,
  options?: Conv2dOptions<S, P, G>,
): Tensor<Conv2dShape<X, W, NoInfer<S>, NoInfer<P>>>;
export function conv2d(
  x: Tensor<Shape>,
  weight: Tensor<Shape>,
  bias: Tensor<Shape> | null,
  options: Conv2dOptions = {},
): Tensor<[number, number, number, number]> {
  const { sizes, outHeight, outWidth } = checkSizes(x, weight, bias, options);
  const relu = isRelu('conv2d', options.activation);
  return apply(conv2dRule, [x, weight, bias], { sizes, relu }, (device, save) => {
    const y = empty<[number, number, number, number]>([sizes.batch, sizes.filters, outHeight, outWidth], device);
    launch(
      'conv2d',
      { ...sizes, relu },
      [x.storage('conv2d').native, weight.storage('conv2d').native, bias?.storage('conv2d').native ?? null],
      [y.storage('conv2d').native],
    );
    save(x, weight);
    if (relu) save(y);
    return y;
  });
}

function checkSizes(x: unknown, weight: unknown, bias: Tensor<Shape> | null, options: Conv2dOptions) {
  requireFloats('conv2d', 'x', x);
  requireFloats('conv2d', 'weight', weight);
  checkOptions('conv2d', options, ['stride', 'padding', 'groups', 'activation']);
  if (x.rank !== 4) throw new RangeError(`conv2d: x must be N×C×H×W, got [${x.shape}]`);
  if (weight.rank !== 4) throw new RangeError(`conv2d: weight must be K×(C/groups)×R×S, got [${weight.shape}]`);
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [filters, groupChannels, kernelHeight, kernelWidth] = weight.shape as [number, number, number, number];
  requireBias('conv2d', bias, filters, weight);
  const { groups = 1 } = options;
  if (!Number.isInteger(groups) || groups < 1)
    throw new RangeError(`conv2d: groups must be a positive integer, got ${show(groups)}`);
  if (channels !== groupChannels * groups || filters % groups !== 0)
    throw new RangeError(
      `conv2d: x [${x.shape}] and weight [${weight.shape}] do not fit with groups = ${groups}: ` +
        `weight must have ${channels}/${groups} channels and a number of filters that ${groups} divides`,
    );
  const [strideHeight, strideWidth] = pair('stride', options.stride ?? 1, 1);
  const [paddingHeight, paddingWidth] = pair('padding', options.padding ?? 0, 0);
  const outHeight = Math.floor((height + 2 * paddingHeight - kernelHeight) / strideHeight) + 1;
  const outWidth = Math.floor((width + 2 * paddingWidth - kernelWidth) / strideWidth) + 1;
  if (outHeight < 1 || outWidth < 1)
    throw new RangeError(
      `conv2d: the window of weight [${weight.shape}] is larger than x [${x.shape}] with padding [${paddingHeight},${paddingWidth}]`,
    );
  const sizes: ConvSizes = {
    batch,
    channels,
    height,
    width,
    filters,
    kernelHeight,
    kernelWidth,
    strideHeight,
    strideWidth,
    paddingHeight,
    paddingWidth,
    groups,
  };
  return { sizes, outHeight, outWidth };
}

function pair(name: string, value: unknown, least: number): [number, number] {
  const numbers = Array.isArray(value) ? value : [value, value];
  if (numbers.length !== 2 || !numbers.every((n) => Number.isSafeInteger(n) && n >= least))
    throw new RangeError(
      `conv2d: ${name} must be an integer of at least ${least} or a pair [height, width] of them, got ${show(value)}`,
    );
  return numbers as [number, number];
}
