// The checkpoint of a run: beside parameters and momentum, where the run stands and what its images are.
import { z } from 'zod';
import { type ColumnNet, mergeColumns, splitColumns } from '../models';
import type { Sgd } from '../optim';
import { tensor } from '../tensor/create';
import type { Device } from '../tensor/device';
import { scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import { type LoadedTensor, loadCheckpoint, saveCheckpoint, type TensorLike } from './checkpoint';
import type { InputFacts } from './input';
import type { Recipe } from './recipe';
import { RunError } from './run_folder';
import { DivergedError, type Progress } from './trainer';

const means = { loss: z.number(), top1: z.number(), top5: z.number() };
const schedule = z.strictObject({
  rate: z.strictObject({ drops: z.int(), best: z.number().nullable(), waited: z.int() }),
  tally: z.strictObject({ images: z.number(), loss: z.number(), wrong1: z.number(), wrong5: z.number() }),
  lastTrain: z.strictObject(means).nullable(),
  evaluatedAt: z.int(),
  evaluation: z.strictObject({ images: z.number(), ...means }).nullable(),
  best: z.strictObject({ step: z.int(), top1: z.number(), loss: z.number() }).nullable().default(null),
  ended: z.boolean(),
});
const data = z.strictObject({
  /** What the order of the images was drawn for: so many, with these labels. */
  order: z.strictObject({ images: z.int(), labels: z.string() }),
  input: z.strictObject({
    classes: z.array(z.string()),
    channels: z.int(),
    height: z.int(),
    width: z.int(),
    size: z.int(),
    scale: z.number(),
  }),
});

export type Order = z.infer<typeof data>['order'];

export interface RunState {
  readonly progress: Progress;
  readonly facts: InputFacts;
  readonly order: Order;
}

/** Names of the mean parameters among a checkpoint's further tensors. */
const AVERAGE = 'average.';

/** Parameters, momentum and, where the recipe asks for it, mean parameters on their way back from the devices. */
export interface Values {
  readonly columns: boolean;
  readonly params: Readonly<Record<string, TensorLike>>;
  readonly momentum: Readonly<Record<string, TensorLike>>;
  readonly average: Readonly<Record<string, TensorLike>>;
}

/** Queues reads of all values behind the work that the devices have been given; what comes after may change them. */
export function readValues(model: ColumnNet, optimiser: Sgd, average: ColumnNet | null): Values {
  const each = (record: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(
      Object.entries(record).map(([name, t]): [string, TensorLike] => {
        const values = t.data();
        values.catch(() => {}); // reported where it is awaited
        return [name, { dtype: t.dtype, shape: t.shape, data: () => values }];
      }),
    );
  return {
    columns: model.columns,
    params: each(model.params),
    momentum: each(optimiser.state().momentum),
    average: each(average?.params ?? {}),
  };
}

/**
 * Writes the checkpoint of a run, whole or not at all, a few megabytes at a time, so that other work goes on meanwhile.
 * @param lr the rate of the next step
 * @throws DivergedError, with nothing written, where a parameter or its momentum is not finite.
 */
export async function writeRunCheckpoint(
  path: string,
  recipe: Recipe,
  { progress, facts, order }: RunState,
  { values, lr, stepsPerEpoch }: { values: Values; lr: number; stepsPerEpoch: number },
): Promise<void> {
  const { mean, ...input } = facts;
  const { step, schedule: rate, ...rest } = progress;
  const { model: name, preset, classes, conv6, norm, pooling } = recipe;
  const { columns } = values;
  const each = (record: Readonly<Record<string, TensorLike>>, prefix: string) =>
    Object.fromEntries(
      Object.entries(record).map(([key, t]): [string, TensorLike] => [
        key,
        {
          ...t,
          data: async () => {
            const all = (await t.data()) as Float32Array;
            if (!(await allFinite(all))) throw new DivergedError(`${prefix}${key} is no longer finite`, step);
            return all;
          },
        },
      ]),
    );
  try {
    await saveCheckpoint(path, {
      meta: {
        step,
        epoch: Math.floor(step / stepsPerEpoch),
        batch: step % stepsPerEpoch,
        lr,
        seeds: { run: recipe.seed },
        // The schemas also fix the order of the keys: the same state gives the same bytes.
        schedule: schedule.parse({ rate, ...rest }),
        model: { name, preset, classes: classes ?? input.classes.length, conv6, norm, pooling, columns },
        data: data.parse({ order, input }),
      },
      params: each(values.params, ''),
      momentum: each(values.momentum, 'the momentum of '),
      extra: {
        mean: { dtype: 'f32', shape: [mean.length], data: () => mean },
        ...prefixed(AVERAGE, each(values.average, 'the mean of ')),
      },
    });
  } catch (error) {
    throw (error as Error).cause instanceof DivergedError ? (error as Error).cause : error;
  }
}

/** The same tensors under names with something in front. */
function prefixed(prefix: string, record: Readonly<Record<string, TensorLike>>): Record<string, TensorLike> {
  return Object.fromEntries(Object.entries(record).map(([name, t]) => [prefix + name, t]));
}

/** Whether no value is NaN or infinite; looks at a million at a time, a millisecond or so. */
async function allFinite(values: Float32Array): Promise<boolean> {
  const chunk = 2 ** 20;
  for (let start = 0; start < values.length; start += chunk) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve));
    const end = Math.min(values.length, start + chunk);
    for (let i = start; i < end; i++) if (!Number.isFinite(values[i])) return false;
  }
  return true;
}

