// `npm run quickstart`: the small two-column AlexNet learns Fashion-MNIST, is tested, and shows what it got right and wrong.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { NetBench } from '../../bench/nets';
import { spread } from '../../bench/stats';
import { type Dataset, openDataset } from '../../data';
import { choosePredictions, type Prediction, predictionSheet } from '../../figures/predictions';
import { drawPredictions } from '../../figures/terminal';
import { device as deviceOf } from '../../tensor/device';
import { type Evaluation, evaluate } from '../../train/evaluate';
import { testLoader } from '../../train/input';
import { loadRun } from '../../train/load_run';
import { type RecipeInput, resolveRecipe } from '../../train/recipe';
import { atomicWrite, writeAll } from '../../util/atomic_write';
import { Interrupted } from '../errors';
import { duration, type Io, Progress, passes, percent } from '../io';
import { trainWithProgress } from '../train_view';
import { recipeOf, type TrainOptions } from './train';

/**
 * What the quickstart trains: alexnet-small, a sixth narrower so that two cores of 2021 take less than six minutes for everything, in few
 * passes (eight, or more where there is time), which leave no time to learn behind a dropout of half. A few training images are held out to watch, so that the test is made once.
 */
export const quickstartRecipe: RecipeInput = {
  data: 'fashion-mnist',
  model: 'alexnet-small',
  width: 0.84,
  dropout: 0.2,
  validation: 0.02,
};

const LEAST_PASSES = 8;
const MOST_PASSES = 12;
/** That training may take for more than the least. */
const SECONDS = 240;

interface Options extends Pick<TrainOptions, 'devices' | 'epochs' | 'seed' | 'set'> {
  out?: string;
  json?: boolean;
}

export interface QuickstartResult extends Evaluation {
  /** The run's folder. */
  readonly run: string;
  readonly devices: readonly string[];
  /** Passes over the training images. */
  readonly epochs: number;
  /** Of training. */
  readonly seconds: number;
  readonly notices: readonly string[];
}

export function quickstartCommand(program: Command, io: Io): void {
  program
    .command('quickstart')
    .description('train the small two-column AlexNet on Fashion-MNIST, test it, show right and wrong predictions')
    .option('--out <folder>', 'the run’s folder (default: runs/quickstart, or the first free one after it)')
    .option('--devices <names>', 'one device, or two (default: two GPUs where there are, else cpu:0,cpu:1)')
    .option('--epochs <n>', 'passes over the training images')
    .option('--seed <n>', 'decides every random draw (default: 0)')
    .option('--set <key=value...>', 'any other key of the recipe: --set trainLimit=6000 for a short look')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => {
      const result = await runQuickstart(io, options, recipeOf(options));
      if (options.json) io.out(`${JSON.stringify(result)}\n`);
    });
}

/** Trains, tests, and (unless `json`) prints errors, predictions and the run's folder. `recipe`: over {@link quickstartRecipe}. */
export async function runQuickstart(
  io: Io,
  options: Options = {},
  recipe: RecipeInput = {},
): Promise<QuickstartResult> {
  const out = options.out ?? freeFolder();
  const dataset = await openDataset(String(recipe.data ?? quickstartRecipe.data), {
    log: (line) => io.err(`${line}\n`),
  });
  const input: RecipeInput = { ...quickstartRecipe, ...recipe };
  input.epochs ??= await passesFor(input, dataset.train.length);
  const { result, received } = await trainWithProgress(io, input, { out, dataset });
  if (received && result.outcome === 'interrupted')
    throw new Interrupted(
      `stopped by ${received} after step ${result.progress.step}; go on with: convtape train --out ${out} --resume`,
      received,
    );
  const { evaluation, predictions, views } = await testRun(io, out, dataset);
  const { classes, notices } = dataset;
  const sheet = join(out, 'predictions.png');
  const title = `Fashion-MNIST: ${percent(evaluation.top1)} of ${evaluation.images.toLocaleString('en')} test images wrong`;
  const picture = await predictionSheet(predictions, { classes, title });
  await atomicWrite(sheet, (file) => writeAll(file, picture));
  if (!options.json) {
    io.out(`\n${drawPredictions(predictions, { classes, columns: io.columns, colours: io.colours })}`);
    for (const notice of notices) io.out(`${notice}\n`);
    io.out(
      `test error ${percent(evaluation.top1)} (of ${evaluation.images.toLocaleString('en')} images, in ${views} views each; top-5 ${percent(evaluation.top5)}), ` +
        `after ${passes(result.recipe.epochs)} in ${duration(result.seconds)}\n` +
        `${out}: config.json, metrics.jsonl, checkpoint.safetensors, predictions.png\n`,
    );
  }
  const { epochs } = result.recipe;
  return { run: out, devices: result.recipe.devices, epochs, seconds: result.seconds, notices, ...evaluation };
}

