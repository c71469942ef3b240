// The defaults of a recipe: the text's run, and what models and presets change in it.
import { netDefaults, smallPixels } from '../models/spec';
import type { modelNames, Recipe, RecipeInput } from './recipe_schema';

// The text's run.
export const alexnet: Omit<Recipe, 'data' | 'devices'> = {
  model: 'alexnet',
  ...netDefaults,
  classes: null,
  batch: 128,
  epochs: 90,
  lr: 0.01,
  momentum: 0.9,
  weightDecay: 0.0005,
  biasLr: null,
  biasWeightDecay: null,
  groups: [],
  seed: 0,
  schedule: { kind: 'plateau', patience: 3, factor: 0.1, drops: 3, latest: [], warmup: 0 },
  average: 0,
  init: { from: null, reset: [], weightStd: null },
  input: { mean: 'image', scale: 1 },
  augmentation: { crop: true, pad: 0, mirror: true, erase: 0, share: 1, colour: 0.1, colourUntil: null },
  trainLimit: null,
  testLimit: null,
  validation: null,
  checkpointSteps: 0,
  checkpointMinutes: 10,
  checkpointKeep: 1,
  evalEpochs: 1,
  evalSteps: 0,
  logSteps: 10,
  norms: false,
  tensorboard: true,
  precision: 'f32',
};

/** Defaults of a model; `preset` and the rest override them. */
export const defaults: Record<(typeof modelNames)[number], RecipeInput> = {
  alexnet: {},
  'alexnet-small': {
    epochs: 10,
    lr: 0.05,
    // At this rate from the first step on, as many as half the maps of conv2 and conv3 can end up without an answer to any image.
    schedule: { kind: 'cosine', warmup: 0.5, final: 0 },
    input: { scale: 1 / smallPixels },
    augmentation: { colour: 0 },
    logSteps: 50,
  },
};

// What the 2012 code's configuration changes in the run itself: its biases had a rate of their own, never lowered, and no decay; 32 images
// shared a window; the colour noise's spread was taken out again. Late in its run the colour noise ended, and conv1's weights slowed down and stopped.
export const presets: Record<Recipe['preset'], Partial<Record<Recipe['model'], RecipeInput>>> = {
  paper: {},
  'layers-145': {
    alexnet: {
      biasLr: 0.02,
      biasWeightDecay: 0,
      epochs: 91,
      schedule: { kind: 'steps', at: [25, 51, 79], factor: 0.1 },
      input: { scale: 1 / 1.1 },
      augmentation: { share: 32, colourUntil: 67 },
      groups: [
        { match: 'conv1.weight', from: 67, lr: 1e-5, scheduled: false },
        { match: 'conv1', from: 72, frozen: true },
      ],
    },
    'alexnet-small': { biasWeightDecay: 0 },
  },
};
