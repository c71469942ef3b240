// Operators that take axes away (sum, mean, max, argmax), shorten one (topK) or normalise over one (softmax); and the loss.
import type { Tensor } from '../tensor/tensor';
import type { Subtract } from './digits';
import type {
  Equal,
  FromStart,
  HasAxis,
  Last,
  Ranked,
  Same,
  SameShape,
  Shape,
  ShapeError,
  Show,
  ShowNumber,
  Sized,
  Unknown,
  WithLast,
} from './shape';

/** The axis or axes to reduce; all where not given. */
export type Axes = number | Shape | undefined;

/** S without the axes `Gone`, counted from the start, or with size 1 there. */
type Without<
  S extends readonly unknown[],
  Gone,
  Keep extends boolean,
  Seen extends 0[] = [],
  Out extends unknown[] = [],
> = S extends readonly [infer Size, ...infer Rest]
  ? Without<
      Rest,
      Gone,
      Keep,
      [...Seen, 0],
      Seen['length'] extends Gone ? (Keep extends true ? [...Out, 1] : Out) : [...Out, Size]
    >
  : Sized<Out>;

type Ones<S extends Shape> = { -readonly [Axis in keyof S]: 1 };
type Rest<S extends Shape> = S extends readonly [unknown, ...infer R] ? Sized<R> : [];

/** S after a reduction over one axis that is not known. */
type WithoutSome<S extends Shape, Keep extends boolean> = Unknown<Keep extends true ? S : Rest<S>>;

type FromStarts<A extends Shape, S extends Shape> = { [I in keyof A]: FromStart<A[I], S> }[number];

export type ReduceShape<S extends Shape, A extends Axes, Keep extends boolean> = boolean extends Keep
  ? number[]
  : [A] extends [undefined]
    ? Keep extends true
      ? Ones<S>
      : []
    : Ranked<S> extends false
      ? number[]
      : [A] extends [number]
        ? number extends FromStart<A, S>
          ? WithoutSome<S, Keep>
          : Without<S, FromStart<A, S>, Keep>
        : [A] extends [Shape]
          ? number extends FromStarts<A, S>
            ? number[]
            : Without<S, FromStarts<A, S>, Keep>
          : number[];

/** One axis that x must have. */
export type AxisCheck<Operator extends string, S extends Shape, A extends number> =
  HasAxis<S, A> extends false ? ShapeError<`${Operator}: there is no axis ${ShowNumber<A>} in x ${Show<S>}`> : unknown;

type HasAxes<S extends Shape, A extends Shape> = { [I in keyof A]: HasAxis<S, A[I]> }[number];

export type ReduceCheck<Operator extends string, S extends Shape, A extends Axes> = [A] extends [number]
  ? AxisCheck<Operator, S, A>
  : [A] extends [Shape]
    ? false extends HasAxes<S, A>
      ? ShapeError<`${Operator}: there is no axis list ${Show<A>} in x ${Show<S>}`>
      : unknown
    : unknown;

/** …×n → …×k */
export type TopKShape<S extends Shape, K extends number> = WithLast<S, K>;

export type TopKCheck<S extends Shape, K extends number> = S extends readonly []
  ? ShapeError<'topK: x [] has no axis'>
  : [Subtract<Last<S>, K>] extends ['negative']
    ? ShapeError<`topK: k = ${K} is more than the ${ShowNumber<Last<S>>} of the last axis of x ${Show<S>}`>
    : unknown;

export type CrossEntropyShape<Logits extends Shape, Reduction> = Reduction extends 'none' ? [Logits[0]] : [];

/** As {@link Same}, and true of one type parameter twice. */
type SameSize<A, B> = Equal<A, B> extends true ? true : Same<A, B>;

export type CrossEntropyCheck<Logits extends Shape, Labels extends Shape> =
  Same<Logits['length'], 2> extends true
    ? [Same<Labels['length'], 1>, SameSize<Labels[0], Logits[0]>] extends [true, true]
      ? unknown
      : ShapeError<`crossEntropy: labels ${Show<Labels>} must be [${ShowNumber<Logits[0]>}] for logits ${Show<Logits>}`>
    : ShapeError<`crossEntropy: logits must be N×C, got ${Show<Logits>} with labels ${Show<Labels>}`>;

type IsScalar<S extends Shape> = false extends { [Axis in keyof S]: Same<S[Axis], 1> }[number] ? false : true;

/** What gradients are taken of: one number, or anything with a seed of its shape. */
export type LossCheck<L extends Shape, Seed> = [Seed] extends [Tensor<infer S>]
  ? SameShape<L, S> extends true
    ? unknown
    : ShapeError<`gradients: seed ${Show<S>} must have the shape of the loss ${Show<L>}`>
  : [Seed] extends [undefined]
    ? IsScalar<L> extends true
      ? unknown
      : ShapeError<`gradients: the loss must be a scalar, got ${Show<L>}; reduce it, or give { seed }`>
    : unknown;
