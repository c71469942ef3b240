// What a loader checks of its arguments.
import { requireFinite, requirePair } from '../ops/arguments';
import { checkBoolean, checkChoice, checkOptions, show } from '../tensor/checks';
import { checkNumbers, checkSplit, checkWhole } from './arguments';
import type { Dataset, Split } from './dataset';
import type { ColourNoise, LoaderOptions } from './loader';
import { checkDraw } from './order';
import type { Geometry } from './transform';

const KNOWN: readonly (keyof LoaderOptions)[] = [
  ...(['batch', 'seed', 'shuffle', 'last', 'size', 'pad', 'view', 'crop', 'mirror', 'erase', 'share'] as const),
  ...(['colour', 'mean', 'scale', 'dtype', 'views', 'prefetch'] as const),
];

/** Values in an image with its border: what a loader has to hold beside its batches. */
const LARGEST = 2 ** 30;

/** What a loader works with: copies, which a caller cannot change later. */
export function checkLoader(
  dataset: Pick<Dataset, 'channels' | 'height' | 'width'>,
  split: Split,
  options: LoaderOptions,
): { geometry: Geometry; settings: LoaderOptions } {
  const geometry = checkDataset(dataset);
  checkSplit('Loader', split);
  const settings = { ...checkOptions('Loader', options, KNOWN) } as LoaderOptions; // getters run here, once
  checkSettings(settings);
  const { channels, height, width } = geometry;
  const { batch, pad = 0, size = [height, width], dtype, mean, colour, scale = 1 } = settings;
  const [cropHeight, cropWidth] = requirePair('Loader', 'size', size, 1);
  if (cropHeight > height + 2 * pad || cropWidth > width + 2 * pad)
    throw new RangeError(
      `Loader: a ${cropHeight}×${cropWidth} crop does not fit in a ${height}×${width} image with a border of ${pad}`,
    );
  if (channels * (height + 2 * pad) * (width + 2 * pad) > LARGEST)
    throw new RangeError(
      `Loader: images of ${channels}×${height}×${width} with a border of ${pad} have more than ${LARGEST} values`,
    );
  if (split.length === 0) throw new RangeError('Loader: the split holds no images');
  if (dtype === 'u8' && (mean !== undefined || colour !== undefined || scale !== 1))
    throw new RangeError("Loader: dtype 'u8' leaves the bytes as they are; mean, scale and colour need 'f32'");
  if (dtype === 'u8' && settings.views === 'device')
    throw new RangeError("Loader: dtype 'u8' is for views made on the host; on a device cropImages gives f32");
  if (settings.last === 'drop' && split.length < batch)
    throw new RangeError(`Loader: ${split.length} images are fewer than a batch of ${batch}, and last is 'drop'`);
  if (mean !== undefined) settings.mean = checkMean(mean, channels, channels * height * width);
  if (colour !== undefined) settings.colour = checkColour(colour, channels);
  return { geometry: { channels, height, width, pad, cropHeight, cropWidth }, settings };
}

function checkDataset(dataset: unknown): Pick<Dataset, 'channels' | 'height' | 'width'> {
  if (dataset === null || typeof dataset !== 'object')
    throw new TypeError(`Loader: the data set must be an object with channels, height and width, got ${show(dataset)}`);
  const { channels, height, width } = dataset as Partial<Dataset>;
  checkWhole('Loader', "the data set's channels", channels, 1);
  checkWhole('Loader', "the data set's height", height, 1);
  checkWhole('Loader', "the data set's width", width, 1);
  return { channels, height, width };
}

function checkSettings(settings: LoaderOptions): void {
  checkWhole('Loader', 'batch', settings.batch, 1);
  const { seed = 0, pad = 0, share = 1, prefetch = 1, scale = 1 } = settings;
  checkWhole('Loader', 'pad', pad, 0);
  checkWhole('Loader', 'share', share, 1);
  checkWhole('Loader', 'prefetch', prefetch, 0);
  checkDraw('Loader', seed, 0);
  requireFinite('Loader', 'scale', scale);
  const { erase = 0 } = settings;
  requireFinite('Loader', 'erase', erase);
  if (erase < 0 || erase > 1) throw new RangeError(`Loader: erase must be from 0 to 1, got ${erase}`);
  for (const name of ['shuffle', 'crop', 'mirror'] as const)
    if (settings[name] !== undefined) checkBoolean('Loader', name, settings[name]);
  const { last = 'keep', view = 'centre', dtype = 'f32', views = 'host' } = settings;
  checkChoice('Loader', 'last', last, ['keep', 'drop']);
  checkChoice('Loader', 'view', view, ['random', 'centre', 'ten-crop']);
  checkChoice('Loader', 'dtype', dtype, ['f32', 'u8']);
  checkChoice('Loader', 'views', views, ['host', 'device']);
}

function checkMean(mean: unknown, channels: number, pixels: number): Float32Array {
  const values = checkNumbers('Loader', 'mean', mean);
  if (values.length !== channels && values.length !== pixels)
    throw new RangeError(
      `Loader: mean must have ${channels} values (one a channel) or ${pixels} (one a pixel), got ${values.length}`,
    );
  return Float32Array.from(values);
}

function checkColour(colour: ColourNoise, channels: number): ColourNoise {
  if (colour === null || typeof colour !== 'object')
    throw new TypeError(`Loader: colour must be what colourNoise gives, got ${show(colour)}`);
  const { vectors, magnitudes, std = 0.1, until } = colour;
  if (!Array.isArray(vectors) || !Array.isArray(magnitudes))
    throw new TypeError(`Loader: colour must have arrays of vectors and magnitudes, got ${show(colour)}`);
  if (vectors.length > 3 || vectors.length !== magnitudes.length)
    throw new RangeError(
      `Loader: colour takes up to 3 vectors with a magnitude each, got ${vectors.length} and ${magnitudes.length}`,
    );
  const numbers = (name: string, given: unknown) => {
    const list = checkNumbers('Loader', name, given);
    for (const [i, v] of list.entries()) requireFinite('Loader', `${name}[${i}]`, v);
    return list;
  };
  const checked = Array.from(vectors, (vector, i) => numbers(`colour's vectors[${i}]`, vector));
  for (const { length } of checked)
    if (length !== channels)
      throw new RangeError(`Loader: a colour vector has one value for each of ${channels} channels, got ${length}`);
  requireFinite('Loader', "colour's std", std);
  if (until !== undefined && until !== Number.POSITIVE_INFINITY) checkWhole('Loader', "colour's until", until, 0);
  return {
    vectors: checked,
    magnitudes: numbers("colour's magnitudes", magnitudes),
    std,
    ...(until !== undefined && { until }),
  };
}
