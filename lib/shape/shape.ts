// What every rule of this folder is written with. A rule is a pair of types: `…Shape`, the shape an operator gives, and `…Check`, which
// is `unknown` where the arguments fit (or where a size is not known, so that the check is left to run time) and a ShapeError where not.
// An operator intersects an argument's type with its check: a ShapeError cannot be satisfied, and its text is what `tsc` prints.
//
// A size may be a type parameter (`<N extends number>(x: Tensor<[N, 3]>) => …`). About `N extends number` the compiler decides nothing inside
// a pattern, so patterns here have bare `infer`s and `unknown`, sizes are read by index, and `Sized` says again that they are numbers.
import type { IsUnion, Subtract } from './digits';

/** Sizes of the axes, outermost first; a literal tuple where they are known at compile time. */
export type Shape = readonly number[];

/** One number for both axes of an image, or `[height, width]`. */
export type Pair = number | readonly [height: number, width: number];

declare const misfit: unique symbol;

/** What an argument would have to be for shapes that do not fit: nothing is. */
export interface ShapeError<Message extends string> {
  readonly [misfit]: Message;
}

/** The shape without `readonly`: how the compiler's messages and hints print it is then short. */
export type Mutable<S extends Shape> = { -readonly [Axis in keyof S]: S[Axis] };

/** A tuple that a pattern found, as a shape. */
export type Sized<S extends readonly unknown[]> = { -readonly [Axis in keyof S]: S[Axis] & number };

/** The shape, or `number[]` for what is none. */
export type AsShape<S> = S extends readonly unknown[] ? Sized<S> : number[];

/** Whether two sizes can be equal: true where one is not known. */
export type Same<A, B> = [A & B] extends [never] ? false : true;

/**
 * Whether two types are the same. It is asked of records, for then the compiler answers for type parameters too: a function generic in S
 * may add two `Tensor<S>`.
 */
export type Equal<A, B> = { a: A; b: B } extends { a: B; b: A } ? true : false;

/** Whether two shapes can be equal. Tuples that differ in a literal have no common value, and the compiler knows. */
export type SameShape<A extends Shape, B extends Shape> = Same<A, B>;

/** Whether the number of axes is known. It is not where S is a union of shapes. */
export type Ranked<S extends Shape> = number extends S['length'] ? false : true extends IsUnion<S> ? false : true;

/** A shape in a message: `[128,3,?,?]`, or `[…]` where not even the number of axes is known. */
export type Show<S extends readonly unknown[]> = true extends IsUnion<S> ? '[…]' : ShowSizes<S>;
type ShowSizes<S extends readonly unknown[], Text extends string = ''> = S extends readonly []
  ? `[${Text}]`
  : S extends readonly [infer Size, ...infer Rest]
    ? ShowSizes<Rest, `${Text}${Text extends '' ? '' : ','}${ShowNumber<Size>}`>
    : '[…]';

/** A size in a message. */
export type ShowNumber<N> = number extends N ? '?' : true extends IsUnion<N> ? '?' : N extends number ? `${N}` : '?';

/** The size of the last axis. */
export type Last<S extends Shape> = S extends readonly [...unknown[], infer L] ? L & number : number;

/** S with another size at its last axis. */
export type WithLast<S extends Shape, Size extends number> = S extends readonly [...infer Leading, unknown]
  ? [...Sized<Leading>, Size]
  : number[];

/** An axis counted from 0: `Axis` itself, or counted from the end where it is negative; 'negative' where there is none; `number` for a union. */
export type FromStart<Axis extends number, S extends Shape> =
  true extends IsUnion<Axis>
    ? number
    : `${Axis}` extends `-${infer FromEnd extends number}`
      ? Subtract<S['length'], FromEnd>
      : Axis;

/** Whether S has the axis; true where either is not known. */
export type HasAxis<S extends Shape, Axis extends number> =
  Ranked<S> extends false
    ? true
    : number extends FromStart<Axis, S>
      ? true
      : `${FromStart<Axis, S>}` extends keyof S
        ? true
        : false;

/** S with unknown sizes. */
export type Unknown<S extends Shape> = { -readonly [Axis in keyof S]: number };
