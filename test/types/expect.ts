/** Whether two types are the same, not just assignable. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `expectType<E>()(value)` compiles where the value's type is exactly E. */
export declare function expectType<Expected>(): <Actual>(
  value: Actual,
  ...difference: Equal<Actual, Expected> extends true ? [] : [expected: Expected, actual: Actual]
) => void;
