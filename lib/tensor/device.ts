import { addon, type MemoryStats, type Precision } from '../native/addon';
import { checkNumber, show } from './checks';

export type DeviceKind = 'cpu' | 'cuda' | 'sim';

/** A stream of work with memory of its own: `cpu:0`, `cuda:1`. There is one object a device, so `===` compares devices. */
export class Device {
  /** @internal */
  constructor(
    readonly position: number,
    readonly kind: DeviceKind,
    readonly index: number,
    readonly name: string,
    /** Processor, instruction set, threads: what a person wants to know. */
    readonly description: string,
    /** What a GPU's float32 units and its memory could do in a second, by their clocks; 0 where that is not known. */
    readonly peak: { readonly flops: number; readonly bytes: number } = { flops: 0, bytes: 0 },
  ) {}

  /** Bytes in live tensors, bytes taken from the system, and the largest number of bytes that were in live tensors. */
  memory(): MemoryStats {
    return addon.memory(this.position);
  }

  /** Starts the measurement of `memory().peak` anew. */
  resetPeak(): void {
    addon.resetPeak(this.position);
  }

  /** Gives cached memory that no tensor uses back to the system; returns the number of bytes. */
  releaseCached(): number {
    return addon.releaseCached(this.position);
  }

  /** Resolves when all work queued so far is done; rejects with the first failure that no read has reported. */
  async synchronize(): Promise<void> {
    await addon.synchronize(this.position);
  }

  /** How bytes get from here to `other`: `same` device, `direct`ly, or `staged` through host memory. */
  peerAccess(other: Device): 'same' | 'direct' | 'staged' {
    if (!(other instanceof Device)) throw new TypeError(`peerAccess: other must be a Device, got ${show(other)}`);
    return addon.peerAccess(this.position, other.position);
  }

  toString(): string {
    return this.name;
  }
}

const all: readonly Device[] = addon
  .devices()
  .map(
    (d, position) =>
      new Device(position, d.kind, d.index, d.name, d.description, { flops: d.peakFlops, bytes: d.peakBytes }),
  );

/** All devices, or those of one kind. */
export function devices(kind?: DeviceKind): readonly Device[] {
  if (kind === undefined) return all;
  if (kind !== 'cpu' && kind !== 'cuda' && kind !== 'sim')
    throw new RangeError(`devices: kind must be 'cpu', 'cuda' or 'sim', got ${show(kind)}`);
  return all.filter((d) => d.kind === kind);
}

export type DeviceLike = Device | string;

/**
 * The device of a name: `device('cpu:0')`; `device('cpu')` is `cpu:0`.
 * @throws RangeError naming the devices there are.
 */
export function device(name: DeviceLike): Device {
  return deviceFor('device', name);
}

/** As {@link device}, for an operator that is given one. */
export function deviceFor(operator: string, name: DeviceLike): Device {
  if (name instanceof Device) return name;
  if (typeof name !== 'string')
    throw new TypeError(
      `${operator}: ${operator === 'device' ? 'name' : 'device'} must be a string like 'cpu:0', got ${show(name)}`,
    );
  const found = all.find((d) => d.name === name || (d.index === 0 && d.kind === name));
  if (found) return found;
  throw new RangeError(
    `${operator}: there is no ${operator === 'device' ? '' : 'device '}${show(name)}; there are ${all.map((d) => d.name).join(', ')}`,
  );
}

export const defaultDevice: Device = all[0]!;

/** Reads, or sets, the number of CPU worker threads that kernels share. Results do not depend on it. */
export function numThreads(n?: number): number {
  if (n !== undefined) {
    checkNumber('numThreads', 'n', n);
    if (!Number.isInteger(n) || n < 1 || n > 1024)
      throw new RangeError(`numThreads: n must be a whole number between 1 and 1024, got ${n}`);
  }
  return addon.numThreads(n);
}

/**
 * Reads, or sets, the arithmetic of convolutions and matrix products on GPUs that calls from now on use: `f32` (at first, or what
 * CONVTAPE_PRECISION names), `tf32` or `bf16`. CPUs always compute in float32.
 * @throws RangeError for another name.
 */
export function precision(name?: Precision): Precision {
  if (name !== undefined && typeof name !== 'string')
    throw new TypeError(`precision: name must be 'f32', 'tf32' or 'bf16', got ${show(name)}`);
  return addon.precision(name);
}
