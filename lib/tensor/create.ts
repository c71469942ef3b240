// Making tensors from values, constants and random numbers.
import { type DType, launch, type NativeArray } from '../native/addon';
import type { Mutable, Shape } from '../shape/shape';
import { checkDType, checkNumber, checkOptions, checkShape, show, sizeOf } from './checks';
import { type Device, type DeviceLike, defaultDevice, device as deviceOf } from './device';
import { namingOutOfMemory } from './out_of_memory';
import { checkSeed, nextSeed } from './random';
import { empty, type Tensor } from './tensor';
import { type NestedNumbers, type NumberArray, type ShapeOf, toTyped, valuesOf } from './values';

export interface TensorOptions<D extends DType = DType> {
  /** `f32` where not given. */
  dtype?: D;
  /** `cpu:0` where not given. */
  device?: DeviceLike;
}

export interface DataOptions<S extends Shape = Shape, D extends DType = DType> extends TensorOptions<D> {
  shape?: S;
}

export interface RandomOptions {
  /** The same seed gives the same numbers on every kind of device; the next of `manualSeed`'s sequence where not given. */
  seed?: number;
  device?: DeviceLike;
}

type DTypeOf<A> = A extends Int32Array ? 'i32' : A extends Uint8Array | Uint8ClampedArray ? 'u8' : 'f32';

/**
 * A tensor of given values: a number, nested arrays of numbers, or a typed array.
 *
 * The shape is that of the nesting, or the length of a typed array, unless `shape` gives another one of the same size. The element type
 * is that of an `Int32Array` or `Uint8Array` (`Uint8ClampedArray`), and `f32` for all else, unless `dtype` says otherwise.
 * @throws RangeError where arrays are ragged or empty, where the number of values is not that of the shape, and where a value does not
 *   fit the element type (`i32` and `u8` hold integers; `f32` and `bf16` hold every number, rounded).
 */
export function tensor<
  const S extends Shape,
  const A extends NestedNumbers | NumberArray,
  D extends DType = DTypeOf<A>,
>(data: A, options: DataOptions<S, D> & { shape: S }): Tensor<Mutable<S>, NoInfer<D>>;
export function tensor<const A extends NestedNumbers | NumberArray, D extends DType = DTypeOf<A>>(
  data: A,
  options?: DataOptions<Shape, D> & { shape?: undefined },
): Tensor<ShapeOf<A>, NoInfer<D>>;
export function tensor(data: NestedNumbers | NumberArray, options?: DataOptions): Tensor<Shape, DType> {
  const o = checkOptions('tensor', options, ['shape', 'dtype', 'device']);
  if (o.shape !== undefined) checkShape('tensor', o.shape);
  if (o.dtype !== undefined) checkDType('tensor', o.dtype);
  const device = where(o.device);
  const { values, shape: ownShape, dtype: ownDType } = valuesOf(data);
  const shape = o.shape ?? ownShape;
  checkShape('tensor', shape);
  if (sizeOf(shape) !== values.length)
    throw new RangeError(
      `tensor: ${values.length} values do not fill shape ${show(shape)}, which has ${sizeOf(shape)}`,
    );
  const dtype = o.dtype ?? ownDType;
  return written(toTyped(values, dtype, ownShape), shape, dtype, device);
}

function written(values: NativeArray, shape: Shape, dtype: DType, device: Device): Tensor<Shape, DType> {
  return filled('tensor', shape, device, dtype, () => values);
}

/** Every element 0. */
export function zeros<const S extends Shape, D extends DType = 'f32'>(
  shape: S,
  options?: TensorOptions<D>,
): Tensor<Mutable<S>, NoInfer<D>> {
  return constant('zeros', shape, 0, options);
}

/** Every element 1. */
export function ones<const S extends Shape, D extends DType = 'f32'>(
  shape: S,
  options?: TensorOptions<D>,
): Tensor<Mutable<S>, NoInfer<D>> {
  return constant('ones', shape, 1, options);
}

/**
 * Every element `value`.
 * @throws RangeError where an integer element type cannot hold it.
 */
export function full<const S extends Shape, D extends DType = 'f32'>(
  shape: S,
  value: number,
  options?: TensorOptions<D>,
): Tensor<Mutable<S>, NoInfer<D>> {
  checkNumber('full', 'value', value);
  return constant('full', shape, value, options);
}

