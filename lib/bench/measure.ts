// Times one piece of work. Results are compared with another way to them first: the time of a wrong kernel is no time.

import type { Device } from '../tensor/device';
import { numThreads } from '../tensor/device';
import { type Spread, spread } from './stats';

/** How results were compared before they were timed. */
export interface Check {
  /** What with: `its definition in float64, at 64 places`. */
  readonly against: string;
  readonly error: number;
  readonly tolerance: number;
}

type Made = readonly Disposable[] | undefined;

/** One thing to measure. */
export interface Case {
  /** Suite, then what tells it from its like: `layers/conv2/forward/128`. The same id is the same work, from run to run and peer to peer. */
  readonly id: string;
  /** Of one call: float32 operations (two a multiply-add), bytes that must cross the memory, images. */
  readonly flops?: number;
  readonly bytes?: number;
  /** How many of `bytes` are written. */
  readonly written?: number;
  readonly images?: number;
  /** Which to wait for. Empty: the work is the host's alone. */
  readonly devices: readonly Device[];
  check(): Promise<Check>;
  /** Queues the work once; what it made is freed. A promise is awaited within the measured time. */
  run(): Made | Promise<Made>;
  /** Before each measured sample, outside of the clock. */
  before?(): void | Promise<void>;
}

/** What the machine can do at the moment it is asked. */
export interface Probe {
  /** Operations a second, measured for so many seconds: asked beside work that has `flops`. */
  fma(seconds: number): number;
  /**
   * Bytes a second at most where so many of them are written: asked beside work whose `bytes` are more than caches hold, so that the probe
   * takes nothing from it.
   */
  memory(bytes: number, written: number): number;
}

/** Bytes that no cache holds. */
export const PAST_CACHES = 64 << 20;

export interface MeasureOptions {
  /** Samples; as many as fit in `budget` (3 to 40) where it is not given. */
  reps?: number;
  /** Seconds for all samples of one case. */
  budget: number;
  /** A sample takes at least so many seconds; short calls are repeated within it. */
  sample: number;
  /** Called beside every sample. */
  probe?: Probe;
  /** Takes the place of a case's work: a test plants a slow kernel here. */
  inject?: (work: Case) => Case['run'];
}

export interface Timing extends Spread {
  readonly reps: number;
  /** Calls within a sample. */
  readonly calls: number;
  /** Processor time of one call, of all threads, user and system: the least of the samples. */
  readonly cpu: number;
  readonly threads: number;
  /** Medians of the FMA peaks and of the memory's rates measured between the samples. */
  readonly peak?: number;
  readonly memory?: number;
}

export class CheckError extends Error {}

/** Checks, warms up, measures. */
export async function measure(work: Case, options: MeasureOptions): Promise<{ timing: Timing; check: Check }> {
  const check = await work.check();
  if (!(check.error <= check.tolerance))
    throw new CheckError(
      `${work.id}: not timed, for its results are wrong: they differ from ${check.against} by ${check.error}, more than ${check.tolerance}`,
    );
  const run = options.inject?.(work) ?? (() => work.run());
  await sample(work, run, 1); // the first call maps memory and wakes threads
  const once = (await sample(work, run, 1)).wall;
  const calls = Math.max(1, Math.min(100_000, Math.ceil(options.sample / Math.max(once, 1e-7))));
  const fit = Math.floor(options.budget / Math.max(once * calls, 1e-7));
  const reps = options.reps ?? Math.max(3, Math.min(40, fit));
  const walls: number[] = [];
  const peaks: number[] = [];
  const memories: number[] = [];
  const probe = () => {
    if (!options.probe) return;
    // Long enough to see what a long sample sees, and touching no memory that the work may have left in a cache.
    if (work.flops) peaks.push(options.probe.fma(Math.min(0.05, Math.max(0.005, once * calls * 0.2))));
    if (work.bytes && work.bytes >= PAST_CACHES) memories.push(options.probe.memory(work.bytes, work.written ?? 0));
  };
  let cpu = Number.POSITIVE_INFINITY;
  for (let i = 0; i < reps; i++) {
    probe();
    const s = await sample(work, run, calls);
    walls.push(s.wall);
    cpu = Math.min(cpu, s.cpu);
  }
  probe();
  const beside = {
    ...(peaks.length > 0 && { peak: spread(peaks).median }),
    ...(memories.length > 0 && { memory: spread(memories).median }),
  };
  return { timing: { ...spread(walls), reps, calls, cpu, threads: numThreads(), ...beside }, check };
}

async function sample(work: Case, run: Case['run'], calls: number): Promise<{ wall: number; cpu: number }> {
  await work.before?.();
  await idle(work.devices);
  const before = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < calls; i++) {
    const result = run();
    const made = result instanceof Promise ? await result : result;
    if (made) for (const t of made) t[Symbol.dispose]();
  }
  await idle(work.devices);
  const wall = (performance.now() - start) / 1000 / calls;
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: (user + system) / 1e6 / calls };
}

async function idle(devices: readonly Device[]): Promise<void> {
  for (const d of devices) await d.synchronize();
}
