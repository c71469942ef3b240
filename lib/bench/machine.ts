// What this machine can do at most, measured in the same run as what is held against it.
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { addon } from '../native/addon';
import { numThreads } from '../tensor/device';
import { version } from '../version';
import { PAST_CACHES, type Probe } from './measure';
import type { MachineReport } from './schema';

export interface MachineOptions {
  /** Shorter measurements, less memory. */
  quick?: boolean;
}

/**
 * The most that repeated measurements show: the FMA peak of every number of threads asked for, and the memory's rate. Measured again between
 * benchmarks, since a processor's clock and its neighbours change with time.
 */
export class Machine {
  readonly #fma = new Map<number, number>();
  #read = 0;
  #copy = 0;
  readonly #load = loadavg()[0]!;

  constructor(private readonly options: MachineOptions = {}) {}

  /** Measures; keeps what is better than before. */
  measure(threads = numThreads()): void {
    const { quick } = this.options;
    const slices = quick ? 4 : 8;
    for (let i = 0; i < slices; i++)
      this.#fma.set(
        threads,
        Math.max(this.#fma.get(threads) ?? 0, addon.machineRate('fma', threads, quick ? 0.02 : 0.05)),
      );
    const bytes = quick ? 32 << 20 : 256 << 20;
    const passes = quick ? 3 : 10;
    this.#read = Math.max(this.#read, addon.machineRate('read', threads, bytes, passes));
    this.#copy = Math.max(this.#copy, addon.machineRate('copy', threads, bytes, passes));
  }

  /** Measures what is to be had at this moment: {@link Probe}. */
  readonly probe: Probe = {
    fma: (seconds) => addon.machineRate('fma', numThreads(), seconds),
    memory: (bytes, written) => {
      const rate = (traffic: 'read' | 'write' | 'copy') => addon.machineRate(traffic, numThreads(), PAST_CACHES, 2);
      const [read, write, copy] = [rate('read'), rate('write'), rate('copy')];
      // The ways in and out are of their own width each: work takes no less time than its reads alone, and than its writes.
      return bytes / Math.max(bytes / Math.max(read, copy), (bytes - written) / read, written / write);
    },
  };

  /** float32 operations a second of so many threads together. */
  fma(threads: number): number {
    if (!this.#fma.has(threads)) this.measure(threads);
    return this.#fma.get(threads)!;
  }

  /** Bytes a second: the better of reading, and of copying (bytes read and bytes written). */
  get memory(): number {
    return Math.max(this.#read, this.#copy);
  }

  report(): MachineReport {
    return {
      processor: cpus()[0]?.model.trim() || 'unknown',
      cores: availableParallelism(),
      threads: numThreads(),
      memoryBytes: totalmem(),
      isa: addon.build.isa,
      widestIsa: addon.build.widestIsa,
      node: process.version,
      convtape: version,
      compiler: addon.build.compiler,
      fma: [...this.#fma].sort(([a], [b]) => a - b).map(([threads, flops]) => ({ threads, flops })),
      readBytes: this.#read,
      copyBytes: this.#copy,
      load: this.#load,
    };
  }
}
