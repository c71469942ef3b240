// Initial values, and what layers with parameters check of their arguments.
import { requireFinite } from '../ops/arguments';
import { checkShape } from '../tensor/checks';
import { full, randn } from '../tensor/create';
import type { DeviceLike } from '../tensor/device';
import { checkSeed } from '../tensor/random';
import { scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';

export interface InitOptions {
  /**
   * Weights are drawn from N(0, weightStd²). Default: √(2/n), n being the inputs of one output, which keeps the size of activations from
   * layer to layer of a net of ReLUs (He et al.: "Delving deep into rectifiers", 2015). AlexNet has 0.01.
   */
  readonly weightStd?: number;
  /** Every bias at the start; default 0. */
  readonly biasValue?: number;
  /** Fixes the weights, an integer in [0, 2^53); default: the next of the sequence that `manualSeed` starts. */
  readonly seed?: number;
  /** Where the parameters lie; default `cpu:0`. */
  readonly device?: DeviceLike;
}

export const initOptions = ['weightStd', 'biasValue', 'seed', 'device'] as const;

export interface Initial {
  readonly weight: Tensor<any>;
  readonly bias?: Tensor<any>;
}

/** A weight of `shape`, whose first axis counts outputs, and with `bias` one number for each of them. */
export function initialise(operator: string, shape: readonly number[], bias: boolean, options: InitOptions): Initial {
  const inputs = shape.slice(1).reduce((n, size) => n * size, 1);
  const { weightStd = Math.sqrt(2 / inputs), biasValue = 0, seed, device } = options;
  requireFinite(operator, 'weightStd', weightStd);
  if (weightStd < 0) throw new RangeError(`${operator}: weightStd must not be negative, got ${weightStd}`);
  requireFinite(operator, 'biasValue', biasValue);
  checkShape(operator, shape, 'weight');
  if (seed !== undefined) checkSeed(operator, seed);
  using s = scope();
  const weight = randn(shape, { std: weightStd, seed, device });
  return s.keep(bias ? { weight, bias: full([shape[0]!], biasValue, { device }) } : { weight });
}
