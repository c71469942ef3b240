// Output sizes of convolution and pooling, and what must hold of their windows.
import type { Add, Divide, Multiply, Subtract } from './digits';
import type { Pair, Same, Shape, ShapeError, Show, ShowNumber } from './shape';

/** The number that a pair has for axis 0 (height) or 1 (width). */
export type At<P, Axis extends 0 | 1> = [P] extends [never]
  ? number
  : P extends readonly number[]
    ? P[Axis]
    : P extends number
      ? P
      : number;

/** N + 2P, and S − 1 more where sizes are rounded up: how far windows may reach. */
type Reach<N extends number, S extends number, P extends number, Ceil> = Ceil extends true
  ? Add<Subtract<S, 1> & number, Add<N, Add<P, P>>>
  : Add<N, Add<P, P>>;

/** The whole steps that a window of K takes from its first to its last place; 'negative' where there is no first place. */
type Steps<N extends number, K extends number, S extends number, P extends number, Ceil> =
  Subtract<Reach<N, S, P, Ceil>, K> extends infer M ? (M extends number ? Divide<M, S> : M) : never;

/** With sizes rounded up: one window more than steps, unless it would start beyond the image and its left padding. */
type CeilSize<Q extends number, N extends number, S extends number, P extends number> =
  Subtract<Add<N, P>, Add<Multiply<Q, S>, 1>> extends 'negative' ? Q : Add<Q, 1>;

/** ⌊(N + 2P − K) / S⌋ + 1, rounded up where Ceil; `number` where no window fits, for a check has said so. */
type OutputSize<N extends number, K extends number, S extends number, P extends number, Ceil> = number extends
  | N
  | K
  | S
  | P
  ? number
  : boolean extends Ceil
    ? number
    : Steps<N, K, S, P, Ceil> extends infer Q
      ? Q extends number
        ? Ceil extends true
          ? CeilSize<Q, N, S, P>
          : Add<Q, 1>
        : number
      : never;

/** Whether a window fits; true where a number is not known. */
type Fits<N extends number, K extends number, S extends number, P extends number, Ceil> = number extends N | K | S | P
  ? true
  : boolean extends Ceil
    ? true
    : [Steps<N, K, S, P, Ceil>] extends ['negative']
      ? false
      : true;

/** [H', W'] of windows over H×W. */
export type OutputSizes<X extends Shape, K, S, P, Ceil = false> = [
  OutputSize<X[2], At<K, 0>, At<S, 0>, At<P, 0>, Ceil>,
  OutputSize<X[3], At<K, 1>, At<S, 1>, At<P, 1>, Ceil>,
];

/** Whether a window fits in both directions. */
export type WindowFits<X extends Shape, K, S, P, Ceil = false> =
  Fits<X[2], At<K, 0>, At<S, 0>, At<P, 0>, Ceil> extends true ? Fits<X[3], At<K, 1>, At<S, 1>, At<P, 1>, Ceil> : false;

/** A pair in a message: `3` or `[3,5]`. */
export type ShowPair<P> = [P] extends [Shape] ? Show<P> : ShowNumber<P>;

type AtMostHalf<P extends number, K extends number> = [P] extends [0]
  ? true
  : [Subtract<K, Add<P, P>>] extends ['negative']
    ? false
    : true;

/** The stride, or the kernel where none is given: windows side by side. */
export type StrideOr<K extends Pair, S extends Pair | undefined> = [S] extends [undefined]
  ? K
  : [S] extends [Pair]
    ? S
    : number;

/** N×C×H×W → N×C×H'×W' */
export type Pool2dShape<X extends Shape, K extends Pair, S extends Pair, P extends Pair, Ceil extends boolean> = [
  X[0],
  X[1],
  ...OutputSizes<X, K, S, P, Ceil>,
];

export type Pool2dCheck<
  Operator extends string,
  X extends Shape,
  K extends Pair,
  S extends Pair,
  P extends Pair,
  Ceil extends boolean,
> =
  Same<X['length'], 4> extends true
    ? [AtMostHalf<At<P, 0>, At<K, 0>>, AtMostHalf<At<P, 1>, At<K, 1>>] extends [true, true]
      ? WindowFits<X, K, S, P, Ceil> extends true
        ? unknown
        : ShapeError<`${Operator}: the window ${ShowPair<K>} is larger than x ${Show<X>} with padding ${ShowPair<P>}`>
      : ShapeError<`${Operator}: padding ${ShowPair<P>} must be at most half the kernel ${ShowPair<K>}, x is ${Show<X>}`>
    : ShapeError<`${Operator}: x must be N×C×H×W, got ${Show<X>}`>;