/**
 * The small sample of the images needs more passes, and each takes less. A machine that is fast takes half as many again in the same time, by
 * the speed of some seconds of steps: four minutes of training are for all.
 */
async function passesFor(input: RecipeInput, images: number): Promise<number> {
  if (images < 60_000) return Math.min(80, Math.ceil(LEAST_PASSES * Math.sqrt(60_000 / images)));
  const { devices, batch } = resolveRecipe(input);
  return passesAt(await imagesPerSecond(devices, batch), images);
}

/** @internal Passes over so many images for a machine that trains on `rate` of them a second. */
export function passesAt(rate: number, images: number): number {
  return Math.max(LEAST_PASSES, Math.min(MOST_PASSES, Math.floor((SECONDS * rate) / images)));
}

/** Of a training step, the median of those in the second half of some seconds; of the net in its full width, which is a little slower. */
async function imagesPerSecond(placement: readonly string[], batch: number): Promise<number> {
  using net = new NetBench(
    'alexnet-small',
    placement.map((name) => deviceOf(name)),
    batch,
  );
  const seconds: number[] = [];
  const begun = performance.now();
  while (seconds.length < 15 || performance.now() - begun < 2500) {
    const start = performance.now();
    net.train();
    await net.loss();
    seconds.push((performance.now() - start) / 1000);
  }
  // The first steps touch memory that nothing has touched before, and behind a build the machine is not yet at rest.
  return batch / spread(seconds.slice(Math.floor(seconds.length / 2))).median;
}

/** runs/quickstart, or runs/quickstart-2 … where there is one already. */
function freeFolder(): string {
  for (let n = 1; ; n++) {
    const folder = join('runs', n === 1 ? 'quickstart' : `quickstart-${n}`);
    if (!existsSync(folder)) return folder;
  }
}

async function testRun(io: Io, out: string, { name, test, classes, channels, height, width }: Dataset) {
  const progress = new Progress(io);
  using run = await loadRun(out);
  const probabilities = new Float64Array(test.length * classes.length);
  const labels = Int32Array.from({ length: test.length }, (_, i) => test.label(i));
  progress.line(`testing on ${test.length.toLocaleString('en')} images of ${name}`);
  progress.begin('testing', test.length);
  try {
    // As the text tests: the mean of ten views, of which images as large as the net's input have two, mirrored or not.
    const loader = testLoader(run.facts, test, 10 * run.recipe.batch, run.recipe.augmentation);
    const evaluation = await evaluate([{ model: run.model, loader }], {
      onBatch: (done, batch, rows) => {
        batch.indices.forEach((image, i) => {
          probabilities.set(rows.subarray(i * classes.length, (i + 1) * classes.length), image * classes.length);
        });
        progress.update(done);
      },
    });
    const { right, wrong } = choosePredictions(probabilities, labels, classes.length);
    const predictions: Prediction[] = [];
    for (const i of [...right, ...wrong])
      predictions.push({
        image: { pixels: await test.pixels(i), channels, height, width },
        label: labels[i]!,
        probabilities: probabilities.slice(i * classes.length, (i + 1) * classes.length),
      });
    return { evaluation, predictions, views: loader.views };
  } finally {
    progress.end();
  }
}
