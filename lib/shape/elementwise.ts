// Operators of two tensors, by NumPy's broadcasting: shapes are aligned at the last axis, and sizes must be equal or 1.
import type { Ranked, Shape, ShapeError, Show } from './shape';

// Equality is asked between records, for then the compiler answers for type parameters too: a function generic in S may add two Tensor<S>.
type Equal<A, B> = { a: A; b: B } extends { a: B; b: A } ? true : false;

/** The broadcast size of two; `never` where they do not fit. A size that is not known may turn out to be 1. */
type Size<M extends number, N extends number> =
  Equal<M, N> extends true ? M : M extends 1 ? N : N extends 1 ? M : M & N;

type Align<A extends Shape, B extends Shape, Out extends number[] = []> = A extends readonly [
  ...infer As extends Shape,
  infer M extends number,
]
  ? B extends readonly [...infer Bs extends Shape, infer N extends number]
    ? Size<M, N> extends infer S extends number
      ? [S] extends [never]
        ? 'misfit'
        : Align<As, Bs, [S, ...Out]>
      : never
    : [...A, ...Out]
  : [...B, ...Out];

type Broadcast<A extends Shape, B extends Shape> = B extends readonly []
  ? A
  : A extends readonly []
    ? B
    : Equal<A, B> extends true
      ? A
      : [Ranked<A>, Ranked<B>] extends [true, true]
        ? Align<A, B>
        : number[];

export type BroadcastShape<A extends Shape, B extends Shape> =
  Broadcast<A, B> extends infer S ? (S extends Shape ? S : number[]) : never;

export type BroadcastCheck<Operator extends string, A extends Shape, B extends Shape> =
  Broadcast<A, B> extends 'misfit'
    ? ShapeError<`${Operator}: shapes ${Show<A>} and ${Show<B>} do not broadcast together`>
    : unknown;
