// Errors, and the file that keeps them: metrics.jsonl, one line for each logged step and each evaluation.
import { closeSync, existsSync, fsync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { appendAll, WriteError } from '../util/atomic_write';
import type { LayerNorms } from './norms';

export interface MetricsLine {
  kind: 'train' | 'eval';
  /** Of an evaluation: the images it was made on. */
  split?: 'validation' | 'test';
  /** Updates made so far. */
  step: number;
  /** Passes over the training images so far, fractions included. */
  epoch: number;
  /** Mean over the images the line speaks of. */
  loss: number;
  /** Errors as fractions: the right class is not the most probable one, not among the five most probable. */
  top1: number;
  top5: number;
  lr: number;
  imagesPerSecond: number;
  /** Of a training line: the part of its time in which the devices waited for a batch. */
  dataWait?: number;
  /** Of a training line, in bytes: what the process holds, and what GPUs have reserved for it. */
  memory?: number;
  /** Of a training line, with `norms` in the recipe: of its last step, by layer. */
  norms?: Record<string, LayerNorms>;
}

/** Sums over images, from which a line's means are taken. Kept in a checkpoint, so that a resumed run writes the same line. */
export type Tally = {
  images: number;
  loss: number;
  wrong1: number;
  wrong5: number;
};

export const emptyTally = (): Tally => ({ images: 0, loss: 0, wrong1: 0, wrong5: 0 });

/**
 * Counts one batch. `scores` (N×classes, row-major) rank the classes; `loss` is the batch's mean.
 * A class that ties with the right one counts as ahead of it if it comes first, as it does for argmax and topK; a NaN is never right.
 */
export function count(tally: Tally, scores: ArrayLike<number>, labels: Int32Array, loss: number): void {
  const classes = scores.length / labels.length;
  for (let n = 0; n < labels.length; n++) {
    const rank = rankOf(scores, n * classes, classes, labels[n]!);
    if (rank >= 1) tally.wrong1++;
    if (rank >= 5) tally.wrong5++;
  }
  tally.images += labels.length;
  tally.loss += loss * labels.length;
}

/** How many classes stand ahead of `label` in the row of `scores` that begins at `start`. */
export function rankOf(scores: ArrayLike<number>, start: number, classes: number, label: number): number {
  const own = scores[start + label]!;
  if (Number.isNaN(own)) return classes;
  let ahead = 0;
  for (let c = 0; c < classes; c++) {
    const s = scores[start + c]!;
    if (s > own || (s === own && c < label)) ahead++;
  }
  return ahead;
}

export function means(tally: Tally): { loss: number; top1: number; top5: number } {
  const n = tally.images;
  return { loss: tally.loss / n, top1: tally.wrong1 / n, top5: tally.wrong5 / n };
}

/** log Σ exp of a row, the largest term taken out first so that nothing overflows. */
function logSumExp(scores: Float32Array, start: number, classes: number): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) max = Math.max(max, scores[start + c]!);
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(scores[start + c]! - max);
  return max + Math.log(sum);
}

/** Adds softmax(logits), row by row, onto `into`. */
export function addSoftmax(into: Float64Array, logits: Float32Array, classes: number): void {
  for (let start = 0; start < logits.length; start += classes) {
    const lse = logSumExp(logits, start, classes);
    for (let c = 0; c < classes; c++) into[start + c]! += Math.exp(logits[start + c]! - lse);
  }
}

/** Appends lines to a metrics.jsonl. */
export class MetricsLog {
  #file: number;

  /**
   * Opens the file at `path`. With `afterStep`, lines of later steps (and a line torn by a killed process) are taken out first: the run
   * continues from a checkpoint of that step and will write them again.
   * @throws WriteError where it cannot be written; the lines that were there still are
   */
  constructor(
    readonly path: string,
    afterStep?: number,
  ) {
    try {
      if (afterStep !== undefined) {
        const kept = readMetrics(path).filter((line) => line.step <= afterStep);
        const text = kept.map((line) => `${JSON.stringify(line)}\n`).join('');
        // Where nothing goes, nothing is written: a disk that is nearly full has no room for a second copy.
        if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
          writeFileSync(`${path}.tmp`, text);
          renameSync(`${path}.tmp`, path);
        }
      }
      this.#file = openSync(path, 'a');
    } catch (error) {
      rmSync(`${path}.tmp`, { force: true });
      throw new WriteError(`cannot write ${path}`, error);
    }
  }

  /** @throws WriteError */
  write(line: MetricsLine): void {
    appendAll(this.#file, this.path, Buffer.from(`${JSON.stringify(line)}\n`));
  }

  /** Waits until the lines are on the disk: done before a checkpoint that counts on them. */
  async flush(): Promise<void> {
    try {
      await promisify(fsync)(this.#file);
    } catch (error) {
      throw new WriteError(`cannot write ${this.path}`, error);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The lines of a metrics.jsonl, a torn last one left out; none where there is no file. */
export function readMetrics(path: string): MetricsLine[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines: MetricsLine[] = [];
  for (const row of text.split('\n')) {
    if (row === '') continue;
    try {
      lines.push(JSON.parse(row) as MetricsLine);
    } catch {
      break;
    }
  }
  return lines;
}
