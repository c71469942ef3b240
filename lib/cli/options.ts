// Options that several commands share.
import { InvalidArgumentError, Option } from 'commander';
import { type Device, device } from '../tensor/device';
import { UsageError } from './errors';

/** `cpu:0,cpu:1`, given by `option`. */
export function deviceList(names: string, option = '--devices'): Device[] {
  try {
    return names.split(',').map((name) => device(name.trim()));
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/^device: /, `${option}: `), { cause: error });
  }
}

export function wholeNumber(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return n;
}

/** `--checkpoint last|best` */
export function whichCheckpoint(): Option {
  return new Option('--checkpoint <which>', 'the newest, or the one with the lowest error watched while it trained')
    .choices(['last', 'best'])
    .default('last');
}

/** An option that must be given. Asked of the command as it runs: commander would miss it before it saw that another was mistyped. */
export function requireOption<T>(value: T | undefined, flags: string): asserts value is T {
  if (value === undefined) throw new UsageError(`required option '${flags}' not specified`);
}
