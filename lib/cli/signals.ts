import type { Io } from './io';

/**
 * Runs work that can be asked to stop: the first SIGINT or SIGTERM aborts its signal, a second one ends the process at once.
 * Returns what the work returned and the signal that came, if one did.
 */
export async function interruptible<T>(
  io: Io,
  notice: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ result: T; received: NodeJS.Signals | null }> {
  const controller = new AbortController();
  let received: NodeJS.Signals | null = null;
  const handler = (name: NodeJS.Signals) => {
    if (received) process.exit(name === 'SIGINT' ? 130 : 143);
    received = name;
    io.err(`\n${name}: ${notice} (once more to stop at once)\n`);
    controller.abort(new Error(`stopped by ${name}`));
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  try {
    return { result: await work(controller.signal), received };
  } finally {
    process.off('SIGINT', handler);
    process.off('SIGTERM', handler);
  }
}
