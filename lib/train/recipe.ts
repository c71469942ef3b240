// A recipe is every setting of a training run. What a user leaves out comes from the model's defaults; config.json in the run's folder
// is the recipe with nothing left out, so a run can be repeated from it alone.
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
const fraction = z.number({ error: 'a number between 0 and 1' }).gt(0, { error: 'a number between 0 and 1' }).lt(1, {
  error: 'a number between 0 and 1',
});
const flag = z.boolean({ error: 'true or false' });
const oneOf = <const T extends readonly string[]>(names: T) => z.enum(names, { error: `one of ${names.join(', ')}` });

/** Divides the rate by 1/`factor` when the validation error has not improved for `patience` evaluations; after `drops` drops the run ends. */
const plateau = z.strictObject({
  kind: z.literal('plateau'),
  patience: whole(1, 10_000).default(3),
  factor: fraction.default(0.1),
  drops: whole(0, 100).default(3),
});
/** Multiplies the rate by `factor` at the start of each of the passes `at` (the first pass is 0). */
const steps = z.strictObject({
  kind: z.literal('steps'),
  at: z.array(real(0), { error: 'a list of passes, such as [25, 51, 79]' }).default([25, 51, 79]),
  factor: fraction.default(0.1),
});
/** The rate rises over the first `warmup` passes and falls on half a cosine to `final` times its height at the end of the run. */
const cosine = z.strictObject({
  kind: z.literal('cosine'),
  warmup: real(0).default(0),
  final: real(0, 1).default(0),
});
const constant = z.strictObject({ kind: z.literal('constant') });

const schedules = { plateau, steps, cosine, constant };
const schedule = z.discriminatedUnion('kind', [plateau, steps, cosine, constant], {
  error: `an object whose kind is one of ${Object.keys(schedules).join(', ')}`,
});

export const modelNames = ['alexnet', 'alexnet-small'] as const;

const schema = z.strictObject({
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
  batch: whole(1, 65_536),
  epochs: whole(0, 1_000_000),
  lr: real(0),
  momentum: real(0, 1),
  weightDecay: real(0),
  /** Rate of the biases, never lowered; null: they share the weights' rate and its schedule. */
  biasLr: realOrNull(0),
  /** Weight decay of the biases; null: as the weights. */
  biasWeightDecay: realOrNull(0),
  seed: whole(0),
  schedule,
  init: z.strictObject({
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
    /** So many consecutive images share window and mirroring. */
    share: whole(1, 65_536),
    /** Strength of the colour noise along the principal components of natural images; 0: none. Colour images only. */
    colour: real(0, 10),
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
  /** An evaluation every n passes and every n steps (0: none). */
  evalEpochs: whole(0, 1_000_000),
  evalSteps: whole(0),
  logSteps: whole(1),
  precision: oneOf(['f32']),
});

export type Recipe = z.infer<typeof schema>;
export type Schedule = Recipe['schedule'];
/** What a user may give: any part of a recipe, a schedule by its bare name too. */
export type RecipeInput = { [key: string]: unknown };

// The text's run.
const alexnet: Omit<Recipe, 'data' | 'devices'> = {
  model: 'alexnet',
  preset: 'paper',
  classes: null,
  conv6: false,
  norm: true,
  pooling: 'overlapping',
  batch: 128,
  epochs: 90,
  lr: 0.01,
  momentum: 0.9,
  weightDecay: 0.0005,
  biasLr: null,
  biasWeightDecay: null,
  seed: 0,
  schedule: { kind: 'plateau', patience: 3, factor: 0.1, drops: 3 },
  init: { weightStd: null },
  input: { mean: 'image', scale: 1 },
  augmentation: { crop: true, pad: 0, mirror: true, share: 1, colour: 0.1 },
  trainLimit: null,
  testLimit: null,
  validation: null,
  checkpointSteps: 0,
  checkpointMinutes: 10,
  evalEpochs: 1,
  evalSteps: 0,
  logSteps: 10,
  precision: 'f32',
};

/** Defaults of a model; `preset` and the rest override them. */
const defaults: Record<(typeof modelNames)[number], RecipeInput> = {
  alexnet: {},
  'alexnet-small': {
    epochs: 10,
    lr: 0.05,
    schedule: { kind: 'cosine', warmup: 0, final: 0 },
    // Weights that start for inputs of about 1: the bytes spread by some 64 around their mean.
    input: { scale: 1 / 64 },
    augmentation: { colour: 0 },
    logSteps: 50,
  },
};

// What the 2012 code's configuration changes in the run itself: its biases had a rate of their own, never lowered, and no decay; 32 images
// shared a window; the colour noise's spread was taken out again.
const presets: Record<Recipe['preset'], Partial<Record<Recipe['model'], RecipeInput>>> = {
  paper: {},
  'layers-145': {
    alexnet: {
      biasLr: 0.02,
      biasWeightDecay: 0,
      epochs: 91,
      schedule: { kind: 'steps', at: [25, 51, 79], factor: 0.1 },
      input: { scale: 1 / 1.1 },
      augmentation: { share: 32 },
    },
    'alexnet-small': { biasWeightDecay: 0 },
  },
};

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

/**
 * The whole recipe of what a user gave: `input` over the preset's, the model's and the common defaults.
 * @throws RecipeError naming the wrong key and the allowed ones.
 */
export function resolveRecipe(input: RecipeInput): Recipe {
  const given = { devices: ['cpu:0'], ...input } as RecipeInput;
  const base = overlay(overlay(alexnet as RecipeInput, modelDefaults(given)), presetDefaults(given));
  return parse(overlay(forBatch(base, given.batch), given), given);
}

/** Default rates are for the default batch: a smaller batch has a noisier gradient, and gets smaller ones in proportion. */
function forBatch(base: RecipeInput, batch: unknown): RecipeInput {
  const { batch: usual, lr, biasLr } = base as Pick<Recipe, 'batch' | 'lr' | 'biasLr'>;
  const share = typeof batch === 'number' && batch > 0 ? Math.min(1, batch / usual) : 1;
  return { ...base, lr: lr * share, biasLr: biasLr === null ? null : biasLr * share };
}

/** A recipe with what a user gives now laid over it. @throws RecipeError as {@link resolveRecipe}. */
export function amendRecipe(stored: Recipe, input: RecipeInput): Recipe {
  const whole = overlay(stored as RecipeInput, input);
  return parse(whole, whole);
}

function parse(whole: RecipeInput, given: RecipeInput): Recipe {
  const parsed = schema.safeParse(whole);
  if (!parsed.success) throw new RecipeError(explain(parsed.error.issues[0]!, given));
  return parsed.data;
}

const isModel = (name: unknown): name is Recipe['model'] => modelNames.includes(name as Recipe['model']);

const modelDefaults = (given: RecipeInput): RecipeInput => (isModel(given.model) ? defaults[given.model] : {});

function presetDefaults({ preset, model = 'alexnet' }: RecipeInput): RecipeInput {
  if (typeof preset !== 'string' || !Object.hasOwn(presets, preset) || !isModel(model)) return {};
  return presets[preset as Recipe['preset']][model] ?? {};
}

/** `over` laid over `base`: objects key by key, everything else replaced. A schedule of another kind replaces the whole schedule. */
function overlay(base: RecipeInput, over: RecipeInput): RecipeInput {
  const out: RecipeInput = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = out[key];
    if (key === 'schedule' && typeof value === 'string')
      out[key] = isRecord(before) && before['kind'] === value ? before : { kind: value };
    else if (key === 'devices' && typeof value === 'string') out[key] = value.split(',').map((name) => name.trim());
    else if (isRecord(value) && isRecord(before) && !('kind' in value && value['kind'] !== before['kind']))
      out[key] = overlay(before, value);
    else out[key] = value;
  }
  return out;
}

const isRecord = (value: unknown): value is RecipeInput =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function explain(issue: z.core.$ZodIssue, given: RecipeInput): string {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const key = [...path, issue.keys[0]!].join('.');
    const allowed = allowedKeys(path, given);
    const near = nearest(issue.keys[0]!, allowed);
    return `recipe: there is no key '${key}'${near ? `; did you mean '${[...path, near].join('.')}'?` : ';'} ${
      path.length > 0 ? `'${path.join('.')}' has` : 'the keys are'
    } ${allowed.join(', ') || 'no others'}`;
  }
  let value: unknown = given;
  for (const key of path) value = isRecord(value) || Array.isArray(value) ? (value as RecipeInput)[key] : undefined;
  return `recipe: ${path.join('.')} must be ${issue.message}${value === undefined ? '' : `, got ${typeof value === 'number' ? value : JSON.stringify(value)}`}`;
}

