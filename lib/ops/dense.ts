// What the matrix-product operators (matmul, linear, conv2d) share.
import { launch } from '../native/addon';
import type { Shape } from '../shape/shape';
import { show } from '../tensor/checks';
import { empty, Tensor } from '../tensor/tensor';

/** `'relu'`: max(0, ·) of the result in the same pass, the same numbers as `relu` after it; the values before it are never stored. */
export type Activation = 'relu';

/** Throws unless `t` is a tensor of float32 without an axis of size 0. */
export function requireFloats(operator: string, name: string, t: unknown): asserts t is Tensor<Shape> {
  if (!(t instanceof Tensor))
    throw new TypeError(`${operator}: ${name} must be a Tensor, got ${t === null ? 'null' : typeof t}`);
  if (t.dtype !== 'f32') throw new TypeError(`${operator}: ${name} must be f32, got ${t.dtype} [${t.shape}]`);
  if (t.shape.includes(0)) throw new RangeError(`${operator}: ${name} [${t.shape}] is empty`);
}

export function requireBias(operator: string, bias: Tensor<Shape> | null, size: number, weight: Tensor<Shape>): void {
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

/** dL/d(before relu) from dL/dy and y = relu(…): relu lets the gradient through where its output is positive. */
export function throughRelu(operator: string, dy: Tensor<Shape>, y: Tensor<Shape>): Tensor<Shape> {
  const dx = empty(dy.shape, dy.device);
  launch(
    'unaryGrad',
    { function: 'relu', count: dy.size },
    [dy.storage(operator).native, y.storage(operator).native],
    [dx.storage(operator).native],
  );
  return dx;
}

/** db[c] = Σ dy[o,c,i], dy taken as outer×channels×inner. */
export function biasGradient(
  operator: string,
  dy: Tensor<Shape>,
  outer: number,
  channels: number,
  inner: number,
): Tensor<[number]> {
  const dbias = empty<[number]>([channels], dy.device);
  launch('biasGrad', { outer, channels, inner }, [dy.storage(operator).native], [dbias.storage(operator).native]);
  return dbias;
}
