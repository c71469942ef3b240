// What every rule of this folder is written with. A rule is a pair of types: `…Shape`, the shape an operator gives, and `…Check`, which
// is `unknown` where the arguments fit (or where a size is not known, so that the check is left to run time) and a ShapeError where not.
// An operator intersects an argument's type with its check: a ShapeError cannot be satisfied, and its text is what `tsc` prints.
import type { Subtract } from './digits';

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
export type Mutable<S extends Shape> = S extends number[] ? S : { -readonly [Axis in keyof S]: S[Axis] };

/** Whether two sizes can be equal: true where one is not known. */
export type Same<A, B> = [A & B] extends [never] ? false : true;

/** Whether two shapes can be equal. Tuples that differ in a literal have no common value, and the compiler knows. */
export type SameShape<A extends Shape, B extends Shape> = Same<A, B>;

/** Whether the number of axes is known. */
export type Ranked<S extends Shape> = number extends S['length'] ? false : true;

/** A shape in a message: `[128,3,?,?]`, or `[…]` where not even the number of axes is known. */
export type Show<S extends Shape, Text extends string = ''> = S extends readonly []
  ? `[${Text}]`
  : S extends readonly [infer Size extends number, ...infer Rest extends Shape]
    ? Show<Rest, `${Text}${Text extends '' ? '' : ','}${ShowNumber<Size>}`>
    : '[…]';

/** A size in a message. */
export type ShowNumber<N> = number extends N ? '?' : N extends number ? `${N}` : '?';

/** S with its `Rank` many sizes, or as many unknown ones. */
export type Rank2<S extends Shape> = S extends readonly [number, number] ? S : [number, number];
export type Rank4<S extends Shape> = S extends readonly [number, number, number, number]
  ? S
  : [number, number, number, number];

export type Last<S extends Shape> = S extends readonly [...Shape, infer L extends number] ? L : number;
export type Prepend<S extends Shape, Rest extends number[]> = S extends readonly [] ? Rest : [...S, ...Rest];

/** An axis counted from 0: `Axis` itself, or counted from the end where it is negative; 'negative' where there is none. */
export type FromStart<Axis extends number, S extends Shape> = `${Axis}` extends `-${infer FromEnd extends number}`
  ? Subtract<S['length'], FromEnd>
  : Axis;

/** Whether S has the axis; true where either is not known. */
export type HasAxis<S extends Shape, Axis extends number> =
  Ranked<S> extends false ? true : number extends Axis ? true : `${FromStart<Axis, S>}` extends keyof S ? true : false;

/** S with unknown sizes. */
export type Unknown<S extends Shape> = { -readonly [Axis in keyof S]: number };
