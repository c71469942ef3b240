// The layers with weights: convolution and fully-connected.
import { requireInteger, requirePair } from '../ops/arguments';
import { conv2d as conv2dOp } from '../ops/conv2d';
import { linear as linearOp } from '../ops/linear';
import type { LinearCheck } from '../shape/dense';
import type { Divide } from '../shape/digits';
import type { Pair, Ranked, Same, Shape, ShapeError, Show, ShowNumber, WithLast } from '../shape/shape';
import type { At, OutputSizes, ShowPair, WindowFits } from '../shape/window';
import { checkBoolean, checkOptions } from '../tensor/checks';
import type { Tensor } from '../tensor/tensor';
import { type InitOptions, initialise, initOptions } from './init';
import { type Input, Layer, type ShapeRule } from './layer';

/** Weight, and bias where there is one. */
export type WeightAndBias<W extends Shape, O extends number, HasBias extends boolean> = {
  readonly weight: Tensor<W>;
} & (boolean extends HasBias
  ? { readonly bias?: Tensor<[O]> }
  : HasBias extends true
    ? { readonly bias: Tensor<[O]> }
    : unknown);

export interface Conv2dOptions<S extends Pair, P extends Pair, G extends number, HasBias extends boolean>
  extends InitOptions {
  /** Step of the window; default 1. */
  readonly stride?: S;
  /** Rows and columns of zeros around the image, on each side; default 0. */
  readonly padding?: P;
  /** Channels and filters are cut into this many groups that do not see each other; default 1. */
  readonly groups?: G;
  /** Default true. */
  readonly bias?: HasBias;
}

interface Conv2dRule<
  C extends number,
  O extends number,
  K extends Pair,
  S extends Pair,
  P extends Pair,
  G extends number,
> extends ShapeRule {
  readonly output: [Input<this>[0], O, ...OutputSizes<Input<this>, K, S, P>];
  readonly check: Conv2dLayerCheck<Input<this>, C, K, S, P, [O, Divide<C, G>, At<K, 0>, At<K, 1>]>;
}

type Conv2dLayerCheck<
  X extends Shape,
  C extends number,
  K extends Pair,
  S extends Pair,
  P extends Pair,
  W extends Shape,
> =
  Same<X['length'], 4> extends true
    ? Same<X[1], C> extends true
      ? WindowFits<X, K, S, P> extends true
        ? unknown
        : ShapeError<`conv2d: the window of weight ${Show<W>} is larger than x ${Show<X>} with padding ${ShowPair<P>}`>
      : ShapeError<`conv2d: weight ${Show<W>} takes ${ShowNumber<C>} channels, x ${Show<X>} has ${ShowNumber<X[1]>}`>
    : ShapeError<`conv2d: x must be N×C×H×W for weight ${Show<W>}, got ${Show<X>}`>;

export class Conv2d<
  C extends number,
  O extends number,
  K extends Pair,
  S extends Pair,
  P extends Pair,
  G extends number,
  HasBias extends boolean,
> extends Layer<Conv2dRule<C, O, K, S, P, G>> {
  readonly params: WeightAndBias<[O, Divide<C, G>, At<K, 0>, At<K, 1>], O, HasBias>;
  readonly #options: { stride: Pair; padding: Pair; groups: number };

  /** @internal Use `nn.conv2d`. */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: Pair,
    options?: Conv2dOptions<Pair, Pair, number, boolean>,
  ) {
    super('conv2d');
    const name = 'nn.conv2d';
    const known = ['stride', 'padding', 'groups', 'bias', ...initOptions] as const;
    const { stride = 1, padding = 0, groups = 1, bias = true, ...init } = checkOptions(name, options, known);
    requireInteger(name, 'inChannels', inChannels, 1);
    requireInteger(name, 'outChannels', outChannels, 1);
    requireInteger(name, 'groups', groups, 1);
    checkBoolean(name, 'bias', bias);
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new RangeError(`${name}: ${groups} groups do not divide ${inChannels} and ${outChannels} channels`);
    const [height, width] = requirePair(name, 'kernel', kernel, 1);
    this.#options = {
      stride: requirePair(name, 'stride', stride, 1),
      padding: requirePair(name, 'padding', padding, 0),
      groups,
    };
    const shape = [outChannels, inChannels / groups, height, width];
    this.params = initialise(name, shape, bias, init) as typeof this.params;
  }

  protected run(x: Tensor<Shape>): Tensor<Shape> {
    const { weight, bias } = this.params as { weight: Tensor<Shape>; bias?: Tensor<Shape> };
    return conv2dOp(x, weight, bias ?? null, this.#options);
  }
}

/**
 * A convolution with its filters: N×C×H×W → N×O×H'×W', see `ops.conv2d`. Parameters `weight`, O×(C/groups)×R×S, and `bias`, O.
 * @param kernel R and S: one number, or `[height, width]`
 * @throws TypeError and RangeError where an argument is no number of its kind, and where groups do not divide the channels
 */
export function conv2d<
  const C extends number,
  const O extends number,
  const K extends Pair,
  const S extends Pair = 1,
  const P extends Pair = 0,
  const G extends number = 1,
  const HasBias extends boolean = true,
>(
  inChannels: C,
  outChannels: O,
  kernel: K,
  options?: Conv2dOptions<S, P, G, HasBias>,
): Conv2d<C, O, K, S, P, G, HasBias> {
  return new Conv2d(inChannels, outChannels, kernel, options);
}

export interface LinearOptions<HasBias extends boolean> extends InitOptions {
  /** Default true. */
  readonly bias?: HasBias;
}

interface LinearRule<I extends number, O extends number> extends ShapeRule {
  readonly output: Ranked<Input<this>> extends true ? WithLast<Input<this>, O> : [...number[], O];
  readonly check: LinearCheck<Input<this>, [O, I]>;
}

export class Linear<I extends number, O extends number, HasBias extends boolean> extends Layer<LinearRule<I, O>> {
  readonly params: WeightAndBias<[O, I], O, HasBias>;

  /** @internal Use `nn.linear`. */
  constructor(inputs: number, outputs: number, options?: LinearOptions<boolean>) {
    super('linear');
    const name = 'nn.linear';
    const { bias = true, ...init } = checkOptions(name, options, ['bias', ...initOptions]);
    requireInteger(name, 'inputs', inputs, 1);
    requireInteger(name, 'outputs', outputs, 1);
    checkBoolean(name, 'bias', bias);
    this.params = initialise(name, [outputs, inputs], bias, init) as typeof this.params;
  }

  protected run(x: Tensor<Shape>): Tensor<Shape> {
    const { weight, bias } = this.params as { weight: Tensor<Shape>; bias?: Tensor<Shape> };
    return linearOp(x, weight, bias ?? null);
  }
}

/**
 * A fully-connected layer: …×inputs → …×outputs, see `ops.linear`. Parameters `weight`, outputs×inputs, and `bias`, outputs.
 * @throws TypeError and RangeError where an argument is no number of its kind
 */
export function linear<const I extends number, const O extends number, const HasBias extends boolean = true>(
  inputs: I,
  outputs: O,
  options?: LinearOptions<HasBias>,
): Linear<I, O, HasBias> {
  return new Linear(inputs, outputs, options);
}
