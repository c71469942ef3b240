// What the operators of this folder check of their arguments at run time.
import { checkNumber, show } from '../tensor/checks';

export function requireInteger(operator: string, name: string, value: unknown, least: number): asserts value is number {
  checkNumber(operator, name, value);
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${operator}: ${name} must be an integer of at least ${least}, got ${value}`);
}

export function requireFinite(operator: string, name: string, value: unknown): asserts value is number {
  checkNumber(operator, name, value);
  if (!Number.isFinite(value)) throw new RangeError(`${operator}: ${name} must be finite, got ${value}`);
}

/** Both numbers of a `Pair`. */
export function requirePair(
  operator: string,
  name: string,
  value: unknown,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): [number, number] {
  const numbers: unknown[] = Array.isArray(value) ? value : [value, value];
  if (numbers.length !== 2 || !numbers.every((n) => typeof n === 'number'))
    throw new TypeError(`${operator}: ${name} must be a number or a pair [height, width], got ${show(value)}`);
  if (!numbers.every((n) => Number.isSafeInteger(n) && (n as number) >= least))
    throw new RangeError(`${operator}: ${name} must hold integers of at least ${least}, got ${show(value)}`);
  if (numbers.some((n) => (n as number) > most))
    throw new RangeError(`${operator}: ${name} must be at most ${most}, got ${show(value)}`);
  return numbers as [number, number];
}
