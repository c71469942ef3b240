import type { Batch, Loader } from '../data/loader';
import type { ColumnNet, InferenceOptions, WeightType } from '../models';
import { scope } from '../tensor/scope';
import { batchImages } from './input';
import { addSoftmax, count, emptyTally, means } from './metrics';

/** A network and its view of a split. */
export interface Candidate {
  readonly model: ColumnNet;
  readonly loader: Loader;
}

export type Evaluation = {
  images: number;
  /** Mean negative log probability of the right class. */
  loss: number;
  /** Fractions. */
  top1: number;
  top5: number;
};

export interface EvaluateOptions extends InferenceOptions {
  /** Told after each batch how many images are done, and their class probabilities (rows of `classes`) where it takes them. */
  onBatch?: (done: number, batch: Batch, probabilities: Float64Array) => void;
  /** Ends the evaluation early: it throws the signal's reason. */
  signal?: AbortSignal;
}

// Batches queued on the devices before the host waits for the oldest: enough that they never run dry.
const AHEAD = 2;

/**
 * Errors on a split. Where images have several views, or there are several candidates, softmax outputs are averaged.
 * The candidates' loaders must go over the same split in the same order, with the same number of images in a batch.
 */
export async function evaluate(candidates: readonly Candidate[], options: EvaluateOptions = {}): Promise<Evaluation> {
  const { onBatch, signal, weights = 'f32' } = options;
  const tally = emptyTally();
  const queue: { batch: Batch; logits: Promise<Float32Array[]> }[] = [];
  const views = candidates.map(({ loader }) => loader.views);
  const settle = async () => {
    const { batch, logits } = queue.shift()!;
    const probabilities = average(await logits, batch.count, views);
    const { labels } = batch;
    count(tally, probabilities, labels, meanLoss(probabilities, labels));
    onBatch?.(tally.images, batch, probabilities);
  };
  const loaders = candidates.map(({ loader }) => loader.epoch(0));
  try {
    for (;;) {
      signal?.throwIfAborted();
      const batches: Batch[] = [];
      for (const loader of loaders) {
        const next = await loader.next();
        if (!next.done) batches.push(next.value);
      }
      if (batches.length < candidates.length) break;
      // The loader uses its arrays again; what is looked at later is copied.
      const [first] = batches as [Batch];
      const batch = { ...first, labels: first.labels.slice(), indices: first.indices.slice() };
      const logits = Promise.all(batches.map((b, i) => forward(candidates[i]!, b, weights)));
      logits.catch(() => {}); // reported where it is awaited
      queue.push({ batch, logits });
      if (queue.length > AHEAD) await settle();
    }
    while (queue.length > 0) await settle();
  } finally {
    await Promise.allSettled([...queue.map((q) => q.logits), ...loaders.map((l) => l.return())]);
  }
  return { images: tally.images, ...means(tally) };
}

/** Queues a batch; resolves to its logits, (count · views) × classes. */
function forward({ model, loader }: Candidate, batch: Batch, weights: WeightType): Promise<Float32Array> {
  using s = scope();
  const x = batchImages(loader, batch, model.devices[0]!);
  const logits = model.forward(x, { weights }).data();
  void s;
  return logits;
}

/** Mean class probabilities over candidates, and over the views that each has of an image: count × classes. */
export function average(logits: readonly Float32Array[], count: number, views: readonly number[]): Float64Array {
  const classes = logits[0]!.length / (count * views[0]!);
  const means = new Float64Array(count * classes);
  logits.forEach((all, candidate) => {
    const n = views[candidate]!;
    const sums = new Float64Array(means.length);
    for (let i = 0; i < count * n; i++)
      addSoftmax(sums.subarray(Math.floor(i / n) * classes), all.subarray(i * classes, (i + 1) * classes), classes);
    for (let i = 0; i < sums.length; i++) means[i]! += sums[i]! / (n * logits.length);
  });
  return means;
}

function meanLoss(probabilities: Float64Array, labels: Int32Array): number {
  const classes = probabilities.length / labels.length;
  let sum = 0;
  // A probability below the smallest double would make the mean infinite.
  for (let i = 0; i < labels.length; i++)
    sum -= Math.log(Math.max(probabilities[i * classes + labels[i]!]!, Number.MIN_VALUE));
  return sum / labels.length;
}
