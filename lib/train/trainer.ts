import { tape } from '../autograd/tape';
import type { Batch, Loader } from '../data/loader';
import type { ColumnNet } from '../models';
import { crossEntropy } from '../ops';
import type { PlateauState, Sgd } from '../optim';
import { tensor } from '../tensor/create';
import type { Device } from '../tensor/device';
import { scope } from '../tensor/scope';
import type { ParameterAverage } from './average';
import { seedOf } from './build';
import { type Evaluation, evaluate } from './evaluate';
import { batchImages } from './input';
import { Meter } from './meter';
import { count, emptyTally, type MetricsLine, type MetricsLog, means, type Tally } from './metrics';
import { type LayerNorms, layerNorms } from './norms';
import { Rates } from './rates';
import type { Recipe } from './recipe';
import { Saver, type Snapshot } from './saver';
import { RateSchedule } from './schedule';
import type { EventFile } from './tensorboard';

/** Where a run stands, beside its parameters and momentum: all that a resumed run needs to go on as if it had not stopped. */
export interface Progress {
  /** Updates made. */
  step: number;
  /** Sums since the last logged line. */
  tally: Tally;
  schedule: PlateauState;
  /** The step after which the last evaluation was made. */
  evaluatedAt: number;
  /** The last evaluation. */
  evaluation: Evaluation | null;
  /** The evaluation with the lowest top-1 error, the lowest loss among equals, and the step it was made after. */
  best: { step: number; top1: number; loss: number } | null;
  /** The last logged line's means. */
  lastTrain: { loss: number; top1: number; top5: number } | null;
  /** The plateau rule has ended the run. */
  ended: boolean;
}

export const freshProgress = (schedule: PlateauState): Progress => ({
  step: 0,
  tally: emptyTally(),
  schedule,
  evaluatedAt: 0,
  evaluation: null,
  best: null,
  lastTrain: null,
  ended: false,
});

/** The loss or a parameter is NaN or infinite: nothing after that can be learned. */
export class DivergedError extends Error {
  constructor(
    what: string,
    /** Updates made before. */
    readonly step: number,
  ) {
    super(what);
  }
}

export interface TrainerEvents {
  /** A step's loss is known. */
  onStep?: (step: number, loss: number) => void;
  /** A line went to metrics.jsonl. */
  onLine?: (line: MetricsLine) => void;
  onEvaluation?: (done: number, total: number) => void;
}

export interface TrainerParts {
  recipe: Recipe;
  model: ColumnNet;
  optimiser: Sgd;
  /** Where the recipe asks for it: what is evaluated instead of `model`. */
  average: ParameterAverage | null;
  loader: Loader;
  /** Over the images whose error is watched. */
  watched: Loader;
  watchedName: 'validation' | 'test';
  watchedImages: number;
  log: MetricsLog;
  eventFile: EventFile | null;
  /** Reads a checkpoint's values back; what it returns writes it (`lr`: the rate of the next step), or throws DivergedError, with nothing written. */
  snapshot: Snapshot<Progress>;
  progress?: Progress;
  events?: TrainerEvents;
}

export type Outcome = 'finished' | 'plateau' | 'interrupted';

interface Pending {
  readonly step: number;
  readonly lr: number;
  readonly labels: Int32Array;
  readonly result: Promise<{ loss: number; logits: Float32Array }>;
  readonly norms: Promise<Record<string, LayerNorms>> | null;
  /** Its work is done. */
  done: boolean;
  /** Where a checkpoint of the state after this step waits for the step's loss. */
  settled?: (progress: Progress) => void;
  abandon?: (error: Error) => void;
}

// Steps queued on the devices before the host waits for the oldest one: the devices never run dry, and no more than this is in flight.
const AHEAD = 2;

/** The training loop. One `run` at a time. */
export class Trainer {
  readonly #parts: TrainerParts;
  readonly #schedule: RateSchedule;
  readonly #rates: Rates;
  readonly #devices: readonly Device[];
  #progress: Progress;
  #pending: Pending[] = [];
  readonly #meter = new Meter();
  readonly #saver: Saver<Progress>;
  #saved = { step: 0, at: 0 };

  constructor(parts: TrainerParts) {
    const { recipe } = parts;
    this.#parts = parts;
    this.#saver = new Saver(parts.snapshot);
    this.#schedule = new RateSchedule(recipe.schedule, recipe.lr, recipe.epochs);
    this.#rates = new Rates(recipe, Object.keys(parts.model.params));
    this.#progress = parts.progress ?? freshProgress(this.#schedule.state());
    this.#schedule.load(this.#progress.schedule);
    this.#devices = [...new Set(parts.model.devices)];
  }

  get progress(): Readonly<Progress> {
    return this.#progress;
  }

  /** Steps of the whole run. */
  get total(): number {
    return this.#parts.recipe.epochs * this.#parts.loader.steps;
  }

