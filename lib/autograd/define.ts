// Operators made by users: a forward written with other operators, and its gradient beside it.
import { show } from '../tensor/checks';
import { scope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import { type AnyTensor, apply, type GradientContext, type Rule } from './operator';
import { unrecorded } from './tape';

/** What a forward hands to its backward. Any other field may be set on it, for numbers and the like. */
export interface OpContext {
  /** Keeps tensors alive until the backward pass has gone by. Tensors in other fields are freed when the forward returns. */
  save(...tensors: AnyTensor[]): void;
  /** What was saved, in order. */
  readonly saved: readonly AnyTensor[];
  /** In the backward: whether the gradient towards argument i is wanted. Where not, null may be returned for it. */
  readonly needs: readonly boolean[];
  [field: string]: any;
}

class Context implements OpContext {
  [field: string]: any;
  #save: ((...tensors: AnyTensor[]) => void) | null = null;
  #saved: readonly AnyTensor[] = [];
  needs: readonly boolean[] = [];

  constructor(readonly name: string) {}

  get saved(): readonly AnyTensor[] {
    return this.#saved;
  }

  save(...tensors: AnyTensor[]): void {
    if (!this.#save) throw new Error(`${this.name}: ctx.save is for the forward`);
    for (const t of tensors)
      if (!(t instanceof Tensor)) throw new TypeError(`${this.name}: ctx.save takes tensors, got ${show(t)}`);
    this.#save(...tensors);
    this.#saved = [...this.#saved, ...tensors];
  }

  /** @internal */
  forward<T>(save: (...tensors: AnyTensor[]) => void, body: () => T): T {
    this.#save = save;
    try {
      return body();
    } finally {
      this.#save = null;
      this.#saved = [];
    }
  }

  /** @internal */
  backward<T>(context: GradientContext<unknown>, needs: readonly boolean[], body: () => T): T {
    this.#saved = context.saved;
    this.needs = needs;
    try {
      return body();
    } finally {
      this.#saved = [];
    }
  }
}

/**
 * Makes an operator from a forward and its gradient.
 *
 * `forward(ctx, ...inputs)` computes one f32 tensor with any operators; none of them is recorded, and whatever it makes besides its
 * result is freed. `backward(ctx, dy)` returns dL/dinput for each argument, in order: a tensor of that argument's shape, or null where
 * there is none; arguments that are no tensors may be left out at the end. Neither may be asynchronous.
 * The operator has the forward's type, generics included.
 *
 * ```ts
 * const swish = defineOp('swish',
 *   <S extends Shape>(ctx: OpContext, x: Tensor<S>): Tensor<S> => {
 *     const v: Tensor = x; // inside, shapes are known at run time only
 *     const y = ops.sigmoid(v);
 *     ctx.save(v, y);
 *     return ops.mul(v, y) as Tensor<any>;
 *   },
 *   ({ saved: [x, y] }, dy) => [ops.mul(dy, ops.add(y!, ops.mul(x!, ops.mul(y!, ops.sub(1, y!)))))]);
 * ```
 * @throws TypeError and RangeError starting with `name` where forward or backward return something else.
 */
export function defineOp<A extends readonly unknown[], R extends Tensor<any, any>>(
  name: string,
  forward: (ctx: OpContext, ...inputs: A) => R,
  backward: (ctx: OpContext, dy: Tensor<any>) => readonly (AnyTensor | null)[],
): (...inputs: A) => R {
  if (typeof name !== 'string' || name === '')
    throw new TypeError(`defineOp: name must be a string, got ${show(name)}`);
  if (typeof forward !== 'function' || typeof backward !== 'function')
    throw new TypeError(`defineOp: ${name} needs a forward and a backward function`);

  interface Call {
    readonly context: Context;
    /** Positions of the arguments that are tensors. */
    readonly positions: readonly number[];
    readonly count: number;
  }
  const rule: Rule<Call> = {
    name,
    gradient(context, dy) {
      const { context: ctx, positions, count } = context.attrs;
      const needs = Array.from({ length: count }, (_, i) => context.needs[positions.indexOf(i)] ?? false);
      const list = ctx.backward(context, needs, () => backward(ctx, dy));
      if (!Array.isArray(list))
        throw new TypeError(`${name}: backward must return an array of gradients, got ${show(list)}`);
      if (list.length > count || list.length <= positions[positions.length - 1]!)
        throw new RangeError(
          `${name}: backward gave ${list.length} gradients for ${count} arguments, ${positions.length} of them tensors`,
        );
      list.forEach((g: unknown, i) => {
        if (g === null) return;
        if (!(g instanceof Tensor))
          throw new TypeError(`${name}: gradient ${i} must be a Tensor or null, got ${show(g)}`);
        if (!positions.includes(i))
          throw new TypeError(`${name}: gradient ${i} must be null: argument ${i} is no tensor`);
        g.storage(name);
        if (g.dtype !== 'f32') throw new TypeError(`${name}: gradient ${i} must be f32, got ${g.dtype} [${g.shape}]`);
      });
      return positions.map((p) => list[p] as AnyTensor | null);
    },
  };

  return (...inputs: A): R => {
    const tensors: AnyTensor[] = [];
    const positions: number[] = [];
    inputs.forEach((input, i) => {
      if (!(input instanceof Tensor)) return;
      tensors.push(input);
      positions.push(i);
    });
    if (tensors.length === 0) throw new TypeError(`${name}: needs a tensor among its arguments`);
    const context = new Context(name);
    return apply(rule, tensors, { context, positions, count: inputs.length }, (_device, save) => {
      using temporaries = scope();
      const y: unknown = context.forward(save, () => unrecorded(() => forward(context, ...inputs)));
      if (y instanceof Promise) y.catch(() => {}); // asynchronous: refused below, without an unhandled rejection besides
      if (!(y instanceof Tensor)) throw new TypeError(`${name}: forward must return a Tensor, got ${show(y)}`);
      // A tensor that the forward did not make (its input, say) stays what it is: the result is another handle of the same memory.
      return temporaries.keep(temporaries.has(y) ? y : new Tensor(y.storage(name).retain(), y.shape)) as R;
    });
  };
}
