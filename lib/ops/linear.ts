import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { BiasCheck, LinearCheck, LinearShape } from '../shape/dense';
import type { Shape } from '../shape/shape';
import { checkOptions } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { cast } from './cast';
import { type Activation, isRelu, requireBias, requireFloats, requireOneOf, throughActivation } from './dense';

export interface LinearOptions {
  activation?: Activation;
}

interface Attributes {
  rows: number;
  inputs: number;
  outputs: number;
  relu: boolean;
}

// y = x·Wᵀ + b:  dx = dy·W,  dW = dyᵀ·x,  db = Σ over the rows of dy.  With an activation y = relu(z), dy stands for dL/dz.
export const linearRule = rule<Attributes>(
  'linear',
  ({ attrs, saved, needs }, dy) => {
    const { rows, inputs, outputs, relu } = attrs;
    const [x, weight, y] = saved;
    const layout = { outer: rows, channels: outputs, inner: 1 };
    const { dz, dbias } = throughActivation('linear', dy, relu ? y! : null, needs[2]!, layout);
    const given = dz.storage('linear').native;
    const common = { batch: 1, relu: false, transposeB: false };
    const dx = needs[0] ? empty(x!.shape, dy.device) : null;
    if (dx) {
      const wide = weight!.dtype === 'f32' ? weight! : cast(weight!, 'f32');
      launch(
        'matmul',
        { ...common, m: rows, n: inputs, k: outputs, transposeA: false },
        [given, wide.storage('linear').native],
        [dx.storage('linear').native],
      );
    }
    const dweight = () => {
      const dw = empty(weight!.shape, dy.device);
      launch(
        'matmul',
        { ...common, m: outputs, n: inputs, k: rows, transposeA: true },
        [given, x!.storage('linear').native],
        [dw.storage('linear').native],
      );
      return dw;
    };
    return [dx, needs[1] ? dweight : null, dbias];
  },
  [2],
);

/**
 * A fully-connected layer: `y[…,o] = bias[o] + Σ_i x[…,i] · weight[o,i]`.
 *
 * @param x …×inputs, any number of leading axes
 * @param weight outputs×inputs; f32, or bf16 (see {@link cast}), which has half the bytes to read and no gradient of its own. Products and
 *   sums are f32 either way
 * @param bias outputs, or null for none
 * @returns …×outputs
 * @throws TypeError or RangeError, with the shapes, where they do not fit
 */
export function linear<X extends Shape, W extends Shape, B extends Shape>(
  x: Tensor<X>,
  weight: Tensor<W, 'f32' | 'bf16'> & LinearCheck<X, W>,
  bias: (Tensor<B> & BiasCheck<'linear', B, W[0], W>) | null,
  options?: LinearOptions,
): Tensor<LinearShape<X, W>>;
export function linear(
  x: Tensor<Shape>,
  weight: Tensor<Shape, 'f32' | 'bf16'>,
  bias: Tensor<Shape> | null,
  options: LinearOptions = {},
): Tensor<Shape> {
  requireFloats('linear', 'x', x);
  requireOneOf('linear', 'weight', weight, ['f32', 'bf16']);
  checkOptions('linear', options, ['activation']);
  if (weight.rank !== 2) throw new RangeError(`linear: weight must be outputs×inputs, got [${weight.shape}]`);
  const [outputs, inputs] = weight.shape as [number, number];
  if (x.rank < 1 || x.shape[x.rank - 1] !== inputs)
    throw new RangeError(
      `linear: the last axis of x [${x.shape}] must have the ${inputs} inputs of weight [${weight.shape}]`,
    );
  requireBias('linear', bias, outputs, weight);
  const relu = isRelu('linear', options.activation);
  const attributes = { rows: x.size / inputs, inputs, outputs, relu };
  return apply(linearRule, [x, weight, bias], attributes, (device, save) => {
    const y = empty([...x.shape.slice(0, -1), outputs], device);
    launch(
      'matmul',
      { batch: 1, m: attributes.rows, n: outputs, k: inputs, transposeA: false, transposeB: true, relu },
      [x.storage('linear').native, weight.storage('linear').native, bias?.storage('linear').native ?? null],
      [y.storage('linear').native],
    );
    save(x, weight);
    if (relu) save(y);
    return y;
  });
}
