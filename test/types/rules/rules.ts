/** An expression, and its type: the shape alone stands for a tensor of f32. */
export type Right = readonly [call: string, type: string];
/** An expression, and what the message must hold. */
export type Wrong = readonly [call: string, message: string];

/** What the compiler must make of right and of wrong calls, operator by operator. */
export type Rules = Record<string, { right: readonly Right[]; wrong: readonly Wrong[] }>;
