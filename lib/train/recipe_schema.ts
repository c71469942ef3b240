// What a recipe may say: every key, its type and its range.
import { z } from 'zod';

/** A recipe that cannot be used; the message names the key and what is allowed. */
export class RecipeError extends RangeError {}

const whole = (low: number, high = Number.MAX_SAFE_INTEGER, orNull = '') => {
  const error = `a whole number from ${low}${high < Number.MAX_SAFE_INTEGER ? ` to ${high}` : ''}${orNull}`;
  return z.number({ error }).int({ error }).min(low, { error }).max(high, { error });
};
const real = (low: number, high = Number.MAX_VALUE, orNull = '') => {
  const error = `${high < Number.MAX_VALUE ? `a number from ${low} to ${high}` : `a number of at least ${low}`}${orNull}`;
  return z.number({ error }).min(low, { error }).max(high, { error });
};
const wholeOrNull = (low: number, high?: number) => whole(low, high, ', or null').nullable();
const realOrNull = (low: number) => real(low, undefined, ', or null').nullable();
const numberThat = (error: string, holds: (n: number) => boolean) => z.number({ error }).refine(holds, { error });
const fraction = numberThat('a number between 0 and 1', (n) => n > 0 && n < 1);
const share = numberThat('a number of at least 0, below 1', (n) => n >= 0 && n < 1);
const flag = z.boolean({ error: 'true or false' });
const oneOf = <const T extends readonly string[]>(names: T) => z.enum(names, { error: `one of ${names.join(', ')}` });

const passes = (example: string) => z.array(real(0), { error: `a list of passes, such as ${example}` });
/** Passes in which the rate rises from 0, before anything else that a schedule does. */
const warmup = real(0).default(0);

/** Divides the rate by 1/`factor` when the validation error has not improved for `patience` evaluations; after `drops` drops the run ends. */
const plateau = z.strictObject({
  kind: z.literal('plateau'),
  patience: whole(1, 10_000).default(3),
  factor: fraction.default(0.1),
  drops: whole(0, 100).default(3),
  /** Passes by which the first, the second, … drop comes in any case, so that a run of limited length has its low rates as well. */
  latest: passes('[40, 70, 85]').default([]),
  warmup,
});
/** Multiplies the rate by `factor` at the start of each of the passes `at` (the first pass is 0). */
const steps = z.strictObject({
  kind: z.literal('steps'),
  at: passes('[25, 51, 79]').default([25, 51, 79]),
  factor: fraction.default(0.1),
  warmup,
});
/** The rate rises over the first `warmup` passes and falls on half a cosine to `final` times its height at the end of the run. */
const cosine = z.strictObject({
  kind: z.literal('cosine'),
  warmup,
  final: real(0, 1).default(0),
});
const constant = z.strictObject({ kind: z.literal('constant'), warmup });

export const schedules = { plateau, steps, cosine, constant };
const schedule = z.discriminatedUnion('kind', [plateau, steps, cosine, constant], {
  error: `an object whose kind is one of ${Object.keys(schedules).join(', ')}`,
});

/** Settings of some parameters, for some of the passes; where several match, later ones decide. */
export const group = z.strictObject({
  /** A layer (`conv1`), a parameter (`conv1.weight`), or either with `*` (`fc*`, `*.bias`); both columns are meant. */
  match: z.string({ error: 'a layer or parameter, such as conv1 or *.bias' }).min(1, { error: 'a layer or parameter' }),
  /** From the start of this pass on (the first pass is 0), until the start of that one; null: to the end. */
  from: real(0).default(0),
  until: realOrNull(0).default(null),
  /** Rate at the start, which the schedule lowers in proportion to the others'; with `scheduled` false it stays. */
  lr: real(0).optional(),
  scheduled: flag.optional(),
  momentum: real(0, 1).optional(),
  weightDecay: real(0).optional(),
  /** The parameters stay as they are. */
  frozen: flag.optional(),
});

export type RecipeGroup = z.infer<typeof group>;

export const modelNames = ['alexnet', 'alexnet-small'] as const;

