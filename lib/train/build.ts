// From a recipe to what a run is made of: network, optimiser.
import * as models from '../models';
import { type Sgd, sgd } from '../optim';
import { randn } from '../tensor/create';
import { device, devices } from '../tensor/device';
import { mixSeed } from '../tensor/random';
import { scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import type { InputFacts } from './input';
import { Rates } from './rates';
import { type Recipe, RecipeError } from './recipe';

/** Two GPUs, else one, else the CPU's two. */
export function defaultDevices(): string[] {
  const gpus = devices('cuda');
  return (gpus.length > 0 ? gpus : devices('cpu')).slice(0, 2).map((d) => d.name);
}

/** @throws RecipeError where the recipe's precision is one that a device of its does not compute in. */
export function checkPrecision({ precision, devices: names }: Recipe): void {
  if (precision === 'f32') return;
  const cpus = names.filter((name) => device(name).kind === 'cpu');
  if (cpus.length > 0)
    throw new RecipeError(
      `recipe: precision ${precision} is for GPUs alone, and ${cpus.join(' and ')} ${cpus.length > 1 ? 'are' : 'is'} none: give --devices cuda:0, or precision=f32`,
    );
}

/** What the seeds of a run are for. (The data loader draws from the run's own seed, in streams that no tensor uses.) */
const uses = { weights: 1, dropout: 2 } as const;

/** A seed that belongs to the run's; `index`: of the step it is for. */
export function seedOf(recipe: Recipe, use: keyof typeof uses, index = 0): number {
  return mixSeed(mixSeed(recipe.seed, uses[use]), index);
}

/** The recipe's network with its first weights. @throws RangeError where the images do not suit it. */
export function buildModel(recipe: Recipe, facts: InputFacts): models.ColumnNet {
  checkImages(recipe, facts);
  const classes = recipe.classes ?? facts.classes.length;
  if (classes < facts.classes.length)
    throw new RangeError(`recipe: classes is ${classes}, and the data set has ${facts.classes.length}`);
  const { preset, conv6, norm, pooling, dropout, width, filters, pooled } = recipe;
  const options = {
    devices: recipe.devices.map((name) => device(name)),
    classes,
    preset,
    conv6,
    norm,
    pooling,
    dropout,
    width,
    filters,
    pooled,
    seed: seedOf(recipe, 'weights'),
  };
  const model = netOf(recipe, options, facts);
  if (recipe.init.weightStd !== null) redraw(model, recipe.init.weightStd, seedOf(recipe, 'weights'));
  return model;
}

type Options = Parameters<typeof models.alexnet<number>>[0];

/** @throws RangeError where the network cannot read the images at all: said before a loader finds its window too large for them. */
export function checkImages({ model }: Recipe, facts: Pick<InputFacts, 'channels' | 'height' | 'width'>): void {
  if (model !== 'alexnet') return;
  if (facts.channels !== 3 || facts.height < 227 || facts.width < 227)
    throw new RangeError(
      `alexnet reads colour images of 227×227 and more; these are ${facts.channels}×${facts.height}×${facts.width} (--model alexnet-small reads those; prepare photographs with --size 256)`,
    );
}

/** @throws RecipeError where settings that are right each by itself make no net. */
function netOf(recipe: Recipe, options: Options, facts: InputFacts): models.ColumnNet {
  try {
    if (recipe.model === 'alexnet') return models.alexnet(options) as unknown as models.ColumnNet;
    return small(options, facts);
  } catch (error) {
    if (error instanceof RangeError) throw new RecipeError(error.message.replace(/^\w+:/, 'recipe:'), { cause: error });
    throw error;
  }
}

function small(options: Options, facts: InputFacts): models.ColumnNet {
  const size = facts.size === 28 ? 28 : 32;
  return models.alexnetSmall({ ...options, channels: facts.channels, size }) as unknown as models.ColumnNet;
}

/** Weights N(0, std²) in every layer; biases stay as the model has them. */
function redraw(model: models.ColumnNet, std: number, seed: number): void {
  using s = scope();
  Object.entries(model.params).forEach(([name, p], i) => {
    if (name.endsWith('.weight')) p.copyFrom(randn(p.shape, { std, seed: mixSeed(seed, 1000 + i), device: p.device }));
  });
  void s;
}

/** The recipe's optimiser: the text's update, with the rates and decays that single parameters have at the start. */
export function buildOptimiser(params: Readonly<Record<string, Tensor>>, recipe: Recipe): Sgd {
  const { lr, momentum, weightDecay } = recipe;
  return sgd(params, { lr, momentum, weightDecay, groups: new Rates(recipe, Object.keys(params)).at(0, 1) });
}
