// Operators that move values without changing them: reshape, flatten, transpose, concat, slice.
import type { DType } from '../native/addon';
import type { Tensor } from '../tensor/tensor';
import type { Add, Divide, Divides, IsUnion, Multiply, Subtract } from './digits';
import type {
  AsShape,
  FromStart,
  HasAxis,
  Mutable,
  Ranked,
  Same,
  SameShape,
  Shape,
  ShapeError,
  Show,
  ShowNumber,
  Sized,
  Unknown,
} from './shape';

/** The number of elements. */
export type Elements<S extends readonly unknown[], Product extends number = 1> = S extends readonly [
  infer Size,
  ...infer Rest,
]
  ? Elements<Rest, Multiply<Product, Size & number>>
  : S extends readonly []
    ? Product
    : number;

// ---- reshape: at most one size may be −1

type HasOpen<To extends Shape> = true extends { [Axis in keyof To]: To[Axis] extends -1 ? true : false }[number]
  ? true
  : false;
/** The sizes without −1. */
type Given<To extends Shape> = { [Axis in keyof To]: To[Axis] extends -1 ? 1 : To[Axis] };

type Filled<To extends Shape, Rest extends number> = {
  -readonly [Axis in keyof To]: To[Axis] extends -1 ? Rest : To[Axis];
};

export type ReshapeShape<S extends Shape, To extends Shape> =
  HasOpen<To> extends true ? Filled<To, Divide<Elements<S>, Elements<Given<To>>>> : Mutable<To>;

export type ReshapeCheck<S extends Shape, To extends Shape> =
  HasOpen<To> extends true
    ? Divides<Elements<Given<To>>, Elements<S>> extends false
      ? ShapeError<`reshape: x ${Show<S>} has ${ShowNumber<Elements<S>>} elements, which ${Show<To>} does not divide`>
      : unknown
    : Same<Elements<S>, Elements<To>> extends true
      ? unknown
      : ShapeError<`reshape: x ${Show<S>} has ${ShowNumber<Elements<S>>} elements, ${Show<To>} has ${ShowNumber<Elements<To>>}`>;

// ---- flatten

type Flatten<
  S extends readonly unknown[],
  Start extends number,
  Head extends unknown[] = [],
> = Head['length'] extends Start
  ? [...Head, Elements<S>]
  : S extends readonly [infer Size, ...infer Rest]
    ? Flatten<Rest, Start, [...Head, Size]>
    : 'misfit';

/** Whether a number is known, and is one number. */
type Known<N extends number> = number extends N ? false : true extends IsUnion<N> ? false : true;

export type FlattenShape<S extends Shape, Start extends number> =
  Known<Start> extends false
    ? number[]
    : Ranked<S> extends true
      ? AsShape<Flatten<S, Start>>
      : Start extends 1
        ? [number, number]
        : Start extends 0
          ? [number]
          : number[];

export type FlattenCheck<S extends Shape, Start extends number> =
  Known<Start> extends false
    ? unknown
    : Ranked<S> extends true
      ? Flatten<S, Start> extends 'misfit'
        ? ShapeError<`flatten: startAxis ${Start} is not in x ${Show<S>}`>
        : unknown
      : unknown;

// ---- transpose

type Reversed<S extends readonly unknown[], Out extends unknown[] = []> = S extends readonly [infer Size, ...infer Rest]
  ? Reversed<Rest, [Size, ...Out]>
  : S extends readonly []
    ? Sized<Out>
    : number[];

type Permuted<S extends Shape, A extends Shape> = {
  -readonly [I in keyof A]: number extends FromStart<A[I], S> ? number : S[FromStart<A[I], S> & keyof S] & number;
};

// The axes are taken out of A by a pattern: what is mapped over must be a plain tuple, without a NoInfer around it.
export type TransposeShape<S extends Shape, A extends Shape | undefined> = A extends readonly [...infer List]
  ? Ranked<S> extends true
    ? Permuted<S, Sized<List>>
    : Unknown<Sized<List>>
  : Reversed<S>;

/** The axes of S that A does not name. */
type Missing<S extends Shape, A extends Shape> = Exclude<
  Extract<keyof S, `${number}`>,
  `${{ [I in keyof A]: FromStart<A[I], S> }[number]}`
>;

/** Whether A names each axis of S once; true where that is not known. */
type NamesEach<S extends Shape, A extends Shape> = true extends Ranked<S> & Ranked<A>
  ? Same<S['length'], A['length']> extends true
    ? number extends A[number]
      ? true
      : [Missing<S, A>] extends [never]
        ? true
        : false
    : false
  : true;

