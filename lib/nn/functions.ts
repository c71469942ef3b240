// The layers without parameters.
import { requireInteger } from '../ops/arguments';
import { avgPool2d as avgPool2dOp } from '../ops/avg_pool2d';
import { mul } from '../ops/binary';
import { type DropoutOptions, dropout as dropoutOp } from '../ops/dropout';
import { type LocalResponseNormOptions, localResponseNorm as localResponseNormOp } from '../ops/local_response_norm';
import { maxPool2d as maxPool2dOp } from '../ops/max_pool2d';
import type { Pool2dOptions } from '../ops/pool2d';
import { flatten as flattenOp } from '../ops/reshape';
import { logSoftmax as logSoftmaxOp, softmax as softmaxOp } from '../ops/softmax';
import {
  type SpatialResponseNormOptions,
  spatialResponseNorm as spatialResponseNormOp,
} from '../ops/spatial_response_norm';
import { relu as reluOp, sigmoid as sigmoidOp, tanh as tanhOp } from '../ops/unary';
import type { FlattenCheck, FlattenShape } from '../shape/layout';
import type { ImagesCheck, MapsCheck } from '../shape/norm';
import type { AxisCheck } from '../shape/reduce';
import type { Pair, Shape } from '../shape/shape';
import type { Pool2dCheck, Pool2dShape, StrideOr } from '../shape/window';
import { checkNumber, checkOptions, show } from '../tensor/checks';
import { checkSeed, mixSeed } from '../tensor/random';
import type { Tensor } from '../tensor/tensor';
import { type ForwardOptions, type Input, Layer, type SameShape, type ShapeRule } from './layer';

type Run = (x: Tensor<any>, options: ForwardOptions) => Tensor<any>;

/** A layer without parameters. */
export class FunctionLayer<R extends ShapeRule> extends Layer<R> {
  readonly params = {};
  readonly #run: Run;

  /** @internal Use `nn.relu` and its like. */
  constructor(name: string, run: Run) {
    super(name);
    this.#run = run;
  }

  protected run(x: Tensor<Shape>, options: ForwardOptions): Tensor<any> {
    return this.#run(x, options);
  }
}

/**
 * A layer without parameters from a function that keeps the shape: `nn.elementwise('square', ops.square)`.
 * @param name what error messages call the layer
 */
export function elementwise(
  name: string,
  fn: (x: Tensor<Shape>, options: ForwardOptions) => Tensor<Shape>,
): FunctionLayer<SameShape> {
  if (typeof name !== 'string') throw new TypeError(`nn.elementwise: name must be a string, got ${show(name)}`);
  if (typeof fn !== 'function') throw new TypeError(`nn.elementwise: takes a function, got ${show(fn)}`);
  return new FunctionLayer(name, fn);
}

/** max(0, x) */
export function relu(): FunctionLayer<SameShape> {
  return new FunctionLayer('relu', reluOp);
}

/** The hyperbolic tangent. */
export function tanh(): FunctionLayer<SameShape> {
  return new FunctionLayer('tanh', tanhOp);
}

/** 1/(1 + e⁻ˣ) */
export function sigmoid(): FunctionLayer<SameShape> {
  return new FunctionLayer('sigmoid', sigmoidOp);
}

interface AxisRule<Operator extends string, A extends number> extends SameShape {
  readonly check: AxisCheck<Operator, Input<this>, A>;
}

/** Softmax along an axis, by default the last, see `ops.softmax`. `ops.crossEntropy` takes logits, so a net to be trained needs none. */
export function softmax<const A extends number = -1>(axis?: A): FunctionLayer<AxisRule<'softmax', A>> {
  return new FunctionLayer('softmax', (x) => softmaxOp(x, axis));
}

/** The logarithm of softmax along an axis, by default the last, see `ops.logSoftmax`. */
export function logSoftmax<const A extends number = -1>(axis?: A): FunctionLayer<AxisRule<'logSoftmax', A>> {
  return new FunctionLayer('logSoftmax', (x) => logSoftmaxOp(x, axis));
}

interface FlattenRule<Start extends number> extends ShapeRule {
  readonly output: FlattenShape<Input<this>, Start>;
  readonly check: FlattenCheck<Input<this>, Start>;
}

/** N×C×H×W → N×(C·H·W); in general the axes from `startAxis` (default 1) on become one, see `ops.flatten`. */
export function flatten<const Start extends number = 1>(startAxis?: Start): FunctionLayer<FlattenRule<Start>> {
  if (startAxis !== undefined) requireInteger('nn.flatten', 'startAxis', startAxis, 0);
  return new FunctionLayer('flatten', (x) => flattenOp(x, startAxis));
}

