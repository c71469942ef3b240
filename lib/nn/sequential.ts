// Layers one after another.
import type { AsShape, Shape, ShapeError } from '../shape/shape';
import { show } from '../tensor/checks';
import { mixSeed } from '../tensor/random';
import type { Tensor } from '../tensor/tensor';
import { type Check, type ForwardOptions, type Input, Layer, type Output, type Params, type ShapeRule } from './layer';

/** A layer, or a layer with its name. */
export type Step = Layer<any> | readonly [name: string, layer: Layer<any>];

type LayerOf<S> = S extends readonly [string, infer L] ? L : S;
type RuleOf<S> = LayerOf<S> extends Layer<infer R> ? R : never;
type NameOf<S, Position extends string> = S extends readonly [infer Name extends string, unknown] ? Name : Position;

/** What is wrong, and with which step. */
interface Refusal<Position, Message extends string> extends ShapeError<Message> {
  readonly position: Position;
}

/** The shape after all steps, or a Refusal by the first one that does not take what it is given. */
type Run<Steps, X extends Shape, Before extends unknown[] = []> = Steps extends readonly [infer S, ...infer Rest]
  ? Check<RuleOf<S>, X> extends ShapeError<infer Message>
    ? Refusal<`${Before['length']}`, `sequential, layer ${NameOf<S, `${Before['length']}`>}: ${Message}`>
    : Run<Rest, Output<RuleOf<S>, X>, [...Before, S]>
  : Steps extends readonly []
    ? X
    : number[];

interface SequentialRule<Steps> extends ShapeRule {
  readonly output: AsShape<Run<Steps, Input<this>>>;
  readonly check: Run<Steps, Input<this>> extends ShapeError<infer Message> ? ShapeError<Message> : unknown;
}

/** The steps, and a ShapeError for the one that does not fit what is before it, whatever the input. */
type Fitting<Steps extends readonly Step[]> = {
  readonly [I in keyof Steps]: Steps[I] &
    (Run<Steps, Shape> extends Refusal<I, infer Message> ? ShapeError<Message> : unknown);
};

type Prefixed<Name extends string, P> = { readonly [K in keyof P & string as `${Name}.${K}`]: P[K] };

/** `NAME.weight` and so on for every layer with parameters; the name of one without is its position. */
type AllParams<Steps, All = unknown, Before extends unknown[] = []> = Steps extends readonly [infer S, ...infer Rest]
  ? LayerOf<S> extends { readonly params: infer P }
    ? AllParams<Rest, keyof P extends never ? All : All & Prefixed<NameOf<S, `${Before['length']}`>, P>, [...Before, S]>
    : never
  : Steps extends readonly []
    ? { readonly [K in keyof All]: All[K] }
    : Params;

export class Sequential<const Steps extends readonly Step[]> extends Layer<SequentialRule<Steps>> {
  /** All layers' parameters: `0.weight`, or `conv1.weight` for a layer with a name. */
  readonly params: AllParams<Steps>;
  /** The layers, in order. */
  readonly layers: readonly Layer<any>[];
  readonly #names: readonly string[];

  /** @internal Use `nn.sequential`. */
  constructor(steps: readonly Step[]) {
    super('sequential');
    const params: Record<string, Tensor<any, any>> = {};
    const names = new Set<string>();
    this.layers = steps.map((step, i) => {
      const [name, layer] = Array.isArray(step) ? (step as [unknown, unknown]) : [String(i), step];
      if (!(layer instanceof Layer))
        throw new TypeError(`nn.sequential: layer ${i} must be a layer or a pair [name, layer], got ${show(step)}`);
      if (typeof name !== 'string' || name === '' || name.includes('.') || names.has(name))
        throw new TypeError(
          `nn.sequential: the name of layer ${i} must be a string without dots that no other layer has, got ${show(name)}`,
        );
      names.add(name);
      for (const [key, p] of Object.entries(layer.params)) params[`${name}.${key}`] = p;
      return layer;
    });
    this.params = params as typeof this.params;
    this.#names = [...names];
  }

  protected run(x: Tensor<Shape>, { train, seed }: ForwardOptions): Tensor<Shape> {
    let y = x;
    this.layers.forEach((layer, i) => {
      const before = y;
      try {
        y = layer.forward(before, { train, seed: seed === undefined ? undefined : mixSeed(seed, i) });
      } catch (error) {
        // The message keeps its beginning, the operator's name, and says where in the net that was.
        if (error instanceof Error) error.message += ` (layer '${this.#names[i]}' of a sequential)`;
        throw error;
      }
      // Nobody else holds it: a tape has handles of its own.
      if (before !== x) before.dispose();
    });
    return y;
  }

  /** Disposes of the layers. */
  override dispose(): void {
    for (const layer of this.layers) layer.dispose();
  }
}

/**
 * The layers one after another, each given the output of the one before. A layer may be a sequence itself, and may have a name:
 * `nn.sequential(['conv1', nn.conv2d(3, 96, 11)], nn.relu())` has the parameters `conv1.weight` and `conv1.bias`; those of a layer
 * without a name begin with its position. The compiler refuses a layer that does not fit the one before it.
 *
 * What one layer hands to the next is freed as soon as the next has used it. `dispose` disposes of the layers.
 * @throws TypeError where something is no layer, and where two have one name
 */
export function sequential<const Steps extends readonly Step[]>(...layers: Fitting<Steps>): Sequential<Steps> {
  return new Sequential(layers as readonly Step[]);
}
