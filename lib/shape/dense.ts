// The operators that sum over channels: convolution, fully-connected layer, matrix product.
import type { Divides, Multiply } from './digits';
import type {
  HasAxis,
  Last,
  Pair,
  Ranked,
  Same,
  SameShape,
  Shape,
  ShapeError,
  Show,
  ShowNumber,
  Sized,
  WithLast,
} from './shape';
import type { OutputSizes, ShowPair, WindowFits } from './window';

/** A bias must have one number for each of the `Outputs` of the weight W. */
export type BiasCheck<Operator extends string, B extends Shape, Outputs extends number, W extends Shape> =
  Same<B['length'], 1> extends true
    ? Same<B[0], Outputs> extends true
      ? unknown
      : ShapeError<`${Operator}: bias ${Show<B>} must be [${ShowNumber<Outputs>}] for weight ${Show<W>}`>
    : ShapeError<`${Operator}: bias ${Show<B>} must be [${ShowNumber<Outputs>}] for weight ${Show<W>}`>;

type Kernel<W extends Shape> = [W[2], W[3]];

/** N×C×H×W and K×(C/groups)×R×S → N×K×H'×W' */
export type Conv2dShape<X extends Shape, W extends Shape, S extends Pair, P extends Pair> = [
  X[0],
  W[0],
  ...OutputSizes<X, Kernel<W>, S, P>,
];

export type Conv2dCheck<X extends Shape, W extends Shape, S extends Pair, P extends Pair, G extends number> = [
  Same<X['length'], 4>,
  Same<W['length'], 4>,
] extends [true, true]
  ? Same<X[1], Multiply<W[1], G>> extends true
    ? Divides<G, W[0]> extends true
      ? WindowFits<X, Kernel<W>, S, P> extends true
        ? unknown
        : ShapeError<`conv2d: the window of weight ${Show<W>} is larger than x ${Show<X>} with padding ${ShowPair<P>}`>
      : ShapeError<`conv2d: groups = ${G} does not divide the filters of weight ${Show<W>}; x is ${Show<X>}`>
    : ShapeError<`conv2d: weight ${Show<W>} with groups = ${G} takes ${ShowNumber<Multiply<W[1], G>>} channels, x ${Show<X>} has ${ShowNumber<X[1]>}`>
  : ShapeError<`conv2d: x must be N×C×H×W and weight K×(C/groups)×R×S, got x ${Show<X>} and weight ${Show<W>}`>;

/** …×I and O×I → …×O */
export type LinearShape<X extends Shape, W extends Shape> = WithLast<X, W[0]>;

export type LinearCheck<X extends Shape, W extends Shape> =
  Same<W['length'], 2> extends true
    ? X extends readonly []
      ? ShapeError<`linear: x [] has no axis for the inputs of weight ${Show<W>}`>
      : Same<Last<X>, W[1]> extends true
        ? unknown
        : ShapeError<`linear: weight ${Show<W>} takes ${ShowNumber<W[1]>} features, x ${Show<X>} has ${ShowNumber<Last<X>>}`>
    : ShapeError<`linear: weight must be outputs×inputs, got ${Show<W>} for x ${Show<X>}`>;

/** [rows, columns] of the last two axes, after the transposition if there is one. */
type Matrix<S extends Shape, Transposed extends boolean> = boolean extends Transposed
  ? [number, number]
  : S extends readonly [...unknown[], infer Rows, infer Columns]
    ? [Transposed] extends [true]
      ? Sized<[Columns, Rows]>
      : Sized<[Rows, Columns]>
    : [number, number];
type Leading<S extends Shape> = S extends readonly [...infer L, unknown, unknown] ? Sized<L> : number[];

/** …×m×k and …×k×n → …×m×n */
export type MatmulShape<A extends Shape, B extends Shape, TA extends boolean, TB extends boolean> = true extends
  | Ranked<A>
  | Ranked<B>
  ? [...Leading<Ranked<A> extends true ? A : B>, Matrix<A, TA>[0], Matrix<B, TB>[1]]
  : number[];

export type MatmulCheck<A extends Shape, B extends Shape, TA extends boolean, TB extends boolean> = false extends
  | HasAxis<A, -2>
  | HasAxis<B, -2>
  ? ShapeError<`matmul: a and b must have at least two axes, got ${Show<A>} and ${Show<B>}`>
  : SameShape<Leading<A>, Leading<B>> extends true
    ? Same<Matrix<A, TA>[1], Matrix<B, TB>[0]> extends true
      ? unknown
      : ShapeError<`matmul: the inner sizes of a ${Show<A>}${Mark<TA>} and b ${Show<B>}${Mark<TB>} differ: ${ShowNumber<Matrix<A, TA>[1]>} and ${ShowNumber<Matrix<B, TB>[0]>}`>
    : ShapeError<`matmul: the axes before the last two differ: a ${Show<A>}, b ${Show<B>}`>;
type Mark<Transposed extends boolean> = [Transposed] extends [true] ? ' (transposed)' : '';
