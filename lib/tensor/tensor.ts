import { inspect } from 'node:util';
import type { AnyTypedArray, DType, NativeArray, TypedArrayOf } from '../native/addon';
import type { ReshapeCheck, ReshapeShape } from '../shape/layout';
import type { Shape } from '../shape/shape';
import { show } from './checks';
import type { Device, DeviceLike } from './device';
import { leaks } from './leaks';
import { namingOutOfMemory } from './out_of_memory';
import { innermostScope } from './scope';
import { Storage } from './storage';
import { fromBf16, toTyped } from './values';

let nextId = 1;

/** @internal The operators that are methods too. They import this file, so lib/ops/index.ts hands them over when it is loaded. */
export const methods = {} as {
  reshape(x: Tensor<any, any>, shape: Shape): Tensor<any, any>;
  copyTo(x: Tensor<any, any>, device: DeviceLike): Tensor<any, any>;
};

export type NestedArray = number | NestedArray[];

/**
 * An n-dimensional array on a device. `S` is the shape as a tuple, literal where it is known; `D` the element type.
 * Work on it is queued and returns at once; only reading (`data`, `item`, `array`) waits.
 */
export class Tensor<out S extends Shape = Shape, out D extends DType = 'f32'> implements Disposable {
  readonly shape: S;
  readonly dtype: D;
  /** @internal Identity of this tensor, whatever its contents become. */
  readonly serial: number = nextId++;
  #id: number = this.serial;
  #idVersion: number;
  #storage: Storage | null;

  /** @internal Use `tensor`, `zeros` and their like. */
  constructor(storage: Storage, shape: S) {
    this.#storage = storage;
    this.#idVersion = storage.version;
    this.shape = Object.freeze(shape.slice()) as unknown as S;
    this.dtype = storage.dtype as D;
    innermostScope()?.add(this as Tensor<any, any>);
    leaks?.made(this, `Tensor ${this.dtype} [${shape.join(', ')}]`, storage.count * bytesOf(storage.dtype));
  }

  /** @internal Identity of the present contents on a tape: another one after every overwrite. */
  get id(): number {
    if (this.#storage && this.#storage.version !== this.#idVersion) {
      this.#idVersion = this.#storage.version;
      this.#id = nextId++;
    }
    return this.#id;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((a, b) => a * b, 1);
  }

  get rank(): number {
    return this.shape.length;
  }

  get device(): Device {
    return this.storage('device').device;
  }

  get disposed(): boolean {
    return this.#storage === null;
  }

  /** @internal The memory; throws where the tensor has been disposed, naming the operator that wanted it. */
  storage(operator: string): Storage {
    if (this.#storage === null)
      throw new Error(
        `${operator}: the tensor [${this.shape.join(', ')}] has been disposed; keep it alive until its last use`,
      );
    return this.#storage;
  }

  /** A fresh typed array of the values, in row-major order; floats for bf16, which loses nothing. */
  async data(): Promise<TypedArrayOf<D>> {
    return this.#values(await this.storage('data').native.read());
  }

  /** As {@link data}, but blocks the event loop: for scripts and the REPL. */
  dataSync(): TypedArrayOf<D> {
    return this.#values(this.storage('dataSync').native.readSync());
  }

  #values(read: NativeArray): TypedArrayOf<D> {
    return (this.dtype === 'bf16' ? fromBf16(read as Uint16Array) : read) as TypedArrayOf<D>;
  }

  /** The value of a tensor with one element. */
  async item(): Promise<number> {
    if (this.size !== 1) throw new RangeError(`item: needs a tensor with one element, got [${this.shape.join(', ')}]`);
    return (await this.data())[0]!;
  }

  /** Nested arrays; a number for a scalar. */
  async array(): Promise<NestedArray> {
    return nest(await this.data(), this.shape);
  }

