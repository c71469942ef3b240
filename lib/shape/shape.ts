/** Sizes of the axes, outermost first; a literal tuple where they are known at compile time. */
export type Shape = readonly number[];
