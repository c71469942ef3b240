import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recipeOf } from '../../lib/cli/commands/train';
import { sgd } from '../../lib/optim';
import { tensor } from '../../lib/tensor/create';
import { Rates } from '../../lib/train/rates';
import { resolveRecipe } from '../../lib/train/recipe';
import { readRecipeFile, recipeNames } from '../../lib/train/recipe_file';
import { RateSchedule } from '../../lib/train/schedule';
import { convtape, temporaryFolder } from '../support/cli';

const folder = temporaryFolder();
const file = (name: string, content: unknown) => {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

test.each(recipeNames())('recipes/%s.json is a recipe', (name) => {
  const recipe = resolveRecipe({ data: 'folder:x', ...readRecipeFile(name) });
  expect(resolveRecipe(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe);
  // Every layer that it names is one of the network's.
  const layers = ['conv1', 'conv2', 'conv3', 'conv4', 'conv5', ...(recipe.conv6 ? ['conv6'] : []), 'fc6', 'fc7', 'fc8'];
  for (const column of ['', 'a'])
    new Rates(
      recipe,
      layers.flatMap((l) => [`${l}${column}.weight`, `${l}${column}.bias`]),
    );
  for (const layer of recipe.init.reset) expect(layers).toContain(layer);
});

test('the recipes of the two presets are the defaults of these presets, the plateau rule aside', () => {
  const original = readRecipeFile('layers-145');
  const { checkpointMinutes: _, checkpointKeep: __, ...whole } = resolveRecipe({ data: 'x', ...original });
  expect(resolveRecipe({ data: 'x', model: 'alexnet', preset: 'layers-145' })).toMatchObject(whole);
  const text = resolveRecipe({ data: 'x', ...readRecipeFile('paper') });
  expect(text).toMatchObject({ lr: 0.01, momentum: 0.9, weightDecay: 0.0005, epochs: 90, batch: 128, biasLr: null });
  expect(text.schedule).toMatchObject({ kind: 'plateau', factor: 0.1, drops: 3 });
});

test("layers-145: biases at twice the rate, never lowered and without decay; conv1's weights slow down and stop", () => {
  const recipe = resolveRecipe({ data: 'x', ...readRecipeFile('layers-145') });
  expect(recipe.augmentation.colourUntil).toBe(67);
  const schedule = new RateSchedule(recipe.schedule, recipe.lr, recipe.epochs);
  const names = ['conv1a', 'conv1b', 'conv2a', 'fc8'].flatMap((l) => [`${l}.weight`, `${l}.bias`]);
  const rates = new Rates(recipe, names);
  /** What one step does to parameters of 1 with gradients of 1: the decay shows as a part in two thousand. */
  const step = (epoch: number) => {
    const params = Object.fromEntries(names.map((name) => [name, tensor([1], { shape: [1] })]));
    const grads = Object.fromEntries(names.map((name) => [name, tensor([1], { shape: [1] })]));
    const optimiser = sgd(params, { lr: schedule.rate(epoch), momentum: 0.9, weightDecay: recipe.weightDecay });
    const frozen = rates.apply(optimiser, epoch, schedule.factor(epoch));
    // A fresh optimiser must be told although the rates are those of the step before.
    optimiser.setGroups(rates.at(epoch, schedule.factor(epoch)));
    optimiser.apply(grads);
    const moved = Object.fromEntries(
      Object.entries(optimiser.state().momentum).map(([name, v]) => [name, -v.dataSync()[0]!]),
    );
    optimiser.dispose();
    for (const t of [...Object.values(params), ...Object.values(grads)]) t.dispose();
    return { moved, frozen: [...frozen] };
  };
  const near = (actual: number, expected: number) => expect(actual / expected).toBeCloseTo(1, 5);
  for (const [epoch, lr, conv1, conv1Bias] of [
    [0, 1e-2, 1e-2, 0.02],
    [24.99, 1e-2, 1e-2, 0.02],
    [25, 1e-3, 1e-3, 0.02],
    [66.9, 1e-4, 1e-4, 0.02],
    [67, 1e-4, 1e-5, 0.02],
  ] as const) {
    const { moved, frozen } = step(epoch);
    near(moved['conv2a.weight']!, lr * 1.0005);
    near(moved['fc8.bias']!, 0.02);
    for (const column of ['a', 'b']) {
      near(moved[`conv1${column}.weight`]!, conv1 * 1.0005);
      near(moved[`conv1${column}.bias`]!, conv1Bias);
    }
    expect(frozen).toEqual([]);
  }
  const late = step(79);
  near(late.moved['conv2a.weight']!, 1e-5 * 1.0005);
  expect(late.moved['conv1b.weight']).toBeCloseTo(0, 12);
  expect(late.frozen.sort()).toEqual(['conv1a.bias', 'conv1a.weight', 'conv1b.bias', 'conv1b.weight']);
});

test("a file's rates are for its batch, a smaller one lowers them; rates of the command line stay as they are", () => {
  const own = file('rates', {
    lr: 0.04,
    batch: 64,
    groups: [
      { match: 'fc8', lr: 0.4 },
      { match: 'conv1', frozen: true },
    ],
  });
  const rates = (recipe: string, options: Parameters<typeof recipeOf>[0]) => {
    const { lr, biasLr, batch, groups } = resolveRecipe({ data: 'x', ...recipeOf({ recipe, ...options }) });
    return [batch, lr, biasLr, groups.map((g) => g.lr)];
  };
  expect(rates(own, {})).toEqual([64, 0.04, null, [0.4, undefined]]);
  expect(rates(own, { batch: '16' })).toEqual([16, 0.01, null, [0.1, undefined]]);
  expect(rates(own, { set: ['batch=16'] })).toEqual([16, 0.01, null, [0.1, undefined]]);
  expect(rates(own, { batch: '128' })).toEqual([128, 0.04, null, [0.4, undefined]]);
  expect(rates(own, { batch: '16', lr: ['0.04', 'fc6=0.2'] })).toEqual([16, 0.04, null, [0.1, undefined, 0.2]]);
  expect(rates(own, { batch: '16', set: ['lr=0.03', 'biasLr=0.06'] })).toEqual([16, 0.03, 0.06, [0.1, undefined]]);
  expect(rates('layers-145', { batch: '32' })).toEqual([32, 0.0025, 0.005, [0.0000025, undefined]]);
  // as without the file, the preset's own
  const preset = resolveRecipe({ data: 'x', preset: 'layers-145', batch: 32 });
  expect([preset.lr, preset.biasLr, preset.groups.map((g) => g.lr)]).toEqual([0.0025, 0.005, [0.0000025, undefined]]);
  // a file that leaves the batch out means the usual one
  expect(rates(file('plain', { lr: 0.08 }), { batch: '32' })[1]).toBe(0.02);
});

test('a group that matches nothing, and wrong keys in a group, are named', () => {
  const names = ['conv1a.weight', 'conv1a.bias', 'fc8.weight', 'fc8.bias'];
  const recipe = (groups: unknown) => resolveRecipe({ data: 'x', groups });
  expect(() => new Rates(recipe([{ match: 'conv9' }]), names)).toThrow(
    "recipe: groups[0].match 'conv9' is none of the layers conv1, fc8, nor weight or bias of one",
  );
  expect(() => recipe([{ match: 'conv1', frozn: true }])).toThrow(
    "recipe: there is no key 'groups.0.frozn'; did you mean 'groups.0.frozen'? 'groups.0' has match, from, until,",
  );
  const rates = new Rates(
    recipe([
      { match: 'fc*', lr: 1 },
      { match: '*.bias', frozen: true },
      { match: 'fc8.bias', frozen: false, until: 2 },
    ]),
    names,
  );
  expect(rates.at(0, 0.5).map((g) => [String(g.match), g.lr, g.frozen])).toEqual([
    ['*.bias', undefined, undefined],
    [String(/^fc.*[ab]?\.(weight|bias)$/), 0.5, undefined],
    [String(/^.*[ab]?\.bias$/), undefined, true],
    [String(/^fc8[ab]?\.bias$/), undefined, false],
  ]);
});

test('a wrong recipe file is one line that names file and key, with exit status 2', async () => {
  for (const [recipe, message] of [
    [
      'papers',
      /^convtape: --recipe: there is no recipe 'papers'; did you mean 'paper'\? there are cifar10, fashion, .*, or a file's path\n$/,
    ],
    [
      join(folder, 'none.json'),
      /^convtape: --recipe: .*none\.json cannot be read: no such file or folder \(ENOENT\)\n$/,
    ],
    [file('torn', '{"lr": '), /torn\.json cannot be read: .*JSON/],
    [file('list', []), /list\.json must hold an object/],
    [
      file('slip', { schedule: { kind: 'plateau', patiense: 3 } }),
      /slip\.json: there is no key 'schedule\.patiense'; did you mean 'schedule\.patience'\?/,
    ],
    [file('share', { dropout: 1 }), /share\.json: dropout must be a number of at least 0, below 1, got 1/],
    [file('wide', { width: 0 }), /wide\.json: width must be a number above 0, at most 16, got 0/],
    [file('range', { momentum: 2 }), /range\.json: momentum must be a number from 0 to 1, got 2/],
  ] as [string, RegExp][]) {
    const result = await convtape(
      'train',
      '--recipe',
      recipe,
      '--data',
      'fashion-mnist',
      '--out',
      join(folder, 'never'),
    );
    expect(result.err).toMatch(message);
    expect(result.status).toBe(2);
  }
});
