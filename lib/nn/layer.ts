import type { AsShape, Shape, ShapeError } from '../shape/shape';
import { checkBoolean, checkOptions, show } from '../tensor/checks';
import { checkSeed } from '../tensor/random';
import { scope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';

/**
 * How the shape of a layer's output follows from its input's. A rule reads its input as `this['input']`:
 *
 * ```ts
 * interface HalfTheRows extends nn.ShapeRule {
 *   readonly output: nn.Input<this> extends readonly [unknown, infer C] ? [number, C & number] : number[];
 * }
 * ```
 * `check`, where a rule has it, is `unknown` for an input that fits and an {@link ShapeError} for one that does not.
 */
export interface ShapeRule {
  readonly input: unknown;
  readonly output: Shape;
  readonly check: unknown;
}

/** The input's shape, inside a rule. */
export type Input<R extends { readonly input: unknown }> = AsShape<R['input']>;

/** What rule R makes of an input of shape X. */
export type Output<R extends ShapeRule, X extends Shape> = (R & { readonly input: X })['output'];

/** `unknown` where rule R takes an input of shape X. */
export type Check<R extends ShapeRule, X extends Shape> = (R & { readonly input: X })['check'];

/** The rule of a layer that keeps the shape. */
export interface SameShape extends ShapeRule {
  readonly output: Input<this>;
}

/** The rule of a layer that leaves its shapes to run time. */
export interface AnyShape extends ShapeRule {
  readonly output: number[];
}

export type Params = Readonly<Record<string, Tensor<any, any>>>;

export interface ForwardOptions {
  /** Training time or (the default) test time: dropout differs. */
  readonly train?: boolean;
  /** Fixes every random number of this pass, an integer in [0, 2^53). Default: each layer has a sequence of its own. */
  readonly seed?: number;
}

declare const shapeRule: unique symbol;

/**
 * A function of one tensor with parameters. Another kind of layer is a class with `params` and `run`, and a rule for its shapes:
 *
 * ```ts
 * class Scale<C extends number> extends nn.Layer<nn.SameShape> {
 *   readonly params: { readonly gain: Tensor<[C, 1, 1]> };
 *   constructor(channels: C) {
 *     super('scale');
 *     this.params = { gain: ones([channels, 1, 1]) };
 *   }
 *   protected run(x: Tensor<Shape>) {
 *     return ops.mul(x, this.params.gain);
 *   }
 * }
 * ```
 */
export abstract class Layer<out R extends ShapeRule = AnyShape> implements Disposable {
  declare readonly [shapeRule]: R;
  /** Parameters by name. They belong to the layer until `dispose`. */
  abstract readonly params: Params;

  /** @param name what error messages call the layer */
  constructor(readonly name: string) {}

  /** The layer's function. What it makes is freed when it returns, except for the result: a layer makes what it wants to keep elsewhere. */
  protected abstract run(x: Tensor<Shape>, options: ForwardOptions): Tensor<any>;

  /** The layer's output for x: a tensor that belongs to the caller. */
  forward<X extends Shape>(x: Tensor<X> & Check<R, X>, options?: ForwardOptions): Tensor<Output<R, X>>;
  forward(x: Tensor<Shape>, options?: ForwardOptions): Tensor<any> {
    if (!(x instanceof Tensor)) throw new TypeError(`${this.name}: x must be a Tensor, got ${show(x)}`);
    const { train = false, seed } = checkOptions(this.name, options, ['train', 'seed']);
    checkBoolean(this.name, 'train', train);
    if (seed !== undefined) checkSeed(this.name, seed);
    using temporaries = scope();
    const y = this.run(x, { train, seed });
    if (!(y instanceof Tensor)) throw new TypeError(`${this.name}: run must return a Tensor, got ${show(y)}`);
    // What the layer did not make (its input, a parameter) stays its owner's: the result is another handle of the same values.
    return temporaries.keep(temporaries.has(y) ? y : y.reshape(y.shape));
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const p of Object.values(this.params)) p.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
