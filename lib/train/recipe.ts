// A recipe is every setting of a training run. What a user leaves out comes from the model's defaults; config.json in the run's folder
// is the recipe with nothing left out, so a run can be repeated from it alone.
import { z } from 'zod';
import { alexnet, defaults, presets } from './recipe_defaults';
import {
  group,
  modelNames,
  type Recipe,
  RecipeError,
  type RecipeInput,
  type Schedule,
  schedules,
  schema,
} from './recipe_schema';

export {
  modelNames,
  type Recipe,
  RecipeError,
  type RecipeGroup,
  type RecipeInput,
  recipeKeys,
  type Schedule,
} from './recipe_schema';

/**
 * The whole recipe of what a user gave: `input` over the preset's, the model's and the common defaults.
 * @throws RecipeError naming the wrong key and the allowed ones.
 */
export function resolveRecipe(input: RecipeInput): Recipe {
  const given = { devices: ['cpu:0'], ...input } as RecipeInput;
  const base = overlay(overlay(alexnet as RecipeInput, modelDefaults(given)), presetDefaults(given));
  return parse(overlay(ratesForBatch(base, given.batch), given), given);
}

/**
 * Rates that somebody else chose (the defaults', a recipe file's) are for their own batch: a smaller one has a noisier gradient, and gets
 * smaller rates in proportion, those of single layers too. Rates that the user gives are never changed.
 * @param settings part of a recipe; without `batch` its rates are for the model's default batch
 * @param batch what the user asks for
 */
export function ratesForBatch(settings: RecipeInput, batch: unknown): RecipeInput {
  const usual = settings.batch ?? alexnet.batch;
  const share = typeof batch === 'number' && batch > 0 ? Math.min(1, batch / Number(usual)) : 1;
  const scaled = (of: RecipeInput, key: string) =>
    typeof of[key] === 'number' ? { [key]: Number(of[key]) * share } : {};
  const { groups } = settings;
  return {
    ...settings,
    ...scaled(settings, 'lr'),
    ...scaled(settings, 'biasLr'),
    ...(Array.isArray(groups) && {
      groups: groups.map((g: unknown) => (isRecord(g) ? { ...g, ...scaled(g, 'lr') } : g)),
    }),
  };
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

/** `over` laid over `base`: objects key by key, everything else replaced. */
function overlay(base: RecipeInput, over: RecipeInput): RecipeInput {
  const out: RecipeInput = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = out[key];
    if (key === 'schedule') out[key] = overlaySchedule(before, typeof value === 'string' ? { kind: value } : value);
    else if (key === 'devices' && typeof value === 'string') out[key] = value.split(',').map((name) => name.trim());
    else out[key] = isRecord(value) && isRecord(before) ? overlay(before, value) : value;
  }
  return out;
}

// One of another kind leaves the model its warmup, but for a constant rate, which is what it says.
function overlaySchedule(before: unknown, value: unknown): unknown {
  if (!isRecord(before) || !isRecord(value)) return value;
  if (!('kind' in value) || value['kind'] === before['kind']) return overlay(before, value);
  return 'warmup' in before && value['kind'] !== 'constant' ? { warmup: before['warmup'], ...value } : value;
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
  if (path[0] === 'groups') return Object.keys(group.shape);
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
