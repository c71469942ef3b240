// What the matrix-product operators (matmul, linear, conv2d) share.
import { type DType, launch } from '../native/addon';
import type { Shape } from '../shape/shape';
import { show } from '../tensor/checks';
import { empty, Tensor } from '../tensor/tensor';

/** `'relu'`: max(0, ·) of the result in the same pass, the same numbers as `relu` after it; the values before it are never stored. */
export type Activation = 'relu';

/** Throws unless `t` is a tensor of float32 without an axis of size 0. */
export function requireFloats(operator: string, name: string, t: unknown): asserts t is Tensor<Shape> {
  requireOneOf(operator, name, t, ['f32']);
}

/** Throws unless `t` is a tensor of one of these types without an axis of size 0. */
export function requireOneOf<D extends DType>(
  operator: string,
  name: string,
  t: unknown,
  dtypes: readonly D[],
): asserts t is Tensor<Shape, D> {
  if (!(t instanceof Tensor)) throw new TypeError(`${operator}: ${name} must be a Tensor, got ${show(t)}`);
  if (!dtypes.includes(t.dtype))
    throw new TypeError(`${operator}: ${name} must be ${dtypes.join(' or ')}, got ${t.dtype} [${t.shape}]`);
  if (t.shape.includes(0)) throw new RangeError(`${operator}: ${name} [${t.shape}] is empty`);
}

export function requireBias(
  operator: string,
  bias: Tensor<Shape> | null,
  size: number,
  weight: Tensor<Shape, any>,
): void {
  if (bias === null) return;
  requireFloats(operator, 'bias', bias);
  if (bias.rank !== 1 || bias.shape[0] !== size)
    throw new RangeError(
      `${operator}: bias [${bias.shape}] must have the shape [${size}] for a weight of shape [${weight.shape}]`,
    );
}

/** Whether the activation is relu. */
export function isRelu(operator: string, activation: unknown): boolean {
  if (activation === undefined || activation === 'relu') return activation === 'relu';
  throw new RangeError(`${operator}: activation must be 'relu' or left out, got ${show(activation)}`);
}

/**
 * From dL/dy, y being a layer's output taken as outer×channels×inner: dL/dz with z the output before its activation, and
 * db[c] = Σ dL/dz[o,c,i] where `needsBias`. In one pass where it is both.
 *
 * @param y the output where the activation is relu, which lets the gradient through where its output is positive; null where there is none
 */
export function throughActivation(
  operator: string,
  dy: Tensor<Shape>,
  y: Tensor<Shape> | null,
  needsBias: boolean,
  sizes: { outer: number; channels: number; inner: number },
): { dz: Tensor<Shape>; dbias: Tensor<[number]> | null } {
  const given = dy.storage(operator).native;
  const dz = y ? empty(dy.shape, dy.device) : dy;
  const dbias = needsBias ? empty<[number]>([sizes.channels], dy.device) : null;
  if (y && dbias)
    launch(
      'biasGrad',
      { ...sizes, relu: true },
      [given, y.storage(operator).native],
      [dbias.storage(operator).native, dz.storage(operator).native],
    );
  else if (y)
    launch(
      'unaryGrad',
      { function: 'relu', count: dy.size },
      [given, y.storage(operator).native],
      [dz.storage(operator).native],
    );
  else if (dbias) launch('biasGrad', { ...sizes, relu: false }, [given], [dbias.storage(operator).native]);
  return { dz, dbias };
}
