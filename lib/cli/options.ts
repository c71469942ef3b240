// Options that several commands share.
import { InvalidArgumentError } from 'commander';
import { type Device, device } from '../tensor/device';
import { UsageError } from './errors';

/** `cpu:0,cpu:1` */
export function deviceList(names: string): Device[] {
  try {
    return names.split(',').map((name) => device(name.trim()));
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/^device: /, '--devices: '), { cause: error });
  }
}

export function wholeNumber(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return n;
}
