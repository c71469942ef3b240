// Arithmetic on literal numbers, in the type system: schoolbook methods on decimal digits, with the tables one learns by heart.
// Digit by digit a convolution's output size costs some hundred instantiations; counting in tuple lengths costs thousands.
// A union of numbers counts as not known: unions times unions grow beyond what a compiler does in a minute.
// Inside this file numbers are strings of digits, mostly written last digit first ("reversed"), so that a carry travels with the
// recursion. `number` stands for "not known at compile time" and spreads: whatever is computed from it is `number`.

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
type Bit = '0' | '1';

/** a + b as carry and digit, by row a. The eleventh row is for 9 + b with a carry coming in. */
type Sums = [
  ['00', '01', '02', '03', '04', '05', '06', '07', '08', '09'],
  ['01', '02', '03', '04', '05', '06', '07', '08', '09', '10'],
  ['02', '03', '04', '05', '06', '07', '08', '09', '10', '11'],
  ['03', '04', '05', '06', '07', '08', '09', '10', '11', '12'],
  ['04', '05', '06', '07', '08', '09', '10', '11', '12', '13'],
  ['05', '06', '07', '08', '09', '10', '11', '12', '13', '14'],
  ['06', '07', '08', '09', '10', '11', '12', '13', '14', '15'],
  ['07', '08', '09', '10', '11', '12', '13', '14', '15', '16'],
  ['08', '09', '10', '11', '12', '13', '14', '15', '16', '17'],
  ['09', '10', '11', '12', '13', '14', '15', '16', '17', '18'],
  ['10', '11', '12', '13', '14', '15', '16', '17', '18', '19'],
];
/** Plus[carry][a][b] = a + b + carry as carry and digit. */
type Plus = { '0': Sums; '1': Sums extends [unknown, ...infer Rest] ? Rest : never };

/** Times[a][b] = a · b as carry and digit. */
type Times = [
  ['00', '00', '00', '00', '00', '00', '00', '00', '00', '00'],
  ['00', '01', '02', '03', '04', '05', '06', '07', '08', '09'],
  ['00', '02', '04', '06', '08', '10', '12', '14', '16', '18'],
  ['00', '03', '06', '09', '12', '15', '18', '21', '24', '27'],
  ['00', '04', '08', '12', '16', '20', '24', '28', '32', '36'],
  ['00', '05', '10', '15', '20', '25', '30', '35', '40', '45'],
  ['00', '06', '12', '18', '24', '30', '36', '42', '48', '54'],
  ['00', '07', '14', '21', '28', '35', '42', '49', '56', '63'],
  ['00', '08', '16', '24', '32', '40', '48', '56', '64', '72'],
  ['00', '09', '18', '27', '36', '45', '54', '63', '72', '81'],
];

type Successor = ['1', '2', '3', '4', '5', '6', '7', '8', '9', never];
/** 9 − d: a − b is a + (nines' complement of b) + 1 without its leading carry. */
type Nines = ['9', '8', '7', '6', '5', '4', '3', '2', '1', '0'];

/** The same digits in the other direction; `never` where S is not all digits (a negative number, a fraction, 1e21). */
type Reverse<S extends string, Out extends string = ''> = S extends `${infer D extends Digit}${infer Rest}`
  ? Reverse<Rest, `${D}${Out}`>
  : S extends ''
    ? Out
    : never;

type Reversed<N extends number> = Reverse<`${N}`>;

type Trim<S extends string> = S extends `0${infer Rest}` ? (Rest extends '' ? '0' : Trim<Rest>) : S;

/** Digits, first digit first, as a number; `number` for what no longer is one. */
type ToNumber<S extends string> = [S] extends [never]
  ? number
  : Trim<S> extends `${infer N extends number}`
    ? N
    : number;
type FromReversed<S extends string> = ToNumber<Reverse<S>>;

/** a + b + carry, all reversed. */
type AddReversed<
  A extends string,
  B extends string,
  Carry extends Bit = '0',
  Out extends string = '',
> = A extends `${infer a extends Digit}${infer As}`
  ? B extends `${infer b extends Digit}${infer Bs}`
    ? Plus[Carry][a][b] extends `${infer c extends Bit}${infer d}`
      ? AddReversed<As, Bs, c, `${Out}${d}`>
      : never
    : Carry extends '0'
      ? `${Out}${A}`
      : Plus[Carry][a]['0'] extends `${infer c extends Bit}${infer d}`
        ? AddReversed<As, '', c, `${Out}${d}`>
        : never
  : B extends ''
    ? Carry extends '0'
      ? Out
      : `${Out}1`
    : AddReversed<B, '', Carry, Out>;

/** a − b, reversed, with leading zeros; 'negative' where there is none. */
type SubtractReversed<
  A extends string,
  B extends string,
  Carry extends Bit = '1',
  Out extends string = '',
> = A extends `${infer a extends Digit}${infer As}`
  ? B extends `${infer b extends Digit}${infer Bs}`
    ? Plus[Carry][a][Nines[b]] extends `${infer c extends Bit}${infer d}`
      ? SubtractReversed<As, Bs, c, `${Out}${d}`>
      : never
    : Carry extends '1'
      ? `${Out}${A}`
      : Plus[Carry][a]['9'] extends `${infer c extends Bit}${infer d}`
        ? SubtractReversed<As, '', c, `${Out}${d}`>
        : never
  : B extends ''
    ? Carry extends '1'
      ? Out
      : 'negative'
    : 'negative';

/** a · (one digit) + carry digit, reversed. */
type TimesDigit<
  A extends string,
  D extends Digit,
  Carry extends Digit = '0',
  Out extends string = '',
