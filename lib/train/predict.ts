import { DecodeError, Decoder } from '../data/images';
import { Loader } from '../data/loader';
import type { InferenceOptions } from '../models';
import { tensor } from '../tensor/create';
import { scope } from '../tensor/scope';
import { average } from './evaluate';
import type { LoadedRun } from './load_run';

export interface Prediction {
  /** The image file. */
  readonly image: string;
  /** The most probable classes, most probable first. */
  readonly top: readonly { readonly class: string; readonly probability: number }[];
}

/** An image that cannot be read. */
export class ImageError extends Error {
  constructor(
    readonly file: string,
    readonly reason: string,
    cause: unknown,
  ) {
    super(`${file} cannot be read as an image: ${reason}`, { cause });
  }
}

/**
 * The `top` most probable classes of image files, and those files that cannot be read as images; both in the files' order.
 * An image is cut to its central square, brought to the size that the run stores, and to grey where the run learned from grey images.
 */
export async function predict(
  run: LoadedRun,
  images: readonly string[],
  top: number,
  options: InferenceOptions = {},
): Promise<{ predictions: Prediction[]; unreadable: ImageError[] }> {
  const { facts } = run;
  const decoder = new Decoder(facts.height);
  const predictions: Prediction[] = [];
  const unreadable: ImageError[] = [];
  const group = 32;
  for (let start = 0; start < images.length; start += group) {
    const files: string[] = [];
    const pixels: Uint8Array[] = [];
    for (const decoded of await Promise.all(
      images.slice(start, start + group).map((file) => decode(decoder, file, facts.channels)),
    )) {
      if (decoded instanceof ImageError) unreadable.push(decoded);
      else {
        files.push(decoded.file);
        pixels.push(decoded.pixels);
      }
    }
    if (files.length === 0) continue;
    const split = {
      length: files.length,
      label: () => 0,
      pixels: (i: number) => pixels[i]!,
      source: (i: number) => files[i]!,
    };
    const loader = new Loader(facts, split, {
      batch: files.length,
      size: facts.size,
      mean: facts.mean,
      scale: facts.scale,
    });
    for await (const batch of loader.epoch(0)) {
      const logits = forward(run, batch.images as Float32Array, [batch.count, ...loader.shape], options);
      const probabilities = average([await logits], batch.count, [batch.views]);
      const classes = probabilities.length / batch.count;
      files.forEach((image, i) => {
        predictions.push({
          image,
          top: best(probabilities.subarray(i * classes, (i + 1) * classes), facts.classes, top),
        });
      });
    }
  }
  return { predictions, unreadable };
}

function forward(
  { model }: LoadedRun,
  images: Float32Array,
  shape: readonly number[],
  options: InferenceOptions,
): Promise<Float32Array> {
  using s = scope();
  const x = tensor(images, { shape: shape as [number, number, number, number], device: model.devices[0]! });
  const logits = model.forward(x, options).data();
  void s;
  return logits;
}

async function decode(decoder: Decoder, file: string, channels: number) {
  try {
    const colour = await decoder.decode(file);
    return { file, pixels: channels === 3 ? colour : grey(colour) };
  } catch (error) {
    // Anything else, such as a decoder that does not load, is no fault of this image.
    if (!(error instanceof DecodeError)) throw error;
    return new ImageError(file, error.message, error);
  }
}

/** Red, green and blue planes to one of brightness (ITU-R BT.601). */
function grey(planes: Uint8Array): Uint8Array {
  const area = planes.length / 3;
  return Uint8Array.from({ length: area }, (_, i) =>
    Math.round(0.299 * planes[i]! + 0.587 * planes[area + i]! + 0.114 * planes[2 * area + i]!),
  );
}

function best(probabilities: Float64Array, classes: readonly string[], top: number) {
  return [...probabilities.keys()]
    .sort((a, b) => probabilities[b]! - probabilities[a]! || a - b)
    .slice(0, top)
    .map((c) => ({ class: classes[c] ?? `class ${c}`, probability: probabilities[c]! }));
}