function constant<D extends DType>(
  operator: string,
  shape: Shape,
  value: number,
  options: TensorOptions<D> | undefined,
): Tensor<any, D> {
  const { dtype, device } = placed(operator, options);
  checkShape(operator, shape);
  if (dtype !== 'f32') toTyped([value], dtype, [], operator);
  const t = room(operator, shape, device, dtype as D);
  launch('fill', { count: t.size, value }, [], [t.storage(operator).native]);
  return t;
}

/** 0, 1, 2, … n − 1. Above 2^24 not every integer is an f32: give `{ dtype: 'i32' }` there. */
export function arange<D extends DType = 'f32'>(n: number, options?: TensorOptions<D>): Tensor<[number], NoInfer<D>> {
  const { dtype, device } = placed('arange', options);
  checkNumber('arange', 'n', n);
  checkShape('arange', [n], 'n');
  const last = { f32: 2 ** 53, i32: 2 ** 31 - 1, u8: 255, bf16: 256 }[dtype];
  if (n - 1 > last) throw new RangeError(`arange: ${dtype} cannot hold ${n - 1}`);
  return filled<[number], D>('arange', [n], device, dtype as D, () => {
    const values = new { f32: Float32Array, i32: Int32Array, u8: Uint8Array, bf16: Float32Array }[dtype](n);
    for (let i = 0; i < n; i++) values[i] = i;
    return toTyped(values, dtype, [n]);
  });
}

/**
 * Normally distributed numbers: element i is mean + std·z_i, z by Box and Muller's method from Philox counter ⌊i/4⌋ under key `seed`
 * (native/core/philox.h).
 */
export function randn<const S extends Shape>(
  shape: S,
  options?: RandomOptions & { mean?: number; std?: number },
): Tensor<Mutable<S>> {
  const { mean = 0, std = 1, ...o } = checkOptions('randn', options, ['mean', 'std', 'seed', 'device']);
  const [a, b] = [finite('randn', 'mean', mean), finite('randn', 'std', std)];
  if (b < 0) throw new RangeError(`randn: std must not be negative, got ${std}`);
  return random('randn', 'normal', shape, a, b, o);
}

/** Numbers evenly distributed over [low, high): element i is low + (high − low)·u_i, u_i the 24 leading bits of word i mod 4 of Philox counter ⌊i/4⌋ under key `seed`. */
export function uniform<const S extends Shape>(
  shape: S,
  options?: RandomOptions & { low?: number; high?: number },
): Tensor<Mutable<S>> {
  const { low = 0, high = 1, ...o } = checkOptions('uniform', options, ['low', 'high', 'seed', 'device']);
  const [a, b] = [finite('uniform', 'low', low), finite('uniform', 'high', high)];
  if (!(a < b)) throw new RangeError(`uniform: low must be less than high, got ${low} and ${high}`);
  finite('uniform', 'high − low', b - a);
  return random('uniform', 'uniform', shape, a, b, o);
}

function random(
  operator: string,
  distribution: 'normal' | 'uniform',
  shape: Shape,
  a: number,
  b: number,
  options: RandomOptions,
): Tensor<any> {
  if (options.seed !== undefined) checkSeed(operator, options.seed);
  const device = where(options.device);
  checkShape(operator, shape);
  const t = room(operator, shape, device, 'f32');
  const seed = options.seed ?? nextSeed();
  launch('random', { distribution, count: t.size, seed, a, b }, [], [t.storage(operator).native]);
  return t;
}

function room<S extends Shape, D extends DType>(operator: string, shape: S, device: Device, dtype: D): Tensor<S, D> {
  return namingOutOfMemory(operator, () => empty(shape, device, dtype));
}

function filled<S extends Shape, D extends DType>(
  operator: string,
  shape: S,
  device: Device,
  dtype: D,
  values: () => NativeArray,
): Tensor<S, D> {
  const t = room(operator, shape, device, dtype); // first: it refuses what there is no memory for
  try {
    namingOutOfMemory(operator, () => t.storage(operator).native.write(values()));
    return t;
  } catch (error) {
    t.dispose(); // nobody else has it
    throw error;
  }
}

/** `value` as f32. */
function finite(operator: string, name: string, value: unknown): number {
  checkNumber(operator, name, value);
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) throw new RangeError(`${operator}: ${name} must be a finite f32, got ${value}`);
  return rounded;
}

function placed<D extends DType>(operator: string, options: TensorOptions<D> | undefined) {
  const { dtype = 'f32', device } = checkOptions(operator, options, ['dtype', 'device']);
  checkDType(operator, dtype);
  return { dtype: dtype as DType, device: where(device) };
}

function where(device: DeviceLike | undefined): Device {
  return device === undefined ? defaultDevice : deviceOf(device);
}
