import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { Shape } from '../shape/shape';
import { checkOptions, show } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { requireFinite, requireInteger, requirePair } from './arguments';

export const cropImagesRule = rule<null>('cropImages', null);

export interface CropImagesOptions {
  /** Height and width of the windows. */
  size: number | readonly [number, number];
  /** Windows of each image. Default 1. */
  views?: number;
  /** Taken from the bytes: f32, a value a pixel (channels × height × width) or a channel. Default: nothing. */
  mean?: Tensor<any> | null;
  /** Added to the colours of an image after that: f32, batch × channels. Default: nothing. */
  shift?: Tensor<any> | null;
  /** Factor after both. Default 1. */
  scale?: number;
}

/**
 * What a network reads of stored bytes: windows of images, some mirrored, minus a mean, plus a shift of their colours, scaled:
 * y[m, c, i, j] = (x[n, c, top + i, left + j] − mean[c, top + i, left + j] + shift[n, c]) · scale with n = ⌊m/views⌋; j counts from the
 * right where the window is mirrored. Beside an image there is black (0), from which the mean of its nearest edge is taken. Computed in
 * float64 and rounded once, so every kind of device gives the same bits. Has no gradient.
 *
 * @param x u8, batch × channels × height × width
 * @param windows i32, (batch · views) × 3: top, left, and whether mirrored (0 or not); windows may reach beyond the image
 * @returns f32, (batch · views) × channels × size
 * @throws TypeError or RangeError where element types or shapes are not as above
 */
export function cropImages(
  x: Tensor<any, 'u8'>,
  windows: Tensor<any, 'i32'>,
  options: CropImagesOptions,
): Tensor<[number, number, number, number]> {
  const {
    size,
    views = 1,
    mean = null,
    shift = null,
    scale = 1,
  } = checkOptions('cropImages', options, ['size', 'views', 'mean', 'shift', 'scale']);
  const [outHeight, outWidth] = requirePair('cropImages', 'size', size, 1);
  requireInteger('cropImages', 'views', views, 1);
  requireFinite('cropImages', 'scale', scale);
  const inputs = [x, windows, ...(mean ? [mean] : []), ...(shift ? [shift] : [])];
  return apply(cropImagesRule, inputs, null, (device) => {
    const shape: Shape = x.shape;
    if (x.dtype !== 'u8' || shape.length !== 4)
      throw new TypeError(`cropImages: x must be u8 of batch × channels × height × width, got ${describe(x)}`);
    const [batch, channels, height, width] = shape as [number, number, number, number];
    demand('windows', windows, 'i32', [[batch * views, 3]]);
    if (mean) demand('mean', mean, 'f32', [[channels, height, width], [channels]]);
    if (shift) demand('shift', shift, 'f32', [[batch, channels]]);
    const y = empty([batch * views, channels, outHeight, outWidth], device);
    const kind = mean === null ? 'none' : mean.shape.length === 1 ? 'channel' : 'image';
    launch(
      'cropImages',
      { batch, channels, height, width, views, outHeight, outWidth, mean: kind, scale },
      [x, windows, mean, shift].map((t) => t?.storage('cropImages').native ?? null),
      [y.storage('cropImages').native],
    );
    return y;
  }) as Tensor<[number, number, number, number]>;
}

const describe = (t: Tensor<any, any>) => `${t.dtype} ${show([...t.shape])}`;

function demand(name: string, t: Tensor<any, any>, dtype: string, shapes: readonly number[][]): void {
  const fits = shapes.some((s) => s.length === t.shape.length && s.every((n, i) => n === t.shape[i]));
  if (t.dtype !== dtype || !fits)
    throw new TypeError(
      `cropImages: ${name} must be ${dtype} of shape ${shapes.map((s) => show(s)).join(' or ')}, got ${describe(t)}`,
    );
}
