// What max and average pooling share: their options and the geometry those imply.
import type { WindowSizes } from '../native/kernels';
import type { Pair, Shape } from '../shape/shape';
import { checkBoolean, checkOptions } from '../tensor/checks';
import { requirePair } from './arguments';
import { requireFloats } from './dense';

export interface Pool2dOptions<
  K extends Pair = Pair,
  S extends Pair | undefined = Pair | undefined,
  P extends Pair = Pair,
  C extends boolean = boolean,
> {
  /** Rows and columns of the window. */
  kernel: K;
  /** Step of the window; default: the kernel, so that windows do not overlap. */
  stride?: S;
  /** Rows and columns of padding on each side, at most half the kernel; default 0. */
  padding?: P;
  /** Round the output's size up: the last window may hang over the edge, but starts inside the image or its padding. Default false. */
  ceil?: C;
}

/** native/core/ops/window.h: sizes computed from windows then cannot overflow. */
const mostWindow = 2 ** 20;

/** @throws TypeError or RangeError whose message starts with `operator` */
export function poolSizes(operator: string, x: unknown, options: Pool2dOptions): WindowSizes {
  requireFloats(operator, 'x', x);
  if (x.rank !== 4) throw new RangeError(`${operator}: x must be N×C×H×W, got [${x.shape}]`);
  const { kernel, stride, padding, ceil } = checkOptions(operator, options, ['kernel', 'stride', 'padding', 'ceil']);
  const window = requirePair(operator, 'kernel', kernel, 1, mostWindow);
  const step = stride === undefined ? window : requirePair(operator, 'stride', stride, 1, mostWindow);
  const pad = padding === undefined ? [0, 0] : requirePair(operator, 'padding', padding, 0);
  if (ceil !== undefined) checkBoolean(operator, 'ceil', ceil);
  const [batch, channels, height, width] = x.shape as readonly [number, number, number, number];
  const outputs = [height, width].map((size, axis) => {
    if (2 * pad[axis]! > window[axis]!)
      throw new RangeError(
        `${operator}: padding [${pad}] must be at most half the kernel [${window}], x is [${x.shape as Shape}]`,
      );
    const last = (size + 2 * pad[axis]! - window[axis]!) / step[axis]!;
    const count = (ceil ? Math.ceil(last) : Math.floor(last)) + 1;
    // A window that would start beyond the image and its left padding is left out.
    return ceil && (count - 1) * step[axis]! >= size + pad[axis]! ? count - 1 : count;
  }) as [number, number];
  if (outputs[0] < 1 || outputs[1] < 1)
    throw new RangeError(
      `${operator}: the window [${window}] is larger than x [${x.shape as Shape}] with padding [${pad}]`,
    );
  return {
    planes: batch * channels,
    height,
    width,
    outHeight: outputs[0],
    outWidth: outputs[1],
    kernelHeight: window[0],
    kernelWidth: window[1],
    strideHeight: step[0],
    strideWidth: step[1],
    paddingHeight: pad[0]!,
    paddingWidth: pad[1]!,
  };
}
