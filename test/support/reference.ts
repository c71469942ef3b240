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
  const outHeight = Math.floor((s.height + 2 * s.paddingHeight - s.kernelHeight) / s.strideHeight) + 1;
  const outWidth = Math.floor((s.width + 2 * s.paddingWidth - s.kernelWidth) / s.strideWidth) + 1;
  const channels = s.channels / s.groups;
  const filters = s.filters / s.groups;
  const y = new Float64Array(s.batch * s.filters * outHeight * outWidth);
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(weight.length);
  const dbias = new Float64Array(s.filters);
  let at = 0;
  for (let n = 0; n < s.batch; n++)
    for (let k = 0; k < s.filters; k++)
      for (let i = 0; i < outHeight; i++)
        for (let j = 0; j < outWidth; j++, at++) {
          const dy = dyOf(at);
          let sum = bias[k]!;
          dbias[k]! += dy;
          for (let c = 0; c < channels; c++)
            for (let r = 0; r < s.kernelHeight; r++) {
              const row = i * s.strideHeight + r - s.paddingHeight;
              if (row < 0 || row >= s.height) continue;
              for (let q = 0; q < s.kernelWidth; q++) {
                const column = j * s.strideWidth + q - s.paddingWidth;
                if (column < 0 || column >= s.width) continue;
                const group = Math.floor(k / filters);
                const from = ((n * s.channels + group * channels + c) * s.height + row) * s.width + column;
                const w = ((k * channels + c) * s.kernelHeight + r) * s.kernelWidth + q;
                sum += x[from]! * weight[w]!;
                dx[from]! += dy * weight[w]!;
                dweight[w]! += dy * x[from]!;
              }
            }
          y[at] = sum;
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