export interface RunCheckpoint extends RunState {
  /**
   * The parameters to use, the mean ones where the run has them, as tensors, in the form (columns or grouped) and on the devices of `model`;
   * layers it lacks on its first device.
   */
  params(model: ColumnNet): Record<string, Tensor>;
  /** Copies the parameters to use into place; from columns to the grouped form and back where they differ. */
  restore(model: ColumnNet): void;
  /** The same with those that the run goes on from, and their momentum. */
  resume(model: ColumnNet, optimiser: Sgd): void;
}

/**
 * @param momentum whether to read the momentum as well
 * @throws SafetensorsError where the file cannot be read; RunError where it is no run's.
 */
export async function readRunCheckpoint(path: string, momentum: boolean): Promise<RunCheckpoint> {
  const loaded = await loadCheckpoint(path, { momentum });
  const rest = z.object({ schedule, data }).safeParse(loaded.meta);
  const mean = loaded.extra.mean?.data;
  if (!rest.success || !(mean instanceof Float32Array))
    throw new RunError(`${path} was not written by a training run of this version (${loaded.version} wrote it)`);
  const { rate, ...more } = rest.data.schedule;
  const { order, input } = rest.data.data;
  const averaged = Object.entries(loaded.extra).filter(([name]) => name.startsWith(AVERAGE));
  const average = Object.fromEntries(averaged.map(([name, t]) => [name.slice(AVERAGE.length), t]));
  const used = averaged.length > 0 ? average : loaded.params;
  const fitting = (copy: () => void) => {
    using s = scope();
    try {
      copy();
    } catch (error) {
      throw new RunError(`${path} does not fit the run's network: ${(error as Error).message}`, { cause: error });
    }
    void s;
  };
  return {
    progress: { step: loaded.meta.step, schedule: rate, ...more },
    order,
    facts: { ...input, mean },
    params: (model) => place(used, model),
    restore: (model) => fitting(() => model.load(place(used, model))),
    resume: (model, optimiser) =>
      fitting(() => {
        model.load(place(loaded.params, model));
        const { step, lr } = loaded.meta;
        optimiser.load({ step, lr, momentum: place(loaded.momentum, model) });
      }),
  };
}

/** Host values as tensors in the form that `model` has: columns or grouped. */
function place(values: Readonly<Record<string, LoadedTensor>>, model: ColumnNet): Record<string, Tensor> {
  const homes: Record<string, Device> = {};
  for (const [name, p] of Object.entries(model.params)) homes[name] = p.device;
  const placed: Record<string, Tensor> = {};
  for (const [name, { shape, data }] of Object.entries(values))
    placed[name] = tensor(data as Float32Array, { shape, device: homes[name] ?? model.devices[0]! });
  const columns = 'conv1a.weight' in placed;
  if (columns === model.columns) return placed;
  return columns ? mergeColumns(placed) : splitColumns(placed, model.devices);
}
