import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RecipeInput, recipeKeys, resolveRecipe, setKey } from '../../lib/train/recipe';

const base = { data: 'fashion-mnist', model: 'alexnet-small' };

test("a recipe is complete, with the model's and the preset's defaults", () => {
  const full = resolveRecipe({ data: 'folder:photos', model: 'alexnet' });
  expect(full).toMatchObject({ batch: 128, epochs: 90, lr: 0.01, momentum: 0.9, weightDecay: 0.0005, preset: 'paper' });
  expect(full.schedule).toEqual({ kind: 'plateau', patience: 3, factor: 0.1, drops: 3, latest: [], warmup: 0 });
  const original = resolveRecipe({ data: 'folder:photos', model: 'alexnet', preset: 'layers-145' });
  expect(original).toMatchObject({ biasLr: 0.02, biasWeightDecay: 0, schedule: { kind: 'steps', at: [25, 51, 79] } });
  expect(original.augmentation).toEqual({
    crop: true,
    pad: 0,
    mirror: true,
    erase: 0,
    share: 32,
    colour: 0.1,
    colourUntil: 67,
  });
  expect(resolveRecipe(JSON.parse(JSON.stringify(original)))).toEqual(original);
});

test.each([
  [{ ...base, bach: 3 }, /^recipe: there is no key 'bach'; did you mean 'batch'\? the keys are data, model, /],
  [
    { ...base, augmentation: { corp: true } },
    /^recipe: there is no key 'augmentation.corp'; did you mean 'augmentation.crop'\? 'augmentation' has crop, pad, mirror, erase, share, colour, colourUntil$/,
  ],
  [
    { ...base, schedule: { kind: 'plateau', at: [3] } },
    /no key 'schedule.at'; 'schedule' has kind, patience, factor, drops, latest/,
  ],
  [{ ...base, schedule: 'linear' }, /schedule\S* must be .*plateau, steps, cosine, constant/],
  [{ ...base, batch: 'many' }, /^recipe: batch must be a whole number from 1 to 65536, got "many"$/],
  [{ ...base, batch: 2.5 }, /^recipe: batch must be a whole number from 1 to 65536, got 2.5$/],
  [{ ...base, lr: Number.NaN }, /^recipe: lr must be a number of at least 0/],
  [{ ...base, trainLimit: 0 }, /^recipe: trainLimit must be a whole number from 1, or null, got 0$/],
  [{ ...base, preset: 'papers' }, /^recipe: preset must be one of paper, layers-145, got "papers"$/],
  [{ ...base, model: 'vgg' }, /^recipe: model must be one of alexnet, alexnet-small, got "vgg"$/],
  [{ ...base, devices: [] }, /^recipe: devices must be a list of one or two devices/],
  [{ ...base, precision: 'f16' }, /^recipe: precision must be one of f32, tf32, bf16, got "f16"$/],
  [{ model: 'alexnet' }, /^recipe: data must be a data set/],
] as [RecipeInput, RegExp][])('a wrong recipe names the key and what is allowed: %j', (input, message) => {
  expect(() => resolveRecipe(input)).toThrow(message);
});

test('default rates are for the default batch, and smaller for a smaller one', () => {
  const rate = (more: RecipeInput) => resolveRecipe({ data: 'folder:x', model: 'alexnet', ...more }).lr;
  expect([rate({}), rate({ batch: 32 }), rate({ batch: 512 }), rate({ batch: 32, lr: 0.01 })]).toEqual([
    0.01, 0.0025, 0.01, 0.01,
  ]);
});

test('--set lays values in by dotted path, as the types they look like', () => {
  const input: RecipeInput = { ...base };
  for (const assignment of [
    'lr=1e-3',
    'augmentation.mirror=false',
    'trainLimit=null',
    'schedule.kind=steps',
    'schedule.at=[2, 4.5]',
    'devices=cpu:0, cpu:1',
    'preset=layers-145',
    'data=folder:a=b',
  ])
    setKey(input, assignment);
  expect(resolveRecipe(input)).toMatchObject({
    lr: 0.001,
    augmentation: { crop: true, mirror: false, share: 1 },
    trainLimit: null,
    schedule: { kind: 'steps', at: [2, 4.5], factor: 0.1 },
    devices: ['cpu:0', 'cpu:1'],
    preset: 'layers-145',
    data: 'folder:a=b',
  });
  const named: RecipeInput = { ...base };
  setKey(named, 'schedule=steps');
  setKey(named, 'schedule.factor=.5');
  // Another kind of schedule leaves the small net its warmup, without which it loses maps (lib/train/recipe_defaults.ts).
  expect(resolveRecipe(named).schedule).toEqual({ kind: 'steps', at: [25, 51, 79], factor: 0.5, warmup: 0.5 });
  const constant: RecipeInput = { ...base };
  setKey(constant, 'schedule=constant');
  expect(resolveRecipe(constant).schedule).toEqual({ kind: 'constant', warmup: 0 });
  // A part of the default schedule, without naming its kind.
  const part: RecipeInput = { data: 'folder:x', model: 'alexnet' };
  setKey(part, 'schedule.patience=7');
  expect(resolveRecipe(part).schedule).toEqual({
    kind: 'plateau',
    patience: 7,
    factor: 0.1,
    drops: 3,
    latest: [],
    warmup: 0,
  });
});

test('--set refuses what is no assignment, and cannot reach a prototype', () => {
  expect(() => setKey({}, 'lr')).toThrow("--set takes key=value, got 'lr'");
  expect(() => setKey({}, 'a..b=1')).toThrow("there is no key 'a..b'");
  expect(() => setKey({}, '__proto__.polluted=1')).toThrow('there is no key');
  const input: RecipeInput = { ...base };
  setKey(input, 'constructor.prototype.polluted=1');
  expect(() => resolveRecipe(input)).toThrow("there is no key 'constructor'");
  expect(({} as any).polluted).toBeUndefined();
});

test('docs/training.md has every key, with the defaults', () => {
  const page = readFileSync(join(__dirname, '../../docs/training.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `') && line.split('|').length === 6);
  const documented = new Map<string, { full: string; small: string }>();
  for (const row of rows) {
    const [, keys, , full, small] = row.split('|').map((cell) => cell.trim()) as string[];
    const names = [...keys!.matchAll(/`([^`]+)`/g)].map((m) => m[1]!);
    names.forEach((name, i) => {
      documented.set(name, { full: full!.split(', ')[i] ?? '', small: small!.split(', ')[i] ?? '' });
    });
  }
  expect([...documented.keys()].sort()).toEqual(recipeKeys().sort());
  const models = {
    full: resolveRecipe({ data: 'x', model: 'alexnet' }),
    small: resolveRecipe({ data: 'x', model: 'alexnet-small' }),
  };
  const shown = (value: unknown) => (value === 1 / 64 ? '1/64' : String(value));
  for (const [key, cells] of documented)
    for (const which of ['full', 'small'] as const) {
      if (cells[which] === '') continue;
      let value: any = models[which];
      for (const part of key.split('.')) value = value[part];
      expect(`${which} ${key} ${cells[which]}`).toBe(`${which} ${key} ${shown(value)}`);
    }
});
