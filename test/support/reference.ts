// Convolution and matrix product written as their definitions, in float64: slow, and easy to believe.
import type { ConvSizes } from '../../lib/native/kernels';

export interface ConvReference {
  y: Float64Array;
  dx: Float64Array;
  dweight: Float64Array;
  dbias: Float64Array;
  outHeight: number;
  outWidth: number;
}

/** Forward and all gradients in one walk over the products. `dyOf(i)` is dL/dy at element i. */
export function convReference(
  s: ConvSizes,
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  dyOf: (i: number) => number,
): ConvReference {
  const { height, width, kernelHeight, kernelWidth, strideHeight, strideWidth, paddingHeight, paddingWidth } = s;
  const outHeight = Math.floor((height + 2 * paddingHeight - kernelHeight) / strideHeight) + 1;
  const outWidth = Math.floor((width + 2 * paddingWidth - kernelWidth) / strideWidth) + 1;
  const channels = s.channels / s.groups;
  const filters = s.filters / s.groups;
  const y = new Float64Array(s.batch * s.filters * outHeight * outWidth);
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(weight.length);
  const dbias = new Float64Array(s.filters);
  let at = 0;
  for (let n = 0; n < s.batch; n++)
    for (let k = 0; k < s.filters; k++) {
      const first = n * s.channels + Math.floor(k / filters) * channels;
      for (let i = 0; i < outHeight; i++)
        for (let j = 0; j < outWidth; j++, at++) {
          const dy = dyOf(at);
          let sum = bias[k]!;
          dbias[k]! += dy;
          for (let c = 0; c < channels; c++)
            for (let r = 0; r < kernelHeight; r++) {
              const row = i * strideHeight + r - paddingHeight;
              if (row < 0 || row >= height) continue;
              const line = ((first + c) * height + row) * width;
              const tap = ((k * channels + c) * kernelHeight + r) * kernelWidth;
              for (let q = 0; q < kernelWidth; q++) {
                const column = j * strideWidth + q - paddingWidth;
                if (column < 0 || column >= width) continue;
                sum += x[line + column]! * weight[tap + q]!;
                dx[line + column]! += dy * weight[tap + q]!;
                dweight[tap + q]! += dy * x[line + column]!;
              }
            }
          y[at] = sum;
        }
    }
  return { y, dx, dweight, dbias, outHeight, outWidth };
}

/** a (m×k) times b (k×n), each given by a function of its indices. */
export function productReference(
  m: number,
  n: number,
  k: number,
  a: (i: number, l: number) => number,
  b: (l: number, j: number) => number,
): Float64Array {
  const y = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += a(i, l) * b(l, j);
      y[i * n + j] = sum;
    }
  return y;
}
