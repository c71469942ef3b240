// How a training step grows: with the batch, and with threads.
import { freemem } from 'node:os';
import { type Device, numThreads } from '../tensor/device';
import type { Bench } from './bench';
import { NetBench, type NetName, netFlops } from './nets';
import type { BenchResult } from './schema';
import { formOf } from './step';

export interface GrowthOptions {
  model: NetName;
  batches: readonly number[];
  /** Numbers of threads, at the batch nearest to 128. */
  threads: readonly number[];
  placement: readonly Device[];
  /** Told of sizes that are left out. */
  log?: (line: string) => void;
}

export async function growthSuite(bench: Bench, options: GrowthOptions): Promise<void> {
  const { model, placement, batches, threads, log } = options;
  const used: { batch: number; bytes: number }[] = [];
  for (const batch of [...batches].sort((a, b) => a - b)) {
    const needed = extrapolate(used, batch);
    if (needed > 0.9 * freemem()) {
      log?.(`growth: batch ${batch} is left out, it needs about ${(needed / 1e9).toFixed(1)} GB of memory`);
      continue;
    }
    used.push({
      batch,
      bytes: await step(bench, `growth/batch/${model}/${formOf(placement)}/${batch}`, model, placement, batch),
    });
  }
  const before = numThreads();
  const batch = batches.filter((b) => b <= 128).at(-1) ?? batches[0]!;
  try {
    for (const n of threads) {
      numThreads(n);
      await step(bench, `growth/threads/${model}/${formOf(placement)}/${batch}/${n}`, model, placement, batch);
    }
  } finally {
    numThreads(before);
  }
}

/** Memory is linear in the batch. */
function extrapolate(used: readonly { batch: number; bytes: number }[], batch: number): number {
  const [a, b] = used.slice(-2);
  if (!a || !b) return 0;
  return b.bytes + ((b.bytes - a.bytes) / (b.batch - a.batch)) * (batch - b.batch);
}

async function step(
  bench: Bench,
  id: string,
  model: NetName,
  placement: readonly Device[],
  batch: number,
): Promise<number> {
  using net = new NetBench(model, placement, batch);
  const { devices } = net;
  const peak = () => devices.reduce((sum, d) => sum + d.memory().peak, 0);
  const row = await bench.time(
    {
      id,
      flops: batch * netFlops(net.net).training,
      images: batch,
      devices,
      check: async () => {
        const check = await net.checkTraining();
        for (const d of devices) {
          await d.synchronize();
          d.releaseCached();
          d.resetPeak();
        }
        return check;
      },
      run: () => net.train(),
    },
    () => ({ peakMemory: peak() }),
  );
  return row.peakMemory!;
}

/** What the growth rows say, in sentences. */
export function growthSentences(result: BenchResult): string[] {
  const at = (kind: string) =>
    result.rows
      .filter((row) => row.id.startsWith(`growth/${kind}/`))
      .map((row) => ({ n: Number(row.id.split('/').at(-1)), time: row.timing.median }));
  const sentences: string[] = [];
  const batches = at('batch');
  const whole = batches.filter((b) => b.n <= 128).at(-1);
  if (whole)
    for (const { n, time } of batches)
      if (n > whole.n)
        sentences.push(
          `an image takes ${(time / n / (whole.time / whole.n)).toFixed(2)} times as long in a batch of ${n} as in one of ${whole.n}`,
        );
  const threads = at('threads');
  const single = threads.find((t) => t.n === 1);
  if (single)
    for (const { n, time } of threads)
      if (n > 1) sentences.push(`${n} threads are ${(single.time / time).toFixed(2)} times as fast as one`);
  return sentences;
}