  /** Trains to the end of the recipe, the end by the plateau rule, or the signal; a checkpoint is written in each case. */
  async run(signal?: AbortSignal): Promise<Outcome> {
    const { loader } = this.#parts;
    this.#saved = { step: this.#progress.step, at: performance.now() };
    try {
      // A run stopped after a step and before its evaluation makes that up first.
      await this.#afterStep(signal);
      while (this.#progress.step < this.total && !this.#progress.ended && !signal?.aborted) {
        const epoch = Math.floor(this.#progress.step / loader.steps);
        await this.#epoch(loader.epoch(epoch, this.#progress.step % loader.steps), signal);
      }
      await this.#drain();
      if (this.#saved.step !== this.#progress.step || this.#progress.step === 0) await this.#save();
      await this.#saver.finish();
    } finally {
      await Promise.allSettled(this.#pending.map((p) => p.result));
      // A checkpoint of a step whose loss will not be known is given up; one on its way to the disk gets there.
      for (const { abandon } of this.#pending) abandon?.(new Error('the run ended before'));
      await this.#saver.finish().catch(() => {});
    }
    if (signal?.aborted && !this.#done) return 'interrupted';
    return this.#progress.ended ? 'plateau' : 'finished';
  }

  get #done(): boolean {
    const p = this.#progress;
    return p.ended || (p.step >= this.total && (p.evaluatedAt === p.step || !this.#evaluationDue()));
  }

  async #epoch(batches: AsyncIterable<Batch>, signal?: AbortSignal): Promise<void> {
    this.#meter.restart();
    for await (const batch of this.#timed(batches)) {
      this.#queue(batch);
      if (this.#pending.length > AHEAD) await this.#settle();
      await this.#afterStep(signal);
      if (this.#progress.ended || signal?.aborted) return;
    }
  }

  /** The batches; where the devices have run dry by the time one is there, the wait for it is counted. */
  async *#timed(batches: AsyncIterable<Batch>): AsyncGenerator<Batch, void, void> {
    let asked = performance.now();
    for await (const batch of batches) {
      const waited = performance.now() - asked;
      // A turn of the event loop, so that a step that is done has said so.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#pending.every((p) => p.done)) this.#meter.waited(waited);
      yield batch;
      asked = performance.now();
    }
  }

  /** Queues one update. Only reading back its loss waits for it, and that is left to {@link #settle}. */
  #queue(batch: Batch): void {
    const { model, optimiser, average, loader, recipe } = this.#parts;
    const { step } = this.#progress;
    const epoch = step / loader.steps;
    const lr = this.#schedule.rate(epoch);
    optimiser.lr = lr;
    const frozen = this.#rates.apply(optimiser, epoch, this.#schedule.factor(epoch));
    const learned = Object.fromEntries(Object.entries(model.params).filter(([name]) => !frozen.has(name)));
    using s = scope();
    const device = model.devices[0]!;
    const x = batchImages(loader, batch, device);
    const labels = tensor(batch.labels, { shape: [batch.count], dtype: 'i32', device });
    using t = tape();
    const logits = model.forward(x, { train: true, seed: seedOf(recipe, 'dropout', step) });
    const loss = crossEntropy(logits, labels);
    const read = [loss.data(), logits.data()] as const;
    const gradients = t.gradients(loss, learned);
    optimiser.apply(gradients);
    average?.update(model, step + 1);
    const norms =
      recipe.norms && this.#logs(step + 1) ? layerNorms(gradients, optimiser.state().momentum, model.params) : null;
    norms?.catch(() => {}); // reported where it is awaited
    void s;
    // A failure anywhere in the step, the update included, comes out of its device's synchronize.
    const result = Promise.all([...read, ...this.#devices.map((d) => d.synchronize())]).then(([l, values]) => ({
      loss: l[0]!,
      logits: values,
    }));
    const pending: Pending = { step, lr, labels: batch.labels.slice(), result, norms, done: false };
    const finished = () => {
      pending.done = true;
    };
    result.then(finished, finished); // a failure is reported where it is awaited
    this.#pending.push(pending);
    this.#progress.step = step + 1;
  }

  /** Waits for the oldest step in flight and counts it. */
  async #settle(): Promise<void> {
    const oldest = this.#pending[0]!;
    const { step, lr, labels, result } = oldest;
    const { loss, logits } = await result;
    const norms = await oldest.norms;
    if (!Number.isFinite(loss)) throw new DivergedError(`the loss is ${loss}`, step);
    this.#pending.shift();
    this.#count(step, lr, labels, loss, logits, norms);
    oldest.settled?.(this.#at(step + 1));
  }

  /** The run as it stands after so many updates. */
  #at(step: number): Progress {
    return { ...structuredClone(this.#progress), step };
  }

  /** Whether a line is logged after so many updates. */
  #logs(made: number): boolean {
    return made % this.#parts.recipe.logSteps === 0 || made === this.total;
  }

  #count(
    step: number,
    lr: number,
    labels: Int32Array,
    loss: number,
    logits: Float32Array,
    norms: Record<string, LayerNorms> | null,
  ): void {
    const { loader, events } = this.#parts;
    const { tally } = this.#progress;
    count(tally, logits, labels, loss);
    this.#meter.images(labels.length);
    const made = step + 1;
    events?.onStep?.(made, loss);
    if (!this.#logs(made)) return;
    this.#progress.lastTrain = means(tally);
    this.#write({
      kind: 'train',
      step: made,
      epoch: made / loader.steps,
      ...this.#progress.lastTrain,
      lr,
      ...this.#meter.read(),
      memory: this.#memory(),
      ...(norms ? { norms } : {}),
    });
    this.#progress.tally = emptyTally();
    this.#meter.restart();
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#settle();
  }

  #memory(): number {
    const gpus = this.#devices.filter((d) => d.kind === 'cuda');
    return gpus.reduce((sum, d) => sum + d.memory().reserved, process.memoryUsage.rss());
  }

  #write(line: MetricsLine): void {
    this.#parts.log.write(line);
    this.#parts.eventFile?.write(line);
    this.#parts.events?.onLine?.(line);
  }

