// Options that several commands share.
import { InvalidArgumentError, Option } from 'commander';
import { weightTypes } from '../models/column_net';
import { type OperatorName, operatorNames } from '../ops/registry';
import { type Device, device } from '../tensor/device';
import { nearest } from '../train/recipe';
import { UsageError } from './errors';

/** `cpu:0,cpu:1`, given by `option`. */
export function deviceList(names: string, option = '--devices'): Device[] {
  try {
    return names.split(',').map((name) => device(name.trim()));
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/^device: /, `${option}: `), { cause: error });
  }
}

/** One more operator's name, given as an argument, behind those before it. */
export function operatorList(name: string, before: readonly OperatorName[] = []): OperatorName[] {
  if ((operatorNames as string[]).includes(name)) return [...before, name as OperatorName];
  const near = nearest(name, operatorNames);
  throw new InvalidArgumentError(
    `There is no operator '${name}'${near ? `; did you mean ${near}?` : ''} There are ${operatorNames.join(', ')}.`,
  );
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

/** `--weights f32|bf16` */
export function inferenceWeights(): Option {
  return new Option('--weights <type>', 'bf16: the fully-connected layers’ weights rounded, half the bytes to read')
    .choices(weightTypes)
    .default('f32');
}
