// Numbers as people write them (nested arrays, typed arrays of any kind) to the typed array of an element type.
import type { DType, NativeArray } from '../native/addon';
import type { Shape } from '../shape/shape';
import { maxRank, show } from './checks';

/** A number, or arrays of arrays of numbers. */
export type NestedNumbers = number | readonly NestedNumbers[];
export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array;

/** The shape of nested arrays, as far as the compiler knows it. */
export type ShapeOf<A> = [NestedNumbers] extends [A]
  ? number[]
  : A extends NumberArray
    ? [number]
    : A extends readonly (infer E)[]
      ? [A['length'], ...(E extends readonly unknown[] ? ShapeOf<E> : [])]
      : A extends number
        ? []
        : number[];

interface Values {
  values: ArrayLike<number>;
  shape: Shape;
  dtype: DType;
}

/** The values in row-major order, and the shape and element type they suggest. */
export function valuesOf(data: unknown): Values {
  if (typeof data === 'number') return { values: [data], shape: [], dtype: 'f32' };
  if (Array.isArray(data)) return flatten(data);
  if (ArrayBuffer.isView(data) && !(data instanceof DataView)) {
    // By name: typed arrays of another realm (a vm context) are no instances of this one's classes.
    const kind = Object.prototype.toString.call(data).slice(8, -1);
    const values = data as unknown as ArrayLike<number>;
    if (values.length === 0) throw new RangeError(`tensor: the ${kind} is empty`);
    const dtype = kind === 'Int32Array' ? 'i32' : kind === 'Uint8Array' || kind === 'Uint8ClampedArray' ? 'u8' : 'f32';
    if (kind.startsWith('Float') || kind.startsWith('Int') || kind.startsWith('Uint'))
      return { values, shape: [values.length], dtype };
  }
  throw new TypeError(`tensor: data must be a number, nested arrays of numbers or a typed array, got ${show(data)}`);
}

function flatten(data: readonly unknown[]): Values {
  const shape: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0]) {
    if (level.length === 0) throw new RangeError(`tensor: the array at ${first(shape.length)} is empty`);
    if (shape.push(level.length) > maxRank)
      throw new RangeError(`tensor: arrays are nested more than ${maxRank} deep, which is the largest rank`);
  }
  const values: number[] = [];
  const at: number[] = [];
  const walk = (level: unknown, axis: number): void => {
    if (axis === shape.length) {
      if (typeof level === 'number') values.push(level);
      else if (Array.isArray(level)) throw ragged(at, `an array of ${level.length}, but a number is at ${first(axis)}`);
      else throw new TypeError(`tensor: data${path(at)} must be a number, got ${show(level)}`);
      return;
    }
    if (!Array.isArray(level)) throw ragged(at, `${show(level)}, but an array of ${shape[axis]} is at ${first(axis)}`);
    if (level.length !== shape[axis])
      throw ragged(at, `an array of ${level.length}, but one of ${shape[axis]} is at ${first(axis)}`);
    for (let i = 0; i < level.length; i++) {
      at[axis] = i;
      walk(level[i], axis + 1);
    }
    at.length = axis;
  };
  walk(data, 0);
  return { values, shape, dtype: 'f32' };
}

const path = (indices: readonly number[]) => indices.map((i) => `[${i}]`).join('');
const first = (axis: number) => `data${path(new Array(axis).fill(0))}`;
const ragged = (at: readonly number[], what: string) =>
  new RangeError(`tensor: the nested arrays are ragged: data${path(at)} is ${what}`);

const ranges = { i32: [-(2 ** 31), 2 ** 31 - 1], u8: [0, 255] } as const;

/**
 * As the typed array of `dtype`, bf16 as its bits. f32 and bf16 round.
 * @throws RangeError where an integer type cannot hold a value, naming its place in `shape`.
 */
export function toTyped(values: ArrayLike<number>, dtype: DType, shape: Shape, operator = 'tensor'): NativeArray {
  const kind = Object.prototype.toString.call(values).slice(8, -1);
  if (dtype === 'bf16') return Uint16Array.from(values, toBf16);
  if (dtype === 'f32') return kind === 'Float32Array' ? (values as Float32Array) : Float32Array.from(values);
  if (dtype === 'i32' && kind === 'Int32Array') return values as Int32Array;
  if (dtype === 'u8' && (kind === 'Uint8Array' || kind === 'Uint8ClampedArray')) return values as Uint8Array;
  const [low, high] = ranges[dtype];
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (!Number.isInteger(v) || v < low || v > high)
      throw new RangeError(`${operator}: ${dtype} holds integers from ${low} to ${high}, not ${v}${place(i, shape)}`);
  }
  return dtype === 'i32' ? Int32Array.from(values) : Uint8Array.from(values);
}

function place(i: number, shape: Shape): string {
  if (shape.length === 0) return '';
  const indices: number[] = [];
  for (let axis = shape.length - 1, rest = i; axis >= 0; axis--) {
    indices.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return ` (data${path(indices)})`;
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The upper half of `value` as f32, rounded to the nearest, ties to even. */
function toBf16(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40; // rounded, its mantissa might become that of an infinity
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The floats that bf16's bits stand for: every one of them is a float32. */
export function fromBf16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}
