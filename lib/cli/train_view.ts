// Training as a person sees it: a bar or lines while it runs, a report at the end.

import { join } from 'node:path';
import type { Dataset } from '../data';
import { type MetricsLine, readMetrics } from '../train/metrics';
import type { RecipeInput } from '../train/recipe';
import { type RunFacts, type TrainResult, train } from '../train/run';
import { bytes, duration, type Io, Progress, passes, percent } from './io';
import { interruptible } from './signals';
import { Watch } from './watch';

interface Options {
  out: string;
  resume?: boolean;
  dataset?: Dataset;
  watch?: number;
  /** Nobody named `out`: it is the first thing said. */
  chosen?: boolean;
}

/** Trains with progress on standard error. SIGINT and SIGTERM end the run with a checkpoint. */
export async function trainWithProgress(io: Io, recipe: RecipeInput, { out, resume, dataset, watch, chosen }: Options) {
  const page = watch === undefined ? null : await Watch.start(watch);
  const view = new TrainView(io, page, out, chosen ? `run: ${out}` : null);
  if (page) view.onNote(`curves: ${page.url}`);
  let how = 'failed';
  try {
    const { result, received } = await interruptible(io, 'stopping after this step, with a checkpoint', (signal) =>
      train(recipe, { out, resume, dataset, signal, events: view }),
    );
    how = outcomes[result.outcome];
    return { result, received, facts: view.facts! };
  } finally {
    view.end();
    await page?.close(how);
  }
}

const outcomes = { finished: 'finished', plateau: 'ended by the plateau rule', interrupted: 'stopped' } as const;

class TrainView {
  facts: RunFacts | null = null;
  #progress: Progress;
  #note = '';

  constructor(
    private readonly io: Io,
    private readonly page: Watch | null,
    private readonly out: string,
    /** Stands before the first line; a run that fails before it has one says its error alone. */
    private head: string | null,
  ) {
    this.#progress = new Progress(io);
  }

  onNote = (text: string) => {
    if (this.head !== null) this.#progress.line(this.head);
    this.head = null;
    this.#progress.line(text);
  };

  onBegin = (facts: RunFacts) => {
    this.facts = facts;
    const { model, recipe, images, dataset } = facts;
    const parameters = Object.values(model.params).reduce((sum, p) => sum + p.size, 0);
    const where = model.columns ? `two columns on ${model.devices.join(', ')}` : `one column on ${model.devices[0]}`;
    this.onNote(`${recipe.model}: ${where}; ${parameters.toLocaleString('en')} parameters`);
    this.#progress.line(
      `${dataset.name}: ${images.train.toLocaleString('en')} training images in ${dataset.classes.length} classes, ` +
        `${images.watched.toLocaleString('en')} ${images.watchedName} images`,
    );
    const { step, stepsPerEpoch, totalSteps } = facts;
    this.#progress.line(
      `${stepsPerEpoch.toLocaleString('en')} steps a pass, of ${recipe.batch} images; learning rate ${Number(recipe.lr.toPrecision(6))}, schedule ${recipe.schedule.kind}; ${passes(recipe.epochs)}${recipe.schedule.kind === 'plateau' ? ' at most' : ''}`,
    );
    this.page?.begin(
      {
        ...{ run: this.out, model: recipe.model, devices: recipe.devices, data: dataset.name, batch: recipe.batch },
        ...{ step, stepsPerEpoch, totalSteps },
      },
      readMetrics(join(this.out, 'metrics.jsonl')),
    );
    this.#training(step);
  };

  onStep = (step: number) => {
    this.#progress.update(step, this.#note);
    this.page?.step(step);
  };

  onLine = (line: MetricsLine) => {
    this.page?.line(line);
    const { totalSteps } = this.facts!;
    if (line.kind === 'eval') {
      this.#progress.line(
        `pass ${line.epoch.toFixed(2)}: ${line.split} loss ${line.loss.toFixed(4)}, ${errors(line, this.#classes)}`,
      );
      if (line.step < totalSteps) this.#training(line.step);
      return;
    }
    const speed = `${line.imagesPerSecond.toFixed(0)} images/s`;
    const left = ((totalSteps - line.step) * this.facts!.recipe.batch) / line.imagesPerSecond;
    const load = [
      ...(line.dataWait === undefined ? [] : [`data wait ${percent(line.dataWait, 1)}`]),
      ...(line.memory === undefined ? [] : [bytes(line.memory)]),
    ];
    this.#note = [`loss ${line.loss.toFixed(3)}`, speed, ...load, `${duration(left)} left`].join(', ');
    if (this.io.terminal) return;
    this.#progress.line(
      `step ${line.step}/${totalSteps}, pass ${line.epoch.toFixed(2)}: loss ${line.loss.toFixed(4)}, ${errors(line, this.#classes)}, ` +
        [`rate ${line.lr.toPrecision(3)}`, speed, ...load, `${duration(left)} left`].join(', '),
    );
  };

  onEvaluation = (done: number, total: number) => {
    if (done <= this.facts!.recipe.batch) this.#progress.begin('evaluating', total, done);
    else this.#progress.update(done);
  };

  end(): void {
    this.#progress.end();
  }

  get #classes(): number {
    return this.facts!.dataset.classes.length;
  }

  #training(step: number): void {
    this.#progress.begin('training', this.facts!.totalSteps, step);
    this.#progress.update(step, this.#note);
  }
}

/** Of five classes or fewer every one is among the first five. */
function errors({ top1, top5 }: { top1: number; top5: number }, classes: number): string {
  return `top-1 error ${percent(top1)}${classes > 5 ? `, top-5 ${percent(top5)}` : ''}`;
}

/** What `convtape train --json` prints. */
export function report(result: TrainResult, facts: RunFacts) {
  const { progress, recipe } = result;
  return {
    run: result.folder.path,
    outcome: result.outcome,
    data: recipe.data,
    notices: facts.dataset.notices,
    model: recipe.model,
    devices: recipe.devices,
    step: progress.step,
    epoch: progress.step / result.stepsPerEpoch,
    seconds: result.seconds,
    train: progress.lastTrain,
    evaluation: progress.evaluation && {
      split: result.watchedName,
      step: progress.evaluatedAt,
      ...progress.evaluation,
    },
  };
}

export function sentence(result: TrainResult, classes: number): string {
  const { progress, outcome } = result;
  const why = outcomes[outcome];
  const errorsText = progress.evaluation ? `; ${result.watchedName} ${errors(progress.evaluation, classes)}` : '';
  return `${result.folder.path}: ${why} after ${passes(progress.step / result.stepsPerEpoch)} (${progress.step} steps), ${duration(result.seconds)}${errorsText}\n`;
}
