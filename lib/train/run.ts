// A training run from beginning to end, or from its checkpoint on.
import { createHash } from 'node:crypto';
import { openDataset } from '../data';
import type { Dataset, Split } from '../data/dataset';
import type { ColumnNet } from '../models';
import type { Sgd } from '../optim';
import { precision } from '../tensor/device';
import { isFull, WriteError } from '../util/atomic_write';
import { ParameterAverage } from './average';
import { buildModel, buildOptimiser, checkImages, checkPrecision, defaultDevices } from './build';
import { initFrom } from './init_from';
import { chooseSplits, imageSizes, inputFacts, testLoader, trainLoader } from './input';
import { keepCheckpoint } from './keep';
import { MetricsLog } from './metrics';
import { amendRecipe, type Recipe, RecipeError, type RecipeInput, resolveRecipe } from './recipe';
import { type Order, type RunCheckpoint, readRunCheckpoint, readValues, writeRunCheckpoint } from './run_checkpoint';
import { RunError, RunFolder } from './run_folder';
import { EventFile } from './tensorboard';
import { DivergedError, type Outcome, type Progress, Trainer, type TrainerEvents } from './trainer';

export interface TrainOptions {
  /** The run's folder. */
  out: string;
  /** Go on from the checkpoint in `out`; where there is none, begin. */
  resume?: boolean;
  /** The recipe's data set where it is open already. */
  dataset?: Dataset;
  /** Ends the run after the step it is at, with a checkpoint. */
  signal?: AbortSignal;
  events?: TrainerEvents & {
    /** Something a person should know: where a run resumes, what the data set is. */
    onNote?: (text: string) => void;
    onBegin?: (facts: RunFacts) => void;
  };
}

export interface RunFacts {
  recipe: Recipe;
  model: ColumnNet;
  dataset: Dataset;
  /** Images learned from, and images watched. */
  images: { train: number; watched: number; watchedName: 'validation' | 'test' };
  step: number;
  stepsPerEpoch: number;
  totalSteps: number;
}

export interface TrainResult {
  outcome: Outcome;
  folder: RunFolder;
  recipe: Recipe;
  progress: Progress;
  stepsPerEpoch: number;
  watchedName: 'validation' | 'test';
  seconds: number;
}

/** What a resumed run cannot change: the order of its images and the shape of its parameters hang on these. */
const FIXED = [
  'model',
  'preset',
  'classes',
  'conv6',
  'norm',
  'pooling',
  'width',
  'filters',
  'pooled',
  'seed',
  'batch',
  'trainLimit',
  'validation',
] as const;

/**
 * Trains as the recipe says. Its precision is the whole process's ({@link precision}) until the run has ended.
 * @throws RecipeError, DataError, RunError; Error where the loss turns NaN or infinite or the disk is full, with the last good
 *   checkpoint kept.
 */
export async function train(input: RecipeInput, options: TrainOptions): Promise<TrainResult> {
  const { out, events = {}, signal } = options;
  const resuming = options.resume === true && RunFolder.exists(out);
  const recipe = resuming
    ? changed(RunFolder.open(out).recipe(), input)
    : resolveRecipe({ devices: defaultDevices(), ...input });
  checkPrecision(recipe);
  const folder = resuming ? RunFolder.open(out) : RunFolder.create(out);
  const checkpoint = resuming && folder.hasCheckpoint ? await readRunCheckpoint(folder.checkpointPath, true) : null;
  if (options.resume) events.onNote?.(resumeNote(out, resuming, checkpoint));

  let run: Awaited<ReturnType<typeof assemble>>;
  try {
    run = await assemble(recipe, folder, checkpoint, () => log!, options);
  } catch (error) {
    if (!resuming) folder.removeIfEmpty();
    throw error instanceof WriteError ? unwritten(error, folder, checkpoint?.progress.step ?? null) : error;
  }
  let log: MetricsLog | null = null;
  let eventFile: EventFile | null = null;
  const begun = performance.now();
  const before = precision();
  try {
    precision(recipe.precision);
    folder.writeRecipe(recipe);
    log = new MetricsLog(folder.metricsPath, checkpoint?.progress.step ?? 0);
    if (recipe.tensorboard) eventFile = new EventFile(folder.path, checkpoint?.progress.step ?? 0);
    const trainer = new Trainer({ ...run.parts, recipe, log, eventFile, events });
    events.onBegin?.({
      recipe,
      model: run.parts.model,
      dataset: run.dataset,
      images: run.images,
      step: trainer.progress.step,
      stepsPerEpoch: run.parts.loader.steps,
      totalSteps: trainer.total,
    });
    const outcome = await trainer.run(signal);
    return {
      outcome,
      folder,
      recipe,
      progress: trainer.progress,
      stepsPerEpoch: run.parts.loader.steps,
      watchedName: run.images.watchedName,
      seconds: (performance.now() - begun) / 1000,
    };
  } catch (error) {
    if (error instanceof DivergedError) throw diverged(error, folder, recipe, run.saved());
    if (error instanceof WriteError) throw unwritten(error, folder, run.saved());
    throw error;
  } finally {
    precision(before);
    log?.close();
    eventFile?.close();
    run.parts.optimiser.dispose();
    run.parts.average?.[Symbol.dispose]();
    run.parts.model.dispose();
    if (!resuming) folder.removeIfEmpty();
  }
}

function resumeNote(out: string, exists: boolean, checkpoint: RunCheckpoint | null): string {
  if (!exists) return `there is no run in ${out} yet: beginning one`;
  if (!checkpoint) return `the run in ${out} has no checkpoint yet: beginning again`;
  return `resuming ${out} after step ${checkpoint.progress.step}`;
}

