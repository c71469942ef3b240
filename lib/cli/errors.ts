import { CommanderError } from 'commander';
import { RecipeError } from '../train/recipe';

/** A command line that cannot be meant: exit status 2. */
export class UsageError extends Error {}

/** Work that was asked to stop by a signal, after what it had done was saved. */
export class Interrupted extends Error {
  constructor(
    message: string,
    readonly signal: NodeJS.Signals,
  ) {
    super(message);
  }
}

/** Several things that failed beside others that did not: a line each. */
export class Failures extends Error {
  constructor(readonly errors: readonly Error[]) {
    super(errors.map(oneLine).join('; '));
  }
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGTERM: 15 };

/** 1: the work failed; 2: wrong usage; 128 + n: stopped by signal n, as shells have it. */
export function exitStatus(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Interrupted) return 128 + (signalNumbers[error.signal] ?? 0);
  return error instanceof UsageError || error instanceof RecipeError || (error as Error)?.name === 'DataSpecError'
    ? 2
    : 1;
}

/** The error as one line for a person. */
export function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
}
