// The typed face of the native addon: the only file that loads it.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KernelParams } from './kernels';

export type DType = 'f32' | 'i32' | 'u8' | 'bf16';
/** What a tensor's values are read into. Those of bf16 are floats: every one of them is a float32. */
export type TypedArrayOf<D extends DType> = D extends 'f32' | 'bf16'
  ? Float32Array
  : D extends 'i32'
    ? Int32Array
    : Uint8Array;
export type AnyTypedArray = Float32Array | Int32Array | Uint8Array | Uint8ClampedArray;
/** What the addon reads and writes: bf16 as its bits. */
export type NativeArray = AnyTypedArray | Uint16Array;

/** A piece of a device's memory. `native/napi/storage.cpp` */
export interface NativeStorage {
  dispose(): void;
  read(): Promise<NativeArray>;
  readSync(): NativeArray;
  write(data: NativeArray): void;
  copyFrom(source: NativeStorage): void;
}

export interface NativeDevice {
  readonly kind: 'cpu' | 'cuda' | 'sim';
  readonly index: number;
  readonly name: string;
  readonly description: string;
  /** Float32 operations, and bytes of memory, a second at most; 0 where that is not known. */
  readonly peakFlops: number;
  readonly peakBytes: number;
}

export interface MemoryStats {
  /** Bytes in live tensors. */
  allocated: number;
  /** Bytes taken from the system, cached ones included. */
  reserved: number;
  /** The largest `allocated` so far. */
  peak: number;
}

/** How the addon was made. */
export interface BuildInfo {
  readonly compiler: string;
  readonly optimised: boolean;
  /** Instruction sets that CPU kernels were compiled for, and the one in use. */
  readonly isas: readonly string[];
  readonly isa: string;
  /** The widest set this processor has. */
  readonly widestIsa: string;
  /** Whether it decodes JPEG by itself (libjpeg-turbo). */
  readonly jpeg: boolean;
}

interface Addon {
  readonly build: BuildInfo;
  readonly operators: readonly string[];
  readonly Storage: new (device: number, count: number, dtype: DType) => NativeStorage;
  launch(
    operator: number,
    params: object,
    inputs: readonly (NativeStorage | null)[],
    outputs: readonly (NativeStorage | null)[],
  ): void;
  devices(): NativeDevice[];
  memory(device: number): MemoryStats;
  resetPeak(device: number): void;
  releaseCached(device: number): number;
  synchronize(device: number): Promise<void>;
  peerAccess(device: number, other: number): 'same' | 'direct' | 'staged';
  numThreads(n?: number): number;
  /** `native/cpu/rates.h`: float32 operations, or bytes, a second. */
  machineRate(what: 'fma', threads: number, seconds: number): number;
  machineRate(what: 'read' | 'write' | 'copy', threads: number, bytes: number, passes: number): number;
  precision(name?: string): Precision;
  /**
   * Reads records into `out`, checked and decoded, by threads of the addon's own. Rejects with `PLACE: text` of the first bad record.
   * `out` holds records × channels × height × width bytes; its buffer must not be transferred before the promise settles.
   * `native/napi/records.cpp`
   */
  readRecords(
    files: Int32Array,
    offsets: Float64Array,
    lengths: Uint32Array,
    checksums: Uint32Array,
    jpeg: boolean,
    channels: number,
    height: number,
    width: number,
    out: Uint8Array,
  ): Promise<void>;
  /** CRC-32C of bytes that follow those `before` is the checksum of. */
  crc32c(bytes: Uint8Array, before?: number): number;
}

/**
 * What arithmetic a GPU's convolutions and matrix products use: `f32` is float32's accuracy; `tf32` and `bf16` round their operands (to 10
 * and 7 bits behind the point) and keep float32 sums.
 */
export type Precision = 'f32' | 'tf32' | 'bf16';

/** The build that holds the simulated GPUs (docs/simulator.md); undefined where CONVTAPE_SIM asks for none. */
function simulator(): string | undefined {
  const wanted = process.env['CONVTAPE_SIM'] ?? '';
  if (wanted === '' || wanted === '0') return undefined;
  if (!/^\d+$/.test(wanted) || Number(wanted) > 16)
    throw new RangeError(`CONVTAPE_SIM must be the number of simulated GPUs, 0 to 16, got '${wanted}'`);
  const path = join(packageRoot(), 'build-sim', 'Release', 'convtape.node');
  if (existsSync(path)) return path;
  throw new Error(
    `convtape: CONVTAPE_SIM=${wanted} asks for simulated GPUs, which are built apart: run \`npm run build:sim\` in a clone of the repository (${path} is not there)`,
  );
}

function load(): Addon {
  // CONVTAPE_ADDON names another build of the addon: one with sanitizers, say.
  const path = process.env['CONVTAPE_ADDON'] || simulator();
  try {
    if (path) return require(path) as Addon;
    return (require('bindings') as (options: object) => Addon)({ bindings: 'convtape', module_root: packageRoot() });
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(
      `convtape: the native addon could not be loaded (${reason}). ` +
        'In a clone of the repository run `npm run build`; in a project that depends on it run `npm rebuild convtape` (needs CMake and a C++17 compiler).',
      { cause: error },
    );
  }
}

/** The folder of this package's package.json, from lib/ and from dist/ alike. */
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`convtape: no package.json in ${__dirname} or a folder above it`);
    folder = above;
  }
  return folder;
}

export const addon = load();

const numbers = new Map(addon.operators.map((name, i) => [name, i]));

/** Queues one kernel on the device of its operands. */
export function launch<K extends keyof KernelParams>(
  kernel: K,
  params: KernelParams[K],
  inputs: readonly (NativeStorage | null)[],
  outputs: readonly (NativeStorage | null)[],
): void {
  addon.launch(numbers.get(kernel)!, params, inputs, outputs);
}