/** The stored recipe with what the user gave now laid over it. */
function changed(stored: Recipe, input: RecipeInput): Recipe {
  const recipe = amendRecipe(stored, input);
  for (const key of FIXED)
    if (JSON.stringify(recipe[key]) !== JSON.stringify(stored[key]))
      throw new RecipeError(
        `recipe: ${key} is ${JSON.stringify(stored[key])} in this run and a resumed run keeps it, got ${JSON.stringify(recipe[key])}`,
      );
  return recipe;
}

async function assemble(
  recipe: Recipe,
  folder: RunFolder,
  checkpoint: RunCheckpoint | null,
  log: () => MetricsLog,
  options: TrainOptions,
) {
  const { stored: size } = imageSizes(recipe.model);
  const dataset =
    options.dataset ?? (await openDataset(recipe.data, { size, log: (line) => options.events?.onNote?.(line) }));
  checkImages(recipe, dataset);
  const { train: learned, watched, watchedName } = chooseSplits(dataset, recipe);
  const order = orderOf(learned);
  if (checkpoint) sameImages(checkpoint, dataset, order);
  const facts = checkpoint?.facts ?? (await inputFacts(dataset, learned, recipe));
  const loader = trainLoader(facts, learned, recipe, dataset.colours);
  const model = buildModel(recipe, facts);
  let optimiser: Sgd;
  try {
    const note = checkpoint ? null : await initFrom(model, recipe.init);
    if (note) options.events?.onNote?.(note);
    optimiser = buildOptimiser(model.params, recipe);
  } catch (error) {
    model.dispose();
    throw error;
  }
  let average: ParameterAverage | null = null;
  try {
    checkpoint?.resume(model, optimiser);
    if (recipe.average > 0) {
      average = new ParameterAverage(buildModel(recipe, facts), recipe.average * loader.steps);
      if (checkpoint) checkpoint.restore(average.model);
      else average.model.load(model.params);
    }
  } catch (error) {
    average?.[Symbol.dispose]();
    optimiser.dispose();
    model.dispose();
    throw error;
  }
  /** Updates that the file on the disk has. */
  let saved = checkpoint?.progress.step ?? null;
  const keep = ({ step, best }: Progress) =>
    keepCheckpoint(folder, { step, keep: recipe.checkpointKeep, best: best?.step === step });
  const snapshot = () => {
    const values = readValues(model, optimiser, average?.model ?? null);
    return async (progress: Progress, lr: number) => {
      const state = { progress, facts, order };
      await log().flush();
      await writeRunCheckpoint(folder.checkpointPath, recipe, state, { values, lr, stepsPerEpoch: loader.steps });
      saved = progress.step;
      await keep(progress);
    };
  };
  // A run killed between its checkpoint and the further names of it makes them up.
  if (checkpoint) await keep(checkpoint.progress);
  return {
    dataset,
    images: { train: learned.length, watched: watched.length, watchedName },
    parts: {
      model,
      optimiser,
      average,
      loader,
      watched: testLoader(facts, watched, recipe.batch),
      watchedName,
      watchedImages: watched.length,
      ...(checkpoint ? { progress: checkpoint.progress } : {}),
      snapshot,
    },
    saved: () => saved,
  };
}

/** What the order of a run's images was drawn for: their number, and a digest of their labels in the data set's order. */
function orderOf(split: Split): Order {
  const labels = createHash('sha256');
  const chunk = new Int32Array(4096);
  for (let i = 0; i < split.length; i += chunk.length) {
    const n = Math.min(chunk.length, split.length - i);
    for (let k = 0; k < n; k++) chunk[k] = split.label(i + k);
    labels.update(new Uint8Array(chunk.buffer, 0, 4 * n));
  }
  return { images: split.length, labels: labels.digest('hex').slice(0, 16) };
}

function sameImages(checkpoint: RunCheckpoint, dataset: Dataset, order: Order): void {
  const { facts, order: before } = checkpoint;
  const { channels, height, width, name } = dataset;
  if (order.images !== before.images || order.labels !== before.labels)
    throw new RunError(
      `${name} is not what this run began with: it had ${before.images} training images and now there are ${order.images}, or their classes changed`,
    );
  if (channels !== facts.channels || height !== facts.height || width !== facts.width)
    throw new RunError(
      `this run began with images of ${facts.channels}×${facts.height}×${facts.width}; ${name} has ${channels}×${height}×${width}`,
    );
}

const keptIn = (folder: RunFolder, saved: number | null): string =>
  saved === null
    ? 'no checkpoint had been written yet'
    : `the checkpoint of step ${saved} is kept in ${folder.checkpointPath}`;

function unwritten(error: WriteError, folder: RunFolder, saved: number | null): Error {
  const first = isFull(error) ? 'Make room there' : 'Put that right';
  const then = RunFolder.exists(folder.path)
    ? `go on with --out ${folder.path} --resume`
    : 'give the same command again';
  return new Error(`${error.message}; ${keptIn(folder, saved)}. ${first}, then ${then}`, { cause: error });
}

function diverged(error: DivergedError, folder: RunFolder, recipe: Recipe, saved: number | null): Error {
  const kept = keptIn(folder, saved);
  const lower = `--out ${folder.path} --resume --lr ${Number((recipe.lr / 10).toPrecision(3))}`;
  return new Error(`step ${error.step}: ${error.message}; ${kept}. Try a lower rate: ${lower}`, { cause: error });
}