interface Pool2dRule<Operator extends string, K extends Pair, S extends Pair, P extends Pair, C extends boolean>
  extends ShapeRule {
  readonly output: Pool2dShape<Input<this>, K, S, P, C>;
  readonly check: Pool2dCheck<Operator, Input<this>, K, S, P, C>;
}

const poolOptions = ['kernel', 'stride', 'padding', 'ceil'] as const;

/** The largest element of every window, see `ops.maxPool2d`. */
export function maxPool2d<
  const K extends Pair,
  const S extends Pair | undefined = undefined,
  const P extends Pair = 0,
  const C extends boolean = false,
>(options: Pool2dOptions<K, S, P, C>): FunctionLayer<Pool2dRule<'maxPool2d', K, StrideOr<K, S>, P, C>> {
  const given = { ...checkOptions<Pool2dOptions>('nn.maxPool2d', options, poolOptions) } as Pool2dOptions;
  return new FunctionLayer('maxPool2d', (x) => maxPool2dOp(x, given));
}

/** The mean of every window, see `ops.avgPool2d`. */
export function avgPool2d<
  const K extends Pair,
  const S extends Pair | undefined = undefined,
  const P extends Pair = 0,
  const C extends boolean = false,
>(options: Pool2dOptions<K, S, P, C>): FunctionLayer<Pool2dRule<'avgPool2d', K, StrideOr<K, S>, P, C>> {
  const given = { ...checkOptions<Pool2dOptions>('nn.avgPool2d', options, poolOptions) } as Pool2dOptions;
  return new FunctionLayer('avgPool2d', (x) => avgPool2dOp(x, given));
}

interface LocalResponseNormRule<G extends number> extends SameShape {
  readonly check: MapsCheck<'localResponseNorm', Input<this>, G>;
}

/** Response normalisation across maps, see `ops.localResponseNorm`. */
export function localResponseNorm<const G extends number = 1>(
  options?: LocalResponseNormOptions<G>,
): FunctionLayer<LocalResponseNormRule<G>> {
  const known = ['size', 'alpha', 'beta', 'k', 'groups'] as const;
  const given = { ...checkOptions<LocalResponseNormOptions>('nn.localResponseNorm', options, known) };
  return new FunctionLayer('localResponseNorm', (x) => localResponseNormOp(x, given));
}

interface SpatialResponseNormRule extends SameShape {
  readonly check: ImagesCheck<'spatialResponseNorm', Input<this>>;
}

/** Response normalisation within a map, see `ops.spatialResponseNorm`. */
export function spatialResponseNorm(options: SpatialResponseNormOptions): FunctionLayer<SpatialResponseNormRule> {
  const known = ['size', 'alpha', 'beta', 'k'] as const;
  const given = { ...checkOptions('nn.spatialResponseNorm', options, known) } as SpatialResponseNormOptions;
  return new FunctionLayer('spatialResponseNorm', (x) => spatialResponseNormOp(x, given));
}

/**
 * Dropout. `mode: 'paper'` (the default) multiplies by a 0/1 mask when training and by 1 − p when testing; `'inverted'` multiplies by
 * mask/(1 − p) when training and does nothing when testing.
 *
 * Every training pass has a mask of its own. It follows from the pass's seed (`forward(x, { train: true, seed })`); where that is not
 * given, from `seed` and the number of passes so far; and where neither is, from the sequence that `manualSeed` starts.
 * @throws TypeError or RangeError where p is not in [0, 1), or the mode or the seed is none
 */
export function dropout(options?: Omit<DropoutOptions, 'layout'>): FunctionLayer<SameShape> {
  const { p = 0.5, mode = 'paper', seed } = checkOptions('nn.dropout', options, ['p', 'mode', 'seed']);
  checkNumber('nn.dropout', 'p', p);
  if (!(p >= 0 && p < 1)) throw new RangeError(`nn.dropout: p must be in [0, 1), got ${p}`);
  if (mode !== 'paper' && mode !== 'inverted')
    throw new RangeError(`nn.dropout: mode must be 'paper' or 'inverted', got ${show(mode)}`);
  if (seed !== undefined) checkSeed('nn.dropout', seed);
  let passes = 0;
  return new FunctionLayer('dropout', (x, pass) => {
    if (!pass.train) return mode === 'paper' ? mul(x, 1 - p) : x;
    return dropoutOp(x, { p, mode, seed: pass.seed ?? (seed === undefined ? undefined : mixSeed(seed, passes++)) });
  });
}
