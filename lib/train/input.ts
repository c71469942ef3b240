// What stands between a data set and a network: which part of an image, minus what, times what. A run keeps these facts in its checkpoint, so
// that images can be shown to it later without the data set it learned from.
import { noGrad } from '../autograd/tape';
import { type ColourComponents, colourNoise, imagenetComponents } from '../data/colour';
import { channelMeans, type Dataset, limitSplit, meanImage, type Split, sliceSplit } from '../data/dataset';
import { type Batch, Loader, type LoaderOptions } from '../data/loader';
import { cropImages } from '../ops';
import { tensor } from '../tensor/create';
import type { Device } from '../tensor/device';
import { scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import type { Recipe } from './recipe';

export interface InputFacts {
  /** Names of the classes, in the order of the network's outputs. */
  readonly classes: readonly string[];
  readonly channels: number;
  /** Stored images, in pixels. */
  readonly height: number;
  readonly width: number;
  /** Height and width of what the network reads. */
  readonly size: number;
  /** Factor after the mean is taken out. */
  readonly scale: number;
  /** What is taken from the bytes: a value a pixel (channels × height × width), or a channel, or none. */
  readonly mean: Float32Array;
}

/** Stored and network sizes of a model for a data set whose images may be asked for at any size (folders), or have one (`stored`). */
export function imageSizes(model: Recipe['model'], stored?: number): { stored: number; size: number } {
  if (model === 'alexnet') return { stored: stored ?? 256, size: 227 };
  return { stored: stored ?? 32, size: (stored ?? 32) < 32 ? 28 : 32 };
}

/** The images a run learns from, and those it watches its error on. */
export interface Splits {
  readonly train: Split;
  readonly watched: Split;
  readonly watchedName: 'validation' | 'test';
}

/** @throws RangeError where nothing is left to train on. */
export function chooseSplits(dataset: Dataset, recipe: Recipe): Splits {
  const limit = (split: Split, n: number | null) => (n === null ? split : limitSplit(split, n));
  if (dataset.validation)
    return {
      train: limit(dataset.train, recipe.trainLimit),
      watched: limit(dataset.validation, recipe.testLimit),
      watchedName: 'validation',
    };
  const whole = limit(dataset.train, recipe.trainLimit);
  const wanted = recipe.validation ?? (recipe.schedule.kind === 'plateau' ? 0.1 : 0);
  const held = wanted > 0 && wanted < 1 ? Math.max(1, Math.floor(whole.length * wanted)) : Math.floor(wanted);
  if (held === 0) return { train: whole, watched: limit(dataset.test, recipe.testLimit), watchedName: 'test' };
  if (held >= whole.length)
    throw new RangeError(
      `validation holds ${held} images out, and there are ${whole.length} to train on; set a smaller validation, or 0`,
    );
  const rest = whole.length - held;
  return {
    train: sliceSplit(whole, 0, rest),
    watched: limit(sliceSplit(whole, rest), recipe.testLimit),
    watchedName: 'validation',
  };
}

/** The facts of a new run; reads every training image where the recipe wants their mean. */
export async function inputFacts(
  dataset: Dataset,
  train: Split,
  recipe: Recipe,
  progress?: (done: number) => void,
): Promise<InputFacts> {
  const { channels, height, width, classes } = dataset;
  let mean: Float32Array = new Float32Array(channels);
  if (recipe.input.mean !== 'none') {
    const image = await meanImage(train, progress);
    mean = recipe.input.mean === 'image' ? image : channelMeans(image, channels);
  }
  const { size } = imageSizes(recipe.model, height);
  return { classes, channels, height, width, size, scale: recipe.input.scale, mean };
}

/** @param colours of the training images, where the data set knows them */
export function trainLoader(
  facts: InputFacts,
  split: Split,
  recipe: Recipe,
  colours: ColourComponents = imagenetComponents,
): Loader {
  const { crop, pad, mirror, erase, share, colour, colourUntil } = recipe.augmentation;
  return new Loader(facts, split, {
    ...common(facts, recipe.batch),
    seed: recipe.seed,
    shuffle: true,
    view: 'random',
    crop,
    pad: crop ? pad : 0,
    mirror,
    erase,
    share,
    ...(colour > 0 && facts.channels === 3
      ? {
          colour: {
            ...colourNoise(colours, recipe.preset),
            std: colour,
            ...(colourUntil === null ? {} : { until: colourUntil }),
          },
        }
      : {}),
  });
}

/**
 * Batches of a split in its own order, each image once or in the text's ten views. Where training windows reached into a border, the ten
 * views' corners do as well: they are windows of the same kind.
 */
export function testLoader(facts: InputFacts, split: Split, batch: number, tenCrop?: Recipe['augmentation']): Loader {
  if (!tenCrop) return new Loader(facts, split, { ...common(facts, batch), view: 'centre' });
  const images = Math.max(1, Math.round(batch / 10));
  const pad = tenCrop.crop ? tenCrop.pad : 0;
  return new Loader(facts, split, { ...common(facts, images), view: 'ten-crop', pad });
}

function common(facts: InputFacts, batch: number): LoaderOptions {
  return { batch, size: facts.size, mean: facts.mean, scale: facts.scale, views: 'device' };
}

/**
 * A batch as a network reads it, (count · views) × channels × size × size on the device: where the loader left the views to it, made
 * there from the stored bytes by `ops.cropImages`.
 */
export function batchImages(loader: Loader, batch: Batch, device: Device): Tensor<[number, number, number, number]> {
  const [channels, ...size] = loader.shape;
  const { views, count, windows, shifts } = batch;
  if (!windows)
    return tensor(batch.images as Float32Array, {
      shape: [count * views, channels, ...size] as [number, number, number, number],
      device,
    });
  using s = scope();
  const { height, width } = loader.stored;
  const x = tensor(batch.images as Uint8Array, { shape: [count, channels, height, width], dtype: 'u8', device });
  const places = tensor(windows, { shape: [count * views, 3], dtype: 'i32', device });
  const shift = shifts ? tensor(shifts, { shape: [count, channels], device }) : null;
  const { mean: values, scale } = loader;
  const mean = values
    ? tensor(values, { shape: values.length === channels ? [channels] : [channels, height, width], device })
    : null;
  return s.keep(noGrad(() => cropImages(x, places, { size, views, mean, shift, scale })));
}
