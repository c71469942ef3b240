// Operators of two tensors, by NumPy's broadcasting: shapes are aligned at the last axis, and sizes must be equal or 1.
import type { Tensor } from '../tensor/tensor';
import type { IsUnion } from './digits';
import type { AsShape, Equal, Ranked, Shape, ShapeError, Show } from './shape';

/** A float tensor, or a number: a scalar on the other operand's device. */
export type Operand = Tensor<any> | number;

type ShapeOf<T> = T extends Tensor<infer S> ? S : [];

/** The broadcast size of two; `never` where they do not fit. A size that is not known may turn out to be 1. */
type Size<M, N> =
  Equal<M, N> extends true
    ? M
    : true extends IsUnion<M> | IsUnion<N>
      ? number
      : M extends 1
        ? N
        : N extends 1
          ? M
          : M & N;

type Align<
  A extends readonly unknown[],
  B extends readonly unknown[],
  Out extends unknown[] = [],
> = A extends readonly [...infer As, infer M]
  ? B extends readonly [...infer Bs, infer N]
    ? [Size<M, N>] extends [never]
      ? 'misfit'
      : Align<As, Bs, [Size<M, N>, ...Out]>
    : [...A, ...Out]
  : [...B, ...Out];

type Broadcast<A extends Shape, B extends Shape> = [Ranked<A>, Ranked<B>] extends [true, true] ? Align<A, B> : number[];

type ShapesShape<A extends Shape, B extends Shape> = Equal<A, B> extends true ? A : AsShape<Broadcast<A, B>>;

/** The shape of both together. A number takes the shape of what it meets. */
export type BroadcastShape<A, B> = B extends number
  ? ShapeOf<A>
  : A extends number
    ? ShapeOf<B>
    : ShapesShape<ShapeOf<A>, ShapeOf<B>>;

type ShapesCheck<Operator extends string, A extends Shape, B extends Shape> =
  Equal<A, B> extends true
    ? unknown
    : Broadcast<A, B> extends 'misfit'
      ? ShapeError<`${Operator}: shapes ${Show<A>} and ${Show<B>} do not broadcast together`>
      : unknown;

export type BroadcastCheck<Operator extends string, A, B> = B extends number
  ? unknown
  : A extends number
    ? unknown
    : ShapesCheck<Operator, ShapeOf<A>, ShapeOf<B>>;