function allowedKeys(path: readonly string[], given: RecipeInput): string[] {
  if (path.length === 0) return Object.keys(schema.shape);
  if (path[0] === 'schedule') {
    const kind = resolveKind(given);
    return Object.keys(schedules[kind].shape);
  }
  const inner = (schema.shape as Record<string, unknown>)[path[0]!];
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function resolveKind(given: RecipeInput): keyof typeof schedules {
  const { schedule: s } = overlay(overlay(alexnet as RecipeInput, modelDefaults(given)), presetDefaults(given));
  const wished = isRecord(given.schedule) ? given.schedule.kind : given.schedule;
  return typeof wished === 'string' && Object.hasOwn(schedules, wished)
    ? (wished as keyof typeof schedules)
    : (s as Schedule).kind;
}

/** The candidate closest to `word` by edit distance, where it is close enough to be a slip of the hand. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const d = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}

/**
 * Lays one `key=value` of the command line into `into`, by dotted path. The value is JSON where it is JSON (numbers, true, false, null,
 * lists), text otherwise.
 * @throws RecipeError where there is no `=` or the path runs through something that is no group of keys.
 */
export function setKey(into: RecipeInput, assignment: string): void {
  const at = assignment.indexOf('=');
  if (at <= 0) throw new RecipeError(`--set takes key=value, got '${assignment}'`);
  const path = assignment.slice(0, at).trim().split('.');
  if (path.some((key) => key === '' || key === '__proto__'))
    throw new RecipeError(
      `recipe: there is no key '${path.join('.')}'; the keys are ${Object.keys(schema.shape).join(', ')}`,
    );
  let group = into;
  for (const key of path.slice(0, -1)) {
    const next = Object.hasOwn(group, key) ? group[key] : undefined;
    // `--set schedule=steps --set schedule.factor=0.5`
    if (key === 'schedule' && typeof next === 'string') group[key] = { kind: next };
    else if (!isRecord(next)) group[key] = {};
    group = group[key] as RecipeInput;
  }
  group[path.at(-1)!] = parseValue(assignment.slice(at + 1).trim());
}

function parseValue(text: string): unknown {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
