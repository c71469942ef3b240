// The elementwise functions of one tensor. They share a kernel; native/core/ops/unary.h has the list.
import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { UnaryFunction } from '../native/kernels';
import type { Shape } from '../shape/shape';
import { empty, type Tensor } from '../tensor/tensor';

// dx = dy · f'(x), written in y where that is simplest (relu: [y > 0]; tanh: 1 − y²; sigmoid: y(1 − y); exp: y; sqrt: 1/(2y))
const inOutput: ReadonlySet<UnaryFunction> = new Set(['relu', 'tanh', 'sigmoid', 'exp', 'sqrt']);

function unary(name: UnaryFunction) {
  const unaryRule = rule<null>(name, ({ saved }, dy) => {
    const dx = empty(dy.shape, dy.device);
    launch(
      'unaryGrad',
      { function: name, count: dy.size },
      [dy.storage(name).native, saved[0]!.storage(name).native],
      [dx.storage(name).native],
    );
    return [dx];
  });
  const call = <S extends Shape>(x: Tensor<S>): Tensor<S> =>
    apply(unaryRule, [x], null, (device, save) => {
      if (x.dtype !== 'f32') throw new TypeError(`${name}: x must be f32, got ${x.dtype} [${x.shape}]`);
      const y = empty(x.shape, device);
      launch('unary', { function: name, count: x.size }, [x.storage(name).native], [y.storage(name).native]);
      save(inOutput.has(name) ? y : x);
      return y;
    });
  return { rule: unaryRule, call };
}

/** max(0, x), elementwise. */
export const { rule: reluRule, call: relu } = unary('relu');
