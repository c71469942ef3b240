// Gradients against finite differences, in float32.
//
// With L = Σ dy·y for a fixed random dy, the tape's dL/dx is compared, element by element, with Σ dy·(y(x+h) − y(x−h)) / 2h. Only y
// is float32; the difference and the sum are float64. What is left of rounding is that of y itself: half a unit in the last place of
// y, divided by 2h. So h cannot be small (default: 2⁻⁸·max(1, |x|), which balances it against the h²/6·y''' of the method), and the
// tolerance has three parts:
//   atol + rtol · (largest gradient element of this input) + (4 units in the last place of the y that moved) · |dy| / 2h
// The second is relative to the input's largest element, not to each element: a small element next to large ones carries their rounding.
// Where the slopes to the left and to the right differ by more than that there is a kink (relu at 0, a maximum's tie), and the tape may
// give either of them.
import type { Shape } from '../shape/shape';
import { checkOptions, show } from '../tensor/checks';
import { scope } from '../tensor/scope';
import { empty, Tensor } from '../tensor/tensor';
import type { AnyTensor } from './operator';
import { noGrad, type Params, tape } from './tape';

export interface GradcheckOptions {
  /** Step, relative to max(1, |x|). Default 2⁻⁸. */
  eps?: number;
  /** Default 1e-3. */
  atol?: number;
  /** Relative to the largest gradient element of the input. Default 5e-3. */
  rtol?: number;
  /** Elements checked of each input, drawn by a fixed seed where it has more. Default 128. */
  maxElements?: number;
}

export interface GradcheckResult {
  /** Elements compared. */
  readonly elements: number;
  /** The comparison that came nearest to its tolerance; `used` is the share of the tolerance it used up. */
  readonly worst: {
    readonly input: string;
    readonly index: readonly number[];
    readonly numeric: number;
    readonly analytic: number;
    readonly used: number;
  };
}

/** Uniform numbers in [0, 1) (mulberry32): the same for the same seed. */
export function hostRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Compares the gradients of `fn` with finite differences. `inputs` is an array (then `fn(...inputs)` is called) or a record
 * (`fn(inputs)`); every f32 input is checked, others are passed on. `fn` may return any shape, and must give the same values for the
 * same inputs (dropout needs its seed).
 * @throws Error naming the input, the index and both numbers where they differ.
 */
export function gradcheck<const P extends readonly Tensor<any, any>[]>(
  fn: (...inputs: P) => Tensor<any>,
  inputs: P,
  options?: GradcheckOptions,
): Promise<GradcheckResult>;
export function gradcheck<P extends Readonly<Record<string, Tensor<any, any>>>>(
  fn: (inputs: P) => Tensor<any>,
  inputs: P,
  options?: GradcheckOptions,
): Promise<GradcheckResult>;
export async function gradcheck(
  fn: (...inputs: any[]) => Tensor<any>,
  inputs: Params,
  options?: GradcheckOptions,
): Promise<GradcheckResult> {
  if (typeof fn !== 'function') throw new TypeError(`gradcheck: takes a function, got ${show(fn)}`);
  if (typeof inputs !== 'object' || inputs === null || inputs instanceof Tensor)
    throw new TypeError(`gradcheck: inputs must be an array or a record of tensors, got ${show(inputs)}`);
  const given = checkOptions('gradcheck', options, ['eps', 'atol', 'rtol', 'maxElements']);
  const eps = setting('eps', given.eps, 2 ** -8);
  const atol = setting('atol', given.atol, 1e-3);
  const rtol = setting('rtol', given.rtol, 5e-3);
  const maxElements = setting('maxElements', given.maxElements, 128);
  const names = Object.keys(inputs);
  const tensors = Object.values(inputs) as AnyTensor[];
  tensors.forEach((t, i) => {
    if (!(t instanceof Tensor)) throw new TypeError(`gradcheck: input ${names[i]} must be a Tensor, got ${show(t)}`);
    t.storage('gradcheck');
  });
  const checked = tensors.flatMap((t, i) => (t.dtype === 'f32' ? [i] : []));
  if (checked.length === 0) throw new TypeError('gradcheck: no input is f32');
  const call = (list: readonly AnyTensor[]): AnyTensor => {
    const y: unknown = Array.isArray(inputs) ? fn(...list) : fn(Object.fromEntries(list.map((t, i) => [names[i], t])));
    if (!(y instanceof Tensor)) throw new TypeError(`gradcheck: fn must return a Tensor, got ${show(y)}`);
    if (y.dtype !== 'f32') throw new TypeError(`gradcheck: fn must return an f32 tensor, got ${y.dtype} [${y.shape}]`);
    return y;
  };

  /** fn's values where input `which` holds `values`. */
  const evaluate = async (which: number, values: Float32Array): Promise<Float32Array> => {
    let y: AnyTensor;
    {
      using s = scope();
      const probe = empty(tensors[which]!.shape, tensors[which]!.device).copyFrom(values);
      y = noGrad(() => call(tensors.map((t, i) => (i === which ? probe : t))));
      s.keep(y);
    }
    try {
      return (await y.data()) as Float32Array;
    } finally {
      if (!tensors.includes(y)) y.dispose();
    }
  };

  const random = hostRandom(1);
  const { y0, dy, analytic } = await differentiate(call, tensors, checked, random);
  let elements = 0;
  let worst: GradcheckResult['worst'] | undefined;
  for (const which of checked) {
    const name = Array.isArray(inputs) ? names[which]! : `'${names[which]}'`;
    const { shape } = tensors[which]!;
    const x = (await tensors[which]!.data()) as Float32Array;
    const again = await evaluate(which, x);
    if (again.some((v, i) => !Object.is(v, y0[i])))
      throw new Error('gradcheck: fn gave other values for the same inputs (dropout without a seed?)');
    const gradient = analytic[checked.indexOf(which)] ?? new Float32Array(x.length);
    const scale = gradient.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    for (const i of choose(x.length, maxElements, random)) {
      const h = eps * Math.max(1, Math.abs(x[i]!));
      const at = (value: number) => {
        const moved = x.slice();
        moved[i] = value;
        return evaluate(which, moved);
      };
      const [low, high] = [Math.fround(x[i]! - h), Math.fround(x[i]! + h)];
      const [yLow, yHigh] = [await at(low), await at(high)];
      const numeric = slope(dy, yLow, yHigh, high - low);
      const tolerance = atol + rtol * Math.max(scale, Math.abs(numeric)) + rounding(dy, yLow, yHigh, high - low);
      let error = Math.abs(gradient[i]! - numeric);
      if (!(error <= tolerance)) {
        const [left, right] = [slope(dy, yLow, y0, x[i]! - low), slope(dy, y0, yHigh, high - x[i]!)];
        if (Math.abs(left - right) > tolerance)
          error = Math.min(Math.abs(gradient[i]! - left), Math.abs(gradient[i]! - right));
      }
      elements++;
      const index = indexOf(i, shape);
      if (!(error <= tolerance))
        throw new Error(
          `gradcheck: input ${name} [${shape}] at [${index}]: finite differences give ${numeric}, the tape gives ${gradient[i]} (tolerance ${tolerance.toPrecision(3)})`,
        );
      if (!worst || error / tolerance > worst.used)
        worst = { input: names[which]!, index, numeric, analytic: gradient[i]!, used: error / tolerance };
    }
  }
  return { elements, worst: worst! };
}

