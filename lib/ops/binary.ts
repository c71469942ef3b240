// The elementwise functions of two tensors. They share a kernel; native/core/ops/binary.h has the list.

import { type AnyTensor, apply, commonDevice, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { BinaryFunction, BinaryPartial } from '../native/kernels';
import type { BroadcastCheck, BroadcastShape, Operand } from '../shape/elementwise';
import type { Shape } from '../shape/shape';
import { show } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { broadcastShape, broadcastStrides, sumTo } from './strides';

// Broadcasting copies an element to several places, so its gradient is the sum of theirs (sumTo).
//   add: da = dy              db = dy
//   sub: da = dy              db = −dy
//   mul: da = dy·b            db = dy·a
//   div: da = dy/b            db = −dy·a/b²
//   maximum: da = dy where a > b, dy/2 where a = b;   db likewise
type Context = { a: AnyTensor; b: AnyTensor };
const partials: Record<BinaryFunction, readonly ((dy: AnyTensor, c: Context) => AnyTensor)[]> = {
  add: [(dy) => dy, (dy) => dy],
  sub: [(dy) => dy, negate],
  mul: [(dy, { b }) => binaryOf('mul', dy, b), (dy, { a }) => binaryOf('mul', dy, a)],
  div: [(dy, { b }) => binaryOf('div', dy, b), (dy, c) => partialOf('div', 'divB', dy, c)],
  maximum: [(dy, c) => partialOf('maximum', 'maximumA', dy, c), (dy, c) => partialOf('maximum', 'maximumB', dy, c)],
};
const savesNothing: ReadonlySet<BinaryFunction> = new Set(['add', 'sub']);

function negate(dy: AnyTensor): AnyTensor {
  const d = empty(dy.shape, dy.device);
  launch('unary', { function: 'neg', count: dy.size }, [dy.storage('sub').native], [d.storage('sub').native]);
  return d;
}

/** f(a, b) over the broadcast shape, unrecorded. */
function binaryOf(name: BinaryFunction, a: AnyTensor, b: AnyTensor): AnyTensor {
  const shape = broadcastShape(a.shape, b.shape);
  if (!shape) throw new RangeError(`${name}: shapes [${a.shape}] and [${b.shape}] do not broadcast together`);
  const y = empty(shape, a.device);
  launch(
    'binary',
    { function: name, shape, aStrides: broadcastStrides(a.shape, shape), bStrides: broadcastStrides(b.shape, shape) },
    [a.storage(name).native, b.storage(name).native],
    [y.storage(name).native],
  );
  return y;
}

function partialOf(name: BinaryFunction, partial: BinaryPartial, dy: AnyTensor, { a, b }: Context): AnyTensor {
  const shape = dy.shape as Shape;
  const d = empty(shape, dy.device);
  launch(
    'binaryGrad',
    { partial, shape, aStrides: broadcastStrides(a.shape, shape), bStrides: broadcastStrides(b.shape, shape) },
    [dy.storage(name).native, a.storage(name).native, b.storage(name).native],
    [d.storage(name).native],
  );
  return d;
}

function scalar(name: string, value: number, like: AnyTensor): AnyTensor {
  const t = empty([], like.storage(name).device);
  launch('fill', { count: 1, value }, [], [t.storage(name).native]);
  return t;
}

function binary<N extends BinaryFunction>(name: N) {
  const binaryRule = rule<null>(name, ({ saved, needs, inputShapes }, dy) => {
    const context = { a: saved[0]!, b: saved[1]! };
    return partials[name].map((partial, i) => (needs[i] ? sumTo(name, partial(dy, context), inputShapes[i]!) : null));
  });
  const call = <A extends Operand, B extends Operand>(
    a: A,
    b: B & BroadcastCheck<N, A, B>,
  ): Tensor<BroadcastShape<A, B>> => {
    const like = [a, b].find((t) => typeof t !== 'number') as AnyTensor | undefined;
    if (like === undefined) throw new TypeError(`${name}: one operand must be a Tensor, got ${show(a)} and ${show(b)}`);
    commonDevice(name, [like]);
    const made: AnyTensor[] = [];
    const operands = [a, b].map((t) => {
      if (typeof t !== 'number') return t as AnyTensor;
      made.push(scalar(name, t, like));
      return made[0]!;
    });
    try {
      return apply(binaryRule, operands, null, (_device, save) => {
        const [x, y] = operands as [AnyTensor, AnyTensor];
        for (const t of operands)
          if (t.dtype !== 'f32')
            throw new TypeError(
              `${name}: operands must be f32, got ${x.dtype} [${x.shape}] and ${y.dtype} [${y.shape}]; cast first`,
            );
        const z = binaryOf(name, x, y);
        if (!savesNothing.has(name)) save(x, y);
        return z;
      });
    } finally {
      for (const t of made) t.dispose();
    }
  };
  return { rule: binaryRule, call };
}

/** a + b, elementwise, broadcast by NumPy's rules. A number stands for a scalar. */
export const { rule: addRule, call: add } = binary('add');

/** a − b, elementwise, broadcast by NumPy's rules. A number stands for a scalar. */
export const { rule: subRule, call: sub } = binary('sub');

/** a·b, elementwise, broadcast by NumPy's rules. A number stands for a scalar. */
export const { rule: mulRule, call: mul } = binary('mul');

/** a/b, elementwise, broadcast by NumPy's rules. A number stands for a scalar. */
export const { rule: divRule, call: div } = binary('div');

/**
 * The larger of a and b, elementwise, broadcast by NumPy's rules; NaN where either is. A number stands for a scalar.
 * Where they are equal, each takes half of the gradient (as PyTorch's `maximum` has it).
 */
export const { rule: maximumRule, call: maximum } = binary('maximum');
