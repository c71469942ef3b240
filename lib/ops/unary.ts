// The elementwise functions of one tensor. They share a kernel; native/core/ops/unary.h has the list.
import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { UnaryFunction } from '../native/kernels';
import type { Shape } from '../shape/shape';
import { empty, type Tensor } from '../tensor/tensor';

// dx = dy · f'(x), written in y where that is simplest:
//   relu: [y > 0]   tanh: 1 − y²   sigmoid: y(1 − y)   exp: y   sqrt: 1/(2y)   neg: −1   log: 1/x   square: 2x   abs: sign(x)
const inOutput: ReadonlySet<UnaryFunction> = new Set(['relu', 'tanh', 'sigmoid', 'exp', 'sqrt']);

function unary(name: UnaryFunction) {
  const unaryRule = rule<null>(name, ({ saved }, dy) => {
    const dx = empty(dy.shape, dy.device);
    launch(
      'unaryGrad',
      { function: name, count: dy.size },
      [dy.storage(name).native, (saved[0] ?? dy).storage(name).native],
      [dx.storage(name).native],
    );
    return [dx];
  });
  const call = <S extends Shape>(x: Tensor<S>): Tensor<S> =>
    apply(unaryRule, [x], null, (device, save) => {
      if (x.dtype !== 'f32') throw new TypeError(`${name}: x must be f32, got ${x.dtype} [${x.shape}]`);
      const y = empty(x.shape, device);
      launch('unary', { function: name, count: x.size }, [x.storage(name).native], [y.storage(name).native]);
      if (name !== 'neg') save(inOutput.has(name) ? y : x);
      return y;
    });
  return { rule: unaryRule, call };
}

/** max(0, x), elementwise; NaN stays NaN. The gradient at 0 is 0. */
export const { rule: reluRule, call: relu } = unary('relu');

/** The hyperbolic tangent (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ), elementwise. */
export const { rule: tanhRule, call: tanh } = unary('tanh');

/** 1/(1 + e⁻ˣ), elementwise. */
export const { rule: sigmoidRule, call: sigmoid } = unary('sigmoid');

/** −x, elementwise. */
export const { rule: negRule, call: neg } = unary('neg');

/** eˣ, elementwise. */
export const { rule: expRule, call: exp } = unary('exp');

/** The natural logarithm, elementwise: −∞ at 0, NaN below. */
export const { rule: logRule, call: log } = unary('log');

/** √x, elementwise: NaN below 0. The gradient at 0 is infinite. */
export const { rule: sqrtRule, call: sqrt } = unary('sqrt');

/** x², elementwise. */
export const { rule: squareRule, call: square } = unary('square');

/** |x|, elementwise. The gradient at 0 is 0. */
export const { rule: absRule, call: abs } = unary('abs');
