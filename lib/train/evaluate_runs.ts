import { openDataset } from '../data';
import { type Dataset, limitSplit, type Split } from '../data/dataset';
import type { WeightType } from '../models';
import { Confusion } from './confusion';
import { type Candidate, type EvaluateOptions, type Evaluation, evaluate } from './evaluate';
import { imageSizes, testLoader } from './input';
import { type LoadedRun, loadRun } from './load_run';
import { RunError } from './run_folder';

export interface EvaluateRunsOptions extends EvaluateOptions {
  /** Default: the first run's. */
  data?: string;
  /** Default: test. */
  split?: 'train' | 'validation' | 'test';
  /** Four corners and the centre, and their mirror images, averaged. */
  tenCrop?: boolean;
  /** Default: each run's own. */
  devices?: readonly string[];
  batch?: number;
  /** Of each run: the newest, or the one with the lowest error watched. Default: last. */
  checkpoint?: 'last' | 'best';
  /** Only the first n images. */
  limit?: number;
  onNote?: (text: string) => void;
  onBegin?: (images: number) => void;
}

export interface RunsEvaluation extends Evaluation {
  readonly data: string;
  readonly split: string;
  readonly tenCrop: boolean;
  readonly weights: WeightType;
  readonly runs: readonly { path: string; step: number }[];
  readonly classes: readonly string[];
  readonly confusion: Confusion;
}

/** Errors of one run, or of several whose softmax outputs are averaged. */
export async function evaluateRuns(
  paths: readonly string[],
  options: EvaluateRunsOptions = {},
): Promise<RunsEvaluation> {
  const { split: name = 'test', tenCrop = false, weights = 'f32', onNote } = options;
  const runs: LoadedRun[] = [];
  try {
    for (const path of paths) runs.push(await loadRun(path, options.devices, onNote, options.checkpoint));
    const [first] = runs as [LoadedRun];
    const data = options.data ?? first.recipe.data;
    const opened = new Map<number, Dataset>();
    const candidates: Candidate[] = [];
    let images = 0;
    for (const run of runs) {
      const size = imageSizes(run.recipe.model).stored;
      const dataset = opened.get(size) ?? (await openDataset(data, { size, splits: [name], log: onNote }));
      opened.set(size, dataset);
      check(run, dataset, data);
      const whole = splitOf(dataset, name, data);
      const split = options.limit === undefined ? whole : limitSplit(whole, options.limit);
      images = split.length;
      candidates.push({
        model: run.model,
        loader: testLoader(
          run.facts,
          split,
          options.batch ?? first.recipe.batch,
          tenCrop ? run.recipe.augmentation : undefined,
        ),
      });
    }
    options.onBegin?.(images);
    const { classes } = first.facts;
    const confusion = new Confusion(classes);
    const result = await evaluate(candidates, {
      ...options,
      onBatch: (done, batch, probabilities) => {
        confusion.add(probabilities, batch.labels);
        options.onBatch?.(done, batch, probabilities);
      },
    });
    return {
      ...result,
      confusion,
      data,
      split: name,
      tenCrop,
      weights,
      runs: runs.map(({ path, step }) => ({ path, step })),
      classes,
    };
  } finally {
    for (const run of runs) run[Symbol.dispose]();
  }
}

function splitOf(dataset: Dataset, name: 'train' | 'validation' | 'test', data: string): Split {
  const split = dataset[name];
  if (!split) {
    const there = (['train', 'validation', 'test'] as const).filter((n) => dataset[n]);
    throw new RunError(`${data} has no ${name} images; it has ${there.join(', ')}`);
  }
  return split;
}

function check({ path, facts }: LoadedRun, dataset: Dataset, data: string): void {
  const { channels, height, width } = dataset;
  if (channels !== facts.channels || height !== facts.height || width !== facts.width)
    throw new RunError(
      `the run in ${path} knows images of ${facts.channels}×${facts.height}×${facts.width}; ${data} has ${channels}×${height}×${width}`,
    );
  const known = facts.classes.join();
  if (known !== dataset.classes.join())
    throw new RunError(
      `the run in ${path} knows ${facts.classes.length} classes (${facts.classes[0]}, …); ${data} has ${dataset.classes.length} others (${dataset.classes[0]}, …)`,
    );
}