  /**
   * Overwrites the values with those of a typed array (a Float32Array for bf16, rounded), or of a tensor on any device, of the same
   * size and element type.
   * A tape that remembers the old values will refuse to give gradients.
   */
  copyFrom(source: AnyTypedArray | Tensor<Shape, D>): this {
    const storage = this.storage('copyFrom');
    const tensor = source instanceof Tensor;
    if (!tensor && (!ArrayBuffer.isView(source) || source instanceof DataView))
      throw new TypeError(`copyFrom: takes a tensor or a typed array, got ${show(source)}`);
    const count = tensor ? source.size : source.length;
    const given = tensor ? source.dtype : dtypeOf(source);
    const dtype = !tensor && given === 'f32' && this.dtype === 'bf16' ? 'bf16' : given;
    if (dtype !== this.dtype || count !== this.size)
      throw new (dtype === this.dtype ? RangeError : TypeError)(
        `copyFrom: ${tensor ? `a ${dtype} tensor [${source.shape}]` : `${Object.prototype.toString.call(source).slice(8, -1)} of ${count}`} does not fit a ${this.dtype} tensor [${this.shape}] of ${this.size}`,
      );
    namingOutOfMemory('copyFrom', () => {
      if (tensor) storage.native.copyFrom(source.storage('copyFrom').native);
      else storage.native.write(toTyped(source, this.dtype, this.shape, 'copyFrom'));
    });
    storage.version++;
    return this;
  }

  /** The same values in another shape, sharing this tensor's memory; see `ops.reshape`. */
  reshape<const To extends Shape>(shape: To & ReshapeCheck<S, To>): Tensor<ReshapeShape<S, To>, D> {
    return methods.reshape(this, shape);
  }

  /** A copy on `device`; see `ops.copyTo`. */
  to(device: DeviceLike): Tensor<S, D> {
    return methods.copyTo(this, device);
  }

  /** Frees the memory, unless a reshape or a tape still needs it. Harmless when done twice. */
  dispose(): void {
    leaks?.disposed(this);
    this.#storage?.release();
    this.#storage = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    const where = this.#storage ? ` on ${this.#storage.device.name}` : ', disposed';
    return `Tensor ${this.dtype} [${this.shape.join(', ')}]${where}`;
  }

  /** @internal What `console.log` and the REPL show. */
  [inspect.custom](): string {
    if (!this.#storage || this.size > 1000) return this.toString();
    try {
      return `${this.toString()} ${inspect(nest(this.dataSync(), this.shape), { depth: 6 })}`;
    } catch (error) {
      return `${this.toString()} (${(error as Error).message})`; // values of a kernel that failed; printing must not
    }
  }
}

/** @internal Of one element. */
export const bytesOf = (dtype: DType): number => ({ f32: 4, i32: 4, u8: 1, bf16: 2 })[dtype];

// By name: typed arrays of another realm (a vm context) are no instances of this one's classes.
function dtypeOf(array: AnyTypedArray): DType | undefined {
  const kind = Object.prototype.toString.call(array).slice(8, -1);
  return ({ Float32Array: 'f32', Int32Array: 'i32', Uint8Array: 'u8', Uint8ClampedArray: 'u8' } as const)[kind];
}

function nest(data: ArrayLike<number>, shape: Shape): NestedArray {
  const build = (axis: number, start: number, step: number): NestedArray => {
    if (axis === shape.length) return data[start]!;
    const inner = step / shape[axis]!;
    return Array.from({ length: shape[axis]! }, (_, i) => build(axis + 1, start + i * inner, inner));
  };
  return build(
    0,
    0,
    shape.reduce((a, b) => a * b, 1),
  );
}

/** @internal A tensor whose values are not set yet. */
export function empty<S extends Shape, D extends DType = 'f32'>(
  shape: S,
  device: Device,
  dtype: D = 'f32' as D,
): Tensor<S, D> {
  return new Tensor<S, D>(
    new Storage(
      device,
      shape.reduce((a, b) => a * b, 1),
      dtype,
    ),
    shape,
  );
}
