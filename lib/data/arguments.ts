// What the functions of this folder check of their arguments at run time.
import { checkNumber, show } from '../tensor/checks';
import type { Split } from './dataset';

export function checkWhole(
  operator: string,
  name: string,
  value: unknown,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  checkNumber(operator, name, value);
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new RangeError(
      `${operator}: ${name} must be a whole number from ${least}${most < Number.MAX_SAFE_INTEGER ? ` to ${most}` : ''}, got ${value}`,
    );
}

export function checkFunction(operator: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function')
    throw new TypeError(`${operator}: ${name} must be a function, got ${show(value)}`);
}

/** Refuses what has neither a length nor images: what else a split holds is for those who read it. */
export function checkSplit(operator: string, split: unknown): asserts split is Split {
  if (split === null || typeof split !== 'object')
    throw new TypeError(`${operator}: the split must be an object with length, label and pixels, got ${show(split)}`);
  const { length, label, pixels } = split as Partial<Split>;
  if (typeof label !== 'function' || typeof pixels !== 'function')
    throw new TypeError(`${operator}: the split must have the functions label and pixels, got ${show(split)}`);
  checkWhole(operator, "the split's length", length, 0);
}

/** Refuses what is no image of `size` bytes. */
export function checkPixels(operator: string, i: number, pixels: unknown, size?: number): asserts pixels is Uint8Array {
  if (!isBytes(pixels))
    throw new TypeError(`${operator}: the split's image ${i} must be a Uint8Array, got ${show(pixels)}`);
  if (size !== undefined && pixels.length !== size)
    throw new RangeError(`${operator}: the split's image ${i} has ${pixels.length} bytes, expected ${size}`);
}

// By name: typed arrays of another realm (a vm context) are no instances of this one's classes.
const kindOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);

export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && kindOf(value) === 'Uint8Array';
}

/** The numbers of an array, of a typed array or of what is like them, in a copy. */
export function checkNumbers(operator: string, name: string, value: unknown): number[] {
  // Not by its `length`, which an object may have put over the array's own.
  if (ArrayBuffer.isView(value) && /^(Float|Int|Uint)\d+(Clamped)?Array$/.test(kindOf(value)))
    return Array.from(new Float64Array(value as Float64Array));
  const { length } = (value ?? {}) as ArrayLike<unknown>;
  if (typeof value !== 'object' || !Number.isSafeInteger(length) || length < 0)
    throw new TypeError(`${operator}: ${name} must be an array of numbers, got ${show(value)}`);
  const numbers: number[] = [];
  for (let i = 0; i < length; i++) {
    const v = (value as ArrayLike<unknown>)[i];
    checkNumber(operator, `${name}[${i}]`, v);
    numbers.push(v);
  }
  return numbers;
}
