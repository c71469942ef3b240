// The text's colour noise: principal components of the colours of the training images, and how much of each is added.
import { checkChoice, show } from '../tensor/checks';
import { checkNumbers, checkPixels, checkSplit, checkWhole } from './arguments';
import type { Split } from './dataset';
import type { ColourNoise } from './loader';

export interface ColourComponents {
  /** Orthonormal, of falling deviation; each with one value a channel. */
  readonly vectors: readonly (readonly number[])[];
  /** Standard deviations of the colours along them, in the units of the bytes. */
  readonly deviations: readonly number[];
}

/** Of the ImageNet training images, as the authors' own tools publish them (meta data of cuda-convnet2). */
export const imagenetComponents: ColourComponents = {
  vectors: [
    [-0.5635, -0.5762, -0.592],
    [-0.7126, -0.0235, 0.7012],
    [0.418, -0.817, 0.3973],
  ],
  deviations: [121.78, 37.09, 19.72],
};

/**
 * Principal components of all pixels of a split: eigenvectors of the covariance of the channels. The sums are of whole numbers and exact.
 * @param channels at most 3, as ColourNoise takes them
 */
export async function colourComponents(split: Split, channels: number): Promise<ColourComponents> {
  checkSplit('colourComponents', split);
  checkWhole('colourComponents', 'channels', channels, 1, 3);
  if (split.length === 0) throw new RangeError('colourComponents: the split holds no images');
  const sums = new Float64Array(channels);
  const products = new Float64Array(channels * channels);
  let count = 0;
  for (let i = 0; i < split.length; i++) {
    const got = split.pixels(i);
    const pixels = ArrayBuffer.isView(got) ? got : await got;
    checkPixels('colourComponents', i, pixels);
    const area = pixels.length / channels;
    if (!Number.isInteger(area) || area === 0)
      throw new RangeError(
        `colourComponents: the ${pixels.length} bytes of image ${i} do not divide into ${channels} channels`,
      );
    count += area;
    for (let a = 0; a < channels; a++) {
      for (let k = 0; k < area; k++) sums[a]! += pixels[a * area + k]!;
      for (let b = a; b < channels; b++) {
        let sum = 0;
        for (let k = 0; k < area; k++) sum += pixels[a * area + k]! * pixels[b * area + k]!;
        products[a * channels + b]! += sum;
      }
    }
  }
  const covariance = Array.from({ length: channels }, (_, a) =>
    Array.from({ length: channels }, (_, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      return products[low * channels + high]! / count - (sums[a]! / count) * (sums[b]! / count);
    }),
  );
  return principalComponents(covariance);
}

/** Eigenvectors of a covariance, of falling deviation. */
export function principalComponents(covariance: readonly (readonly number[])[]): ColourComponents {
  const { values, vectors } = symmetricEigen(covariance);
  const order = values.map((_, i) => i).sort((i, j) => values[j]! - values[i]!);
  return {
    vectors: order.map((i) => vectors[i]!),
    deviations: order.map((i) => Math.sqrt(Math.max(0, values[i]!))),
  };
}

/**
 * The noise of a preset. The text adds Σ p_i α_i λ_i with λ the eigenvalues and α ~ N(0, 0.1); it does not say of which scale, and only
 * pixels from 0 to 1 give small numbers, so that is what `paper` takes. The 2012 code (`layers-145`) adds the standard deviations of
 * the bytes, times the same α, and divides the data by 1.1 afterwards: give the loader `scale: 1 / 1.1`.
 */
export function colourNoise(components: ColourComponents, preset: 'paper' | 'layers-145'): ColourNoise {
  const { vectors, deviations } = checkComponents(components);
  checkChoice('colourNoise', 'preset', preset, ['paper', 'layers-145']);
  const magnitudes = deviations.map((d) => (preset === 'paper' ? (d / 255) ** 2 * 255 : d));
  return { vectors, magnitudes, std: 0.1 };
}

function checkComponents(components: unknown): ColourComponents {
  if (components === null || typeof components !== 'object')
    throw new TypeError(`colourNoise: components must be what colourComponents gives, got ${show(components)}`);
  const { vectors, deviations } = components as Partial<ColourComponents>;
  if (!Array.isArray(vectors) || !Array.isArray(deviations))
    throw new TypeError(`colourNoise: components must have arrays of vectors and deviations, got ${show(components)}`);
  if (vectors.length > 3 || vectors.length !== deviations.length)
    throw new RangeError(
      `colourNoise: components are up to 3 vectors with a deviation each, got ${vectors.length} and ${deviations.length}`,
    );
  return {
    vectors: Array.from(vectors, (vector, i) => checkNumbers('colourNoise', `vectors[${i}]`, vector)),
    deviations: checkNumbers('colourNoise', 'deviations', deviations),
  };
}

/** Eigenvalues and orthonormal eigenvectors (rows) of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, 8.5). */
function symmetricEigen(matrix: readonly (readonly number[])[]): { values: number[]; vectors: number[][] } {
  const n = matrix.length;
  const a = matrix.map((row) => row.slice());
  const v = matrix.map((_, i) => matrix.map((_, j) => (i === j ? 1 : 0)));
  const scale = Math.max(...a.flat().map(Math.abs));
  // each sweep squares the off-diagonal; eight leave nothing of it in a 3×3 matrix
  for (let sweep = 0; sweep < 8; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p]![q]!) <= 1e-300 + 1e-18 * scale) continue;
        const tau = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
        const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
        const c = 1 / Math.sqrt(1 + t * t);
        rotate(a, v, p, q, c, t * c);
      }
  return { values: a.map((row, i) => row[i]!), vectors: v };
}

/** a ← JᵀaJ and v ← Jᵀv with the rotation J of the plane (p, q). */
function rotate(a: number[][], v: number[][], p: number, q: number, c: number, s: number): void {
  for (const row of a) [row[p], row[q]] = [c * row[p]! - s * row[q]!, s * row[p]! + c * row[q]!];
  for (const m of [a, v])
    for (let k = 0; k < m.length; k++)
      [m[p]![k], m[q]![k]] = [c * m[p]![k]! - s * m[q]![k]!, s * m[p]![k]! + c * m[q]![k]!];
}
