// The JSON of a benchmark run: what --json writes and --compare reads.
import { z } from 'zod';

const positive = z.number().positive();
const count = z.number().int().nonnegative();

export const machineSchema = z.object({
  processor: z.string(),
  cores: count,
  threads: count,
  memoryBytes: positive,
  /** Instruction set of the kernels, and the widest one the processor has: the peak is the latter's. */
  isa: z.string(),
  widestIsa: z.string(),
  node: z.string(),
  convtape: z.string(),
  compiler: z.string(),
  /** float32 operations a second, two a fused multiply-add. */
  fma: z.array(z.object({ threads: count, flops: positive })).min(1),
  readBytes: positive,
  copyBytes: positive,
  /** The system's one-minute load when the run began: figures taken beside other work are lower bounds. */
  load: z.number().nonnegative(),
});

const spreadShape = {
  min: z.number().nonnegative(),
  q1: z.number().nonnegative(),
  median: z.number().nonnegative(),
  q3: z.number().nonnegative(),
  max: z.number().nonnegative(),
};

export const rowSchema = z.object({
  id: z.string().min(1),
  devices: z.array(z.string()),
  /** Seconds a call. */
  timing: z.object({
    ...spreadShape,
    reps: count,
    calls: count,
    cpu: z.number().nonnegative(),
    threads: count,
    /** float32 operations a second: median of the FMA peaks measured between the samples. */
    peak: positive.optional(),
    /** Bytes a second: median of the memory's rates measured between the samples; of work that caches cannot hold. */
    memory: positive.optional(),
  }),
  flops: positive.optional(),
  bytes: positive.optional(),
  images: positive.optional(),
  /**
   * Fractions of what the machine can do; absent where the work is on another device than the CPU. Of the best of the whole run, and (beside)
   * of the median of those measured between the samples.
   */
  ofPeak: positive.optional(),
  ofPeakBeside: positive.optional(),
  ofMemory: positive.optional(),
  ofMemoryBeside: positive.optional(),
  /** Bytes in live tensors at most, all devices together. */
  peakMemory: positive.optional(),
  check: z.object({ against: z.string(), error: z.number().nonnegative(), tolerance: z.number().nonnegative() }),
});

export const peerRowSchema = z.object({
  system: z.string(),
  version: z.string(),
  /** The id of our row for the same work. */
  id: z.string(),
  timing: z.object({ ...spreadShape, reps: count }),
  peakRssBytes: positive.optional(),
});

export const resultSchema = z.object({
  format: z.literal('convtape-bench'),
  version: z.literal(1),
  date: z.iso.datetime(),
  command: z.string(),
  quick: z.boolean(),
  machine: machineSchema,
  rows: z.array(rowSchema),
  peers: z.array(peerRowSchema),
  /** Peers that were asked for and could not be run, with the reason and what to do. */
  missing: z.array(z.object({ system: z.string(), reason: z.string() })),
});

export type MachineReport = z.infer<typeof machineSchema>;
export type Row = z.infer<typeof rowSchema>;
export type PeerRow = z.infer<typeof peerRowSchema>;
export type BenchResult = z.infer<typeof resultSchema>;

/** @throws Error naming the first field that is not as it should be. */
export function parseResult(value: unknown, what: string): BenchResult {
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new Error(`${what} is no result of convtape bench: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`);
}