  /** What is due between two steps: an evaluation, a checkpoint. */
  async #afterStep(signal?: AbortSignal): Promise<void> {
    const { recipe } = this.#parts;
    const { step } = this.#progress;
    const evaluates = this.#evaluationDue() && this.#progress.evaluatedAt !== step;
    const minutes = (performance.now() - this.#saved.at) / 60_000;
    const saves =
      this.#saved.step !== step &&
      ((recipe.checkpointSteps > 0 && step % recipe.checkpointSteps === 0) ||
        (recipe.checkpointMinutes > 0 && minutes >= recipe.checkpointMinutes));
    this.#saver.check();
    if (!evaluates && !saves) return;
    if (evaluates) await this.#drain();
    const begun = performance.now();
    if (evaluates && !(await this.#evaluate(signal))) return;
    await this.#save();
    this.#meter.pause(performance.now() - begun);
  }

  #evaluationDue(): boolean {
    const { recipe, loader } = this.#parts;
    const { step } = this.#progress;
    if (step === 0) return false;
    const every = (n: number) => n > 0 && step % n === 0;
    const ever = recipe.evalEpochs > 0 || recipe.evalSteps > 0;
    return every(recipe.evalSteps) || every(recipe.evalEpochs * loader.steps) || (ever && step === this.total);
  }

  /** @returns false where the signal came first; the evaluation is then made when the run is resumed. */
  async #evaluate(signal?: AbortSignal): Promise<boolean> {
    const { average, watched, watchedName, watchedImages, loader, events } = this.#parts;
    const { model } = average ?? this.#parts;
    const { step } = this.#progress;
    const begun = performance.now();
    let evaluation: Evaluation;
    try {
      evaluation = await evaluate([{ model, loader: watched }], {
        onBatch: (done) => events?.onEvaluation?.(done, watchedImages),
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      if (signal?.aborted) return false;
      throw error;
    }
    if (!Number.isFinite(evaluation.loss))
      throw new DivergedError(`the ${watchedName} loss is ${evaluation.loss}`, step);
    const { loss, top1, top5, images } = evaluation;
    this.#write({
      kind: 'eval',
      split: watchedName,
      step,
      epoch: step / loader.steps,
      loss,
      top1,
      top5,
      lr: this.#schedule.rate(step / loader.steps),
      imagesPerSecond: images / ((performance.now() - begun) / 1000),
    });
    const goOn = this.#schedule.observe(top1, step / loader.steps);
    const { best } = this.#progress;
    const better = best === null || top1 < best.top1 || (top1 === best.top1 && loss < best.loss);
    Object.assign(this.#progress, {
      schedule: this.#schedule.state(),
      evaluatedAt: step,
      evaluation,
      best: better ? { step, top1, loss } : best,
      ended: !goOn,
    } satisfies Partial<Progress>);
    return true;
  }

  /** Begins a checkpoint of the state behind the step just queued. Its tally is that of the steps up to there, which may not be known yet. */
  async #save(): Promise<void> {
    const { step } = this.#progress;
    // One is written at a time, and the one before may wait for its loss.
    while (this.#pending.some((p) => p.settled)) await this.#settle();
    const last = this.#pending.at(-1);
    const progress = last
      ? new Promise<Progress>((resolve, reject) => {
          last.settled = resolve;
          last.abandon = reject;
        })
      : Promise.resolve(this.#at(step));
    await this.#saver.begin(progress, this.#schedule.rate(step / this.#parts.loader.steps));
    this.#saved = { step, at: performance.now() };
  }
}
