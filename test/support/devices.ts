import { type Device, devices } from '../../lib';

/** The first device of every kind there is: operator tests run on each. */
export const kinds: readonly Device[] = (['cpu', 'sim', 'cuda'] as const).flatMap((kind) => devices(kind).slice(0, 1));