async function differentiate(
  call: (list: readonly AnyTensor[]) => AnyTensor,
  tensors: readonly AnyTensor[],
  checked: readonly number[],
  random: () => number,
): Promise<{ y0: Float32Array; dy: Float32Array; analytic: (Float32Array | null)[] }> {
  let y: AnyTensor;
  let gradients: (AnyTensor | null)[];
  let dy: Float32Array;
  {
    using s = scope();
    using t = tape();
    y = s.keep(call(tensors));
    // Away from 0, so that no element of y goes unseen; both signs, so that errors do not cancel by symmetry.
    dy = Float32Array.from({ length: y.size }, () => (y.size === 1 ? 1 : (0.5 + random()) * (random() < 0.5 ? -1 : 1)));
    const seed = empty(y.shape, y.device).copyFrom(dy);
    const wanted = checked.map((i) => tensors[i]!);
    gradients = s.keep(t.gradients(y, wanted, { seed, allowUnused: true }));
  }
  try {
    const analytic: (Float32Array | null)[] = [];
    for (const g of gradients) analytic.push(g && ((await g.data()) as Float32Array));
    return { y0: (await y.data()) as Float32Array, dy, analytic };
  } finally {
    if (!tensors.includes(y)) y.dispose();
    for (const g of gradients) g?.dispose();
  }
}

function setting(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
    throw new RangeError(`gradcheck: ${name} must be a positive number, got ${show(value)}`);
  return value;
}

function slope(dy: Float32Array, low: Float32Array, high: Float32Array, width: number): number {
  let sum = 0;
  for (let j = 0; j < dy.length; j++) sum += dy[j]! * (high[j]! - low[j]!);
  return sum / width;
}

function rounding(dy: Float32Array, low: Float32Array, high: Float32Array, width: number): number {
  let sum = 0;
  for (let j = 0; j < dy.length; j++)
    if (low[j] !== high[j]) sum += Math.abs(dy[j]!) * Math.max(Math.abs(low[j]!), Math.abs(high[j]!));
  return (4 * 2 ** -23 * sum) / width;
}

/** All positions, or `limit` different ones of them in order. */
function choose(count: number, limit: number, random: () => number): number[] {
  if (count <= limit) return Array.from({ length: count }, (_, i) => i);
  const chosen = new Set<number>();
  while (chosen.size < limit) chosen.add(Math.floor(random() * count));
  return [...chosen].sort((a, b) => a - b);
}

function indexOf(position: number, shape: Shape): number[] {
  const index: number[] = [];
  for (let axis = shape.length - 1, rest = position; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return index;
}
