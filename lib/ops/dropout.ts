import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { KernelParams } from '../native/kernels';
import type { Shape } from '../shape/shape';
import { checkNumber, checkOptions, show } from '../tensor/checks';
import { checkSeed, nextSeed } from '../tensor/random';
import { empty, type Tensor } from '../tensor/tensor';
import { requireInteger } from './arguments';
import { requireFloats } from './dense';

export interface DropoutOptions {
  /** Probability that an element is dropped, in [0, 1); default 0.5. */
  p?: number;
  /** `'paper'` (the default): `y = mask · x`, and outputs are multiplied by 1 − p at test time. `'inverted'`: `y = mask · x / (1 − p)`. */
  mode?: 'paper' | 'inverted';
  /** An integer in [0, 2^53) that fixes the mask; default: the next of the sequence that `manualSeed` starts. */
  seed?: number;
  /**
   * @internal Where x lies in a larger tensor whose mask it shares: element i draws number
   * `⌊i / columns⌋ · pitch + offset + i % columns`.
   */
  layout?: { readonly columns: number; readonly pitch: number; readonly offset: number };
}

// y = m·x with a mask m (already scaled) that does not depend on x, so dx = m·dy: the same kernel with the same seed.
export const dropoutRule = rule<KernelParams['dropout']>('dropout', ({ attrs }, dy) => {
  const dx = empty(dy.shape, dy.device);
  launch('dropout', attrs, [dy.storage('dropout').native], [dx.storage('dropout').native]);
  return [dx];
});

/**
 * Sets elements to zero at random, each with probability p: the operator of training time (Hinton et al.: "Improving neural networks by
 * preventing co-adaptation of feature detectors", 2012). The mask follows from the seed and an element's index alone: word `i % 4` of
 * Philox4×32-10 with counter `⌊i/4⌋` and the seed as key keeps element i where it is below ⌊(1 − p)·2³²⌋.
 *
 * @param x of any shape
 * @returns a tensor of x's shape
 * @throws TypeError or RangeError where x is not f32, p is not in [0, 1), or the seed is no integer in [0, 2^53)
 */
export function dropout<S extends Shape>(x: Tensor<S>, options?: DropoutOptions): Tensor<S> {
  requireFloats('dropout', 'x', x);
  const given = checkOptions('dropout', options, ['p', 'mode', 'seed', 'layout']);
  const { p = 0.5, mode = 'paper', seed = nextSeed() } = given;
  checkNumber('dropout', 'p', p);
  if (!(p >= 0 && p < 1)) throw new RangeError(`dropout: p must be in [0, 1), got ${p}`);
  if (mode !== 'paper' && mode !== 'inverted')
    throw new RangeError(`dropout: mode must be 'paper' or 'inverted', got ${show(mode)}`);
  checkSeed('dropout', seed);
  const { columns, pitch, offset } = given.layout ?? { columns: x.size, pitch: x.size, offset: 0 };
  requireInteger('dropout', 'layout.columns', columns, 1);
  requireInteger('dropout', 'layout.pitch', pitch, 0);
  requireInteger('dropout', 'layout.offset', offset, 0);
  const scale = mode === 'paper' ? 1 : 1 / (1 - p);
  const params = { count: x.size, seed, keep: 1 - p, scale, columns, pitch, offset };
  return apply(dropoutRule, [x], params, (device) => {
    const y = empty(x.shape, device);
    launch('dropout', params, [x.storage('dropout').native], [y.storage('dropout').native]);
    return y;
  });
}
