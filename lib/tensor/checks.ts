// What public functions check of their arguments at run time. Every message starts with the function's name.
import { inspect } from 'node:util';
import type { DType } from '../native/addon';
import type { Shape } from '../shape/shape';

export const maxRank = 6;
const tooMany = 2 ** 53; // not told apart from its neighbours

/**
 * A value in an error message: short, whatever it is. What cannot be looked at (a proxy that throws, say) is named by its kind: an error
 * must not fail for its message.
 */
export function show(value: unknown): string {
  try {
    return shown(value, true);
  } catch {
    try {
      return shown(value, false);
    } catch {
      return `a value (${typeof value}) that cannot be shown`;
    }
  }
}

function shown(value: unknown, customInspect: boolean): string {
  if (Array.isArray(value)) {
    const first = value.slice(0, 8); // of what may be 2^32 long
    if (first.every((v) => typeof v === 'number'))
      return `[${first.join(', ')}${value.length > 8 ? `, … ${value.length} in all` : ''}]`;
  }
  if (ArrayBuffer.isView(value))
    return `${Object.prototype.toString.call(value).slice(8, -1)} of ${value.byteLength} bytes`;
  const text = inspect(value, {
    customInspect,
    depth: 1,
    maxArrayLength: 4,
    maxStringLength: 60,
    breakLength: Number.POSITIVE_INFINITY,
  });
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** Product of the axes' sizes. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Refuses all but an array of at most six positive integers whose product is below 2^53. */
export function checkShape(operator: string, shape: unknown, name = 'shape'): asserts shape is Shape {
  if (!Array.isArray(shape))
    throw new TypeError(`${operator}: ${name} must be an array of integers, got ${show(shape)}`);
  if (shape.length > maxRank)
    throw new RangeError(
      `${operator}: ${name} ${show(shape)} has ${shape.length} axes, at most ${maxRank} are supported`,
    );
  for (let axis = 0; axis < shape.length; axis++) {
    const n = shape[axis];
    if (typeof n !== 'number') throw new TypeError(`${operator}: ${name}[${axis}] must be a number, got ${show(n)}`);
    if (!Number.isInteger(n) || n < 1)
      throw new RangeError(`${operator}: ${name} ${show(shape)} must hold positive integers, [${axis}] is ${n}`);
  }
  if (sizeOf(shape as Shape) >= tooMany)
    throw new RangeError(`${operator}: ${name} ${show(shape)} has 2^53 elements or more`);
}

export function checkDType(operator: string, dtype: unknown): asserts dtype is DType {
  if (dtype !== 'f32' && dtype !== 'i32' && dtype !== 'u8' && dtype !== 'bf16')
    throw new TypeError(`${operator}: dtype must be 'f32', 'i32', 'u8' or 'bf16', got ${show(dtype)}`);
}

/** `options`, or {} where undefined. Refuses what is no plain record, and names that `known` does not list. */
export function checkOptions<O extends object>(
  operator: string,
  options: O | undefined,
  known: readonly (keyof O & string)[],
): Partial<O> {
  if (options === undefined) return {};
  const prototype = options !== null && typeof options === 'object' ? Object.getPrototypeOf(options) : undefined;
  // A record of another realm (a vm context) has another Object.prototype, whose prototype is null all the same.
  if (
    prototype === undefined ||
    (prototype !== null && Object.getPrototypeOf(prototype) !== null) ||
    Array.isArray(options)
  )
    throw new TypeError(`${operator}: options must be an object, got ${show(options)}`);
  for (const name of Object.keys(options))
    if (!(known as readonly string[]).includes(name))
      throw new TypeError(`${operator}: unknown option '${name}'; the options are ${known.join(', ')}`);
  return options;
}

export function checkNumber(operator: string, name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`${operator}: ${name} must be a number, got ${show(value)}`);
}

export function checkBoolean(operator: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${operator}: ${name} must be true or false, got ${show(value)}`);
}

export function checkChoice(operator: string, name: string, value: unknown, choices: readonly unknown[]): void {
  if (!choices.includes(value))
    throw new RangeError(
      `${operator}: ${name} must be ${choices.map((c) => show(c)).join(' or ')}, got ${show(value)}`,
    );
}

/** An axis counted from 0; `axis` may be negative, counted from the end. */
export function checkAxis(operator: string, axis: unknown, shape: Shape): number {
  checkNumber(operator, 'axis', axis);
  if (!Number.isInteger(axis) || axis < -shape.length || axis >= shape.length)
    throw new RangeError(
      `${operator}: axis ${axis} of [${shape}], which has ${shape.length} ${shape.length === 1 ? 'axis' : 'axes'}`,
    );
  return axis < 0 ? axis + shape.length : axis;
}