export type TransposeCheck<S extends Shape, A extends Shape | undefined> = A extends Shape
  ? NamesEach<S, A> extends true
    ? unknown
    : ShapeError<`transpose: axes ${Show<A>} must name each axis of x ${Show<S>} once`>
  : unknown;

// ---- concat

type Tensors = readonly Tensor<Shape, DType>[];
type ShapeOf<T> = T extends Tensor<infer S, any> ? S : Shape;

/** S with another size at one axis. */
type With<S extends Shape, Axis extends number, Size extends number> = {
  -readonly [I in keyof S]: I extends `${Axis}` ? Size : S[I];
};

type SumAt<L, Axis extends number, Sum extends number = 0> = L extends readonly [infer T, ...infer Rest]
  ? SumAt<Rest, Axis, Add<Sum, ShapeOf<T>[Axis] & number>>
  : Sum;

type ConcatAt<L extends Tensors, First extends Shape, Axis extends number> = number extends L['length']
  ? With<First, Axis, number>
  : With<First, Axis, SumAt<L, Axis>>;

type ConcatTo<L extends Tensors, First extends Shape, A extends number> =
  Ranked<First> extends true
    ? number extends FromStart<A, First>
      ? Unknown<First>
      : ConcatAt<L, First, FromStart<A, First> & number>
    : number[];

export type ConcatShape<L extends Tensors, A extends number> = ConcatTo<L, L[0]['shape'], A>;

type ConcatFits<First extends Shape, L, A extends number, Axis extends number> = L extends readonly [
  infer T,
  ...infer Rest,
]
  ? SameShape<With<First, Axis, number>, With<ShapeOf<T>, Axis, number>> extends true
    ? ConcatFits<First, Rest, A, Axis>
    : ShapeError<`concat: along axis ${A}, tensors ${Show<First>} and ${Show<ShapeOf<T>>} do not fit`>
  : unknown;

type ConcatToCheck<L extends Tensors, First extends Shape, A extends number> =
  HasAxis<First, A> extends true
    ? ConcatFits<First, L, A, FromStart<A, First> & number>
    : ShapeError<`concat: there is no axis ${A} in ${Show<First>}`>;

export type ConcatCheck<L extends Tensors, A extends number> = number extends A
  ? unknown
  : ConcatToCheck<L, L[0]['shape'], A>;

// ---- slice

/** A bound counted from the axis's start. */
type Bound<B extends number, Size extends number> = `${B}` extends `-${infer FromEnd extends number}`
  ? Subtract<Size, FromEnd>
  : B;

/** What is left of an axis; 'misfit' where nothing is, or where a bound lies outside. */
type Cut<Size extends number, Start extends number, End extends number> = false extends Known<Start> | Known<End>
  ? number
  : [Bound<Start, Size>, Bound<End, Size>] extends [infer From extends number, infer To extends number]
    ? [Subtract<Size, To>] extends ['negative']
      ? 'misfit'
      : Subtract<To, From> extends infer Left
        ? Left extends 0 | 'negative'
          ? 'misfit'
          : Left
        : never
    : 'misfit';

type Box<S extends Shape, A extends Shape, B extends Shape> = {
  -readonly [I in keyof S]: I extends keyof A & keyof B ? Cut<S[I], A[I] & number, B[I] & number> : 'misfit';
};

type Left<S extends Shape, A extends Shape, B extends Shape> = {
  -readonly [I in keyof S]: Box<S, A, B>[I] extends infer Size ? (Size extends number ? Size : number) : never;
};

export type SliceShape<S extends Shape, A extends Shape, B extends Shape> =
  Ranked<S> extends true ? (true extends Ranked<A> & Ranked<B> ? Left<S, A, B> : Unknown<S>) : Unknown<A>;

export type SliceCheck<S extends Shape, A extends Shape, B extends Shape> = true extends Ranked<S> &
  Ranked<A> &
  Ranked<B>
  ? [Same<S['length'], A['length']>, Same<S['length'], B['length']>] extends [true, true]
    ? Box<S, A, B> extends number[]
      ? unknown
      : ShapeError<`slice: from ${Show<A>} to ${Show<B>} is no box of x ${Show<S>}`>
    : ShapeError<`slice: starts ${Show<A>} and ends ${Show<B>} must have a number for each axis of x ${Show<S>}`>
  : unknown;