export const schema = z.strictObject({
  /** Where the images are: `fashion-mnist`, `cifar10:DIR`, `folder:DIR`, … */
  data: z.string({ error: 'a data set, such as fashion-mnist or folder:DIR' }).min(1, { error: 'a data set' }),
  model: oneOf(modelNames),
  /** Where the published text and its authors' code disagree: the text, or the code's configuration. */
  preset: oneOf(['paper', 'layers-145']),
  /** One device: the grouped network; two: one column on each. */
  devices: z
    .array(z.string({ error: 'a device, such as cpu:0' }), { error: 'a list of devices, such as cpu:0,cpu:1' })
    .min(1, { error: 'a list of one or two devices' })
    .max(2, { error: 'a list of one or two devices' }),
  /** null: as many as the data set has. */
  classes: wholeOrNull(1, 1_000_000),
  conv6: flag,
  norm: flag,
  pooling: oneOf(['overlapping', 'plain']),
  /** Share of the hidden layers' outputs that a training step drops. */
  dropout: share,
  /** Factor of every layer's number of maps or hidden units. */
  width: numberThat('a number above 0, at most 16', (n) => n > 0 && n <= 16),
  /** Maps of every convolution, before `width`; null: the model's own. */
  filters: z.array(whole(1, 65_536), { error: 'a list of numbers of maps, or null' }).readonly().nullable(),
  /** Numbers, from 1, of the convolutions whose maps are pooled. */
  pooled: z.array(whole(1, 6), { error: 'a list of convolutions, such as [1, 2, 5]' }).readonly(),
  batch: whole(1, 65_536),
  epochs: whole(0, 1_000_000),
  lr: real(0),
  momentum: real(0, 1),
  weightDecay: real(0),
  /** Rate of the biases, never lowered; null: they share the weights' rate and its schedule. */
  biasLr: realOrNull(0),
  /** Weight decay of the biases; null: as the weights. */
  biasWeightDecay: realOrNull(0),
  /** Rates, momentum, decay and freezing of single layers or parameters. */
  groups: z.array(group, { error: 'a list of objects with the key match' }),
  seed: whole(0),
  schedule,
  /**
   * Passes over which the mean of the parameters goes that evaluations, `eval` and `predict` use; 0: the parameters as they are after the
   * last step.
   */
  average: real(0, 1_000_000),
  init: z.strictObject({
    /** A run's folder whose parameters this one starts from; null: random ones. */
    from: z.string({ error: "a run's folder, or null" }).min(1, { error: "a run's folder, or null" }).nullable(),
    /** Layers that start from random values all the same. */
    reset: z.array(z.string({ error: 'the name of a layer' }), { error: 'a list of layers, such as ["fc8"]' }),
    /** Standard deviation of every layer's first weights; null: the model's own. */
    weightStd: realOrNull(0),
  }),
  input: z.strictObject({
    /** Taken from the bytes: the mean image of the training images, each channel's mean, or nothing. */
    mean: oneOf(['image', 'channel', 'none']),
    /** Factor after that. */
    scale: real(Number.MIN_VALUE),
  }),
  augmentation: z.strictObject({
    /** A random window of every training image instead of its centre. */
    crop: flag,
    /** Black border that the window may reach into, in pixels. */
    pad: whole(0, 64),
    /** The mirror image half the time. */
    mirror: flag,
    /** Share of the training images in which a random rectangle, up to a third of the image, is blanked. */
    erase: real(0, 1),
    /** So many consecutive images share window and mirroring. */
    share: whole(1, 65_536),
    /** Strength of the colour noise along the principal components of natural images; 0: none. Colour images only. */
    colour: real(0, 10),
    /** The pass at whose start the colour noise ends; null: it does not. */
    colourUntil: realOrNull(0),
  }),
  /** Use only the first n images; null: all. */
  trainLimit: wholeOrNull(1),
  testLimit: wholeOrNull(1),
  /**
   * Training images held out to watch the error on: so many, or, below 1, such a part. null: a tenth where the schedule follows the error
   * and the data set has no validation images; otherwise none, and the evaluations of a run are of the test images.
   */
  validation: realOrNull(0),
  /** A checkpoint every n steps (0: none by steps), every so many minutes (0: none by time), and always after an evaluation. */
  checkpointSteps: whole(0),
  checkpointMinutes: real(0),
  /** So many of the newest checkpoints are kept; the one with the lowest error watched is kept besides. */
  checkpointKeep: whole(1, 10_000),
  /** An evaluation every n passes and every n steps (0: none). */
  evalEpochs: whole(0, 1_000_000),
  evalSteps: whole(0),
  logSteps: whole(1),
  /** Logged lines also have the norms of gradients, updates and weights, layer by layer. */
  norms: flag,
  /** An event file for TensorBoard beside metrics.jsonl. */
  tensorboard: flag,
  /** What GPUs round the operands of convolutions and matrix products to. Anything but f32 needs GPUs. */
  precision: oneOf(['f32', 'tf32', 'bf16']),
});

export type Recipe = z.infer<typeof schema>;
export type Schedule = Recipe['schedule'];
/** What a user may give: any part of a recipe, a schedule by its bare name too. */
export type RecipeInput = { [key: string]: unknown };

/** Every key of a recipe, as dotted paths. */
export function recipeKeys(): string[] {
  return Object.entries(schema.shape).flatMap(([key, type]) => {
    const inner =
      key === 'schedule'
        ? Object.values(schedules).flatMap((s) => Object.keys(s.shape))
        : type instanceof z.ZodObject
          ? Object.keys(type.shape)
          : [];
    return inner.length === 0 ? [key] : [...new Set(inner)].map((name) => `${key}.${name}`);
  });
}