> = A extends `${infer a extends Digit}${infer As}`
  ? Times[a][D] extends `${infer high extends Digit}${infer low extends Digit}`
    ? Plus['0'][low][Carry] extends `${infer c extends Bit}${infer d}`
      ? Plus['0'][high][c] extends `0${infer next extends Digit}`
        ? TimesDigit<As, D, next, `${Out}${d}`>
        : never
      : never
    : never
  : Carry extends '0'
    ? Out
    : `${Out}${Carry}`;

/** a · b, reversed: one shifted row a digit of b. */
type MultiplyReversed<
  A extends string,
  B extends string,
  Zeros extends string = '',
  Sum extends string = '',
> = B extends `${infer b extends Digit}${infer Bs}`
  ? MultiplyReversed<A, Bs, `${Zeros}0`, b extends '0' ? Sum : AddReversed<Sum, `${Zeros}${TimesDigit<A, b>}`>>
  : Sum extends ''
    ? '0'
    : Sum;

// Division by a short number (a stride, a number of groups) keeps the remainder as a tuple's length: one step a unit of a quotient's digit.
type Units = {
  '0': [];
  '1': [0];
  '2': [0, 0];
  '3': [0, 0, 0];
  '4': [0, 0, 0, 0];
  '5': [0, 0, 0, 0, 0];
  '6': [0, 0, 0, 0, 0, 0];
  '7': [0, 0, 0, 0, 0, 0, 0];
  '8': [0, 0, 0, 0, 0, 0, 0, 0];
  '9': [0, 0, 0, 0, 0, 0, 0, 0, 0];
};
type Tenfold<T extends 0[]> = [...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T];
/** A tuple as long as S says, for S of at most two digits. */
type Count<S extends string, T extends 0[] = []> = S extends `${infer D extends Digit}${infer Rest}`
  ? Count<Rest, [...Tenfold<T>, ...Units[D]]>
  : T;
type TakeOut<T extends 0[], B extends 0[], Times extends 0[] = []> = T extends [...B, ...infer Rest extends 0[]]
  ? TakeOut<Rest, B, [...Times, 0]>
  : [`${Times['length']}`, T];
/** [quotient, remainder as a tuple] of digits, first digit first. */
type DivideShort<
  S extends string,
  B extends 0[],
  Remainder extends 0[] = [],
  Quotient extends string = '',
> = S extends `${infer D extends Digit}${infer Rest}`
  ? TakeOut<[...Tenfold<Remainder>, ...Units[D]], B> extends [infer Q extends string, infer R extends 0[]]
    ? DivideShort<Rest, B, R, `${Quotient}${Q}`>
    : never
  : [Quotient, Remainder];

// Division by a long number (the elements a reshape has placed already) subtracts, up to nine times a digit.
type SubtractOften<R extends string, B extends string, Q extends Digit = '0'> =
  SubtractReversed<R, B> extends infer Next extends string
    ? Next extends 'negative'
      ? [Q, R]
      : SubtractOften<Next, B, Successor[Q]>
    : never;
type DivideLong<
  S extends string,
  B extends string,
  Remainder extends string = '',
  Quotient extends string = '',
> = S extends `${infer D extends Digit}${infer Rest}`
  ? SubtractOften<`${D}${Remainder}`, B> extends [infer Q extends string, infer R extends string]
    ? DivideLong<Rest, B, R, `${Quotient}${Q}`>
    : never
  : [Quotient, Remainder];

/** Whether T is a union of several types. */
export type IsUnion<T, Whole = T> = T extends unknown ? ([Whole] extends [T] ? false : true) : never;

/** Whether a number is known to be one or the other, or not known at all. */
type Open<A extends number, B extends number> = number extends A | B
  ? true
  : true extends IsUnion<A> | IsUnion<B>
    ? true
    : false;

/** A + B. */
export type Add<A extends number, B extends number> =
  Open<A, B> extends true
    ? number
    : A extends 0
      ? B
      : B extends 0
        ? A
        : FromReversed<AddReversed<Reversed<A>, Reversed<B>>>;

/** A − B; 'negative' where B is larger. */
export type Subtract<A extends number, B extends number> =
  Open<A, B> extends true ? number : B extends 0 ? A : Difference<SubtractReversed<Reversed<A>, Reversed<B>>>;
type Difference<R extends string> = [R] extends [never] ? number : R extends 'negative' ? R : FromReversed<R>;

/** A · B. */
export type Multiply<A extends number, B extends number> =
  Open<A, B> extends true
    ? number
    : A extends 1
      ? B
      : B extends 1
        ? A
        : FromReversed<MultiplyReversed<Reversed<A>, Reversed<B>>>;

/** [⌊A / B⌋, whether B divides A]; [number, true] where either is not known, or is no natural number. */
type Division<A extends number, B extends number> =
  Open<A, B> extends true
    ? [number, true]
    : B extends 1
      ? [A, true]
      : B extends 0
        ? [number, true]
        : `${A}` extends `${infer _ extends bigint}`
          ? `${B}` extends `${Digit}` | `${Digit}${Digit}`
            ? DivideShort<`${A}`, Count<`${B}`>> extends [infer Q extends string, infer R]
              ? [ToNumber<Q>, R extends [] ? true : false]
              : never
            : DivideLong<`${A}`, Reversed<B>> extends [infer Q extends string, infer R extends string]
              ? [ToNumber<Q>, Trim<R> extends '0' ? true : false]
              : never
          : [number, true];
export type Divide<A extends number, B extends number> = Division<A, B>[0];
/** Whether B divides A; true where either is not known. */
export type Divides<B extends number, A extends number> = Division<A, B>[1];
