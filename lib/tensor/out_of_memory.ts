// The allocator does not know for whom it allocates; whoever does adds the name.

/** Runs `work`; where a device's memory ran out in it, the error begins with `operator` as every other does. */
export function namingOutOfMemory<T>(operator: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_OUT_OF_MEMORY') throw error;
    // The innermost operator names itself: one made of others leaves its message alone.
    if (!error.message.startsWith('out of memory')) throw error;
    const before = error.message;
    const stack = error.stack; // with source maps it is made when first read, and then of the message that is there
    error.message = `${operator}: ${before}`;
    error.stack = stack?.replace(before, error.message); // what Node prints where nobody catches it
    throw error;
  }
}
