// Whether a device computes what cpu:0 does: every sample call of every operator, values and gradients, and how fast.
import type { AnyTensor } from '../autograd/operator';
import { tape } from '../autograd/tape';
import { type Case, drawInputs } from '../ops/cases';
import { type OperatorName, registry } from '../ops/registry';
import { type Device, device } from '../tensor/device';
import { scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import { bytesOf, empty } from '../tensor/tensor';

/**
 * What ‖device − cpu‖ / ‖cpu‖ may be: kinds of device differ in the order of their sums and in the last bits of exp and log; the operators'
 * sums in the sample calls have at most a few thousand terms.
 */
export const SELFTEST_TOLERANCE = 5e-6;

export interface SelftestReport {
  readonly device: Device;
  readonly operator: OperatorName;
  readonly case: string;
  /** Of the inputs, then the output: `2×3, 3×4 → 2×4`. */
  readonly shapes: string;
  /** The largest relative error of the values and of all gradients; NaN where they could not be compared. */
  readonly error: number;
  readonly passed: boolean;
  /** Why it failed, where it did not run. */
  readonly failure: string | null;
  /** Of one forward call, the fastest of several. */
  readonly milliseconds: number;
  /** Of the forward call: `GFLOP/s` of operators that multiply and add, else `GB/s` of inputs and output. */
  readonly rate: number;
  readonly unit: 'GFLOP/s' | 'GB/s';
  /** The rate as a part of what the device's float32 units, or its memory, could do; null where that is not known. */
  readonly ofPeak: number | null;
}

export interface Outcome {
  readonly shape: readonly number[];
  readonly y: Float32Array | Int32Array | Uint8Array;
  readonly gradients: Readonly<Record<string, Float32Array>>;
  readonly shapes: string;
  readonly bytes: number;
  readonly flops: number;
}

/** Runs the sample calls of the operators on `on`, with `repeats` timed calls each; `onReport` hears of each call. */
export async function selftest(
  on: Device,
  operators: readonly OperatorName[],
  repeats: number,
  onReport: (report: SelftestReport) => void,
): Promise<void> {
  for (const operator of operators)
    for (const c of registry[operator].cases) onReport(await one(on, operator, c, repeats));
}

async function one(on: Device, operator: OperatorName, c: Case, repeats: number): Promise<SelftestReport> {
  const differentiable = registry[operator].rule?.gradient != null;
  const about = { device: on, operator, case: c.name };
  try {
    const expected = await outcome(operator, c, device('cpu:0'), differentiable);
    const actual = await outcome(operator, c, on, differentiable);
    const pairs = [
      [actual.y, expected.y],
      ...Object.entries(expected.gradients).map(([name, g]) => [actual.gradients[name] ?? [], g]),
    ];
    const error = Math.max(...pairs.map(([a, b]) => relativeError(a!, b!)));
    const milliseconds = await fastest(c, on, repeats);
    const [amount, unit] = actual.flops > 0 ? ([actual.flops, 'GFLOP/s'] as const) : ([actual.bytes, 'GB/s'] as const);
    const passed = error <= SELFTEST_TOLERANCE;
    const rate = amount / milliseconds / 1e6;
    const peak = (unit === 'GFLOP/s' ? on.peak.flops : on.peak.bytes) / 1e9;
    const ofPeak = peak > 0 ? rate / peak : null;
    return { ...about, shapes: actual.shapes, error, passed, failure: null, milliseconds, rate, unit, ofPeak };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    const nothing = {
      error: Number.NaN,
      milliseconds: Number.NaN,
      rate: Number.NaN,
      unit: 'GB/s' as const,
      ofPeak: null,
    };
    return { ...about, ...nothing, shapes: '', passed: false, failure };
  }
}

/** A sample call's result and, for a fixed dy, its gradients. */
export async function outcome(operator: OperatorName, c: Case, on: Device, differentiable: boolean): Promise<Outcome> {
  using s = scope();
  const inputs = drawInputs(c, on);
  using t = tape();
  const y = c.run(inputs);
  let gradients: Record<string, Tensor<any> | null> = {};
  if (differentiable) {
    const wanted = Object.fromEntries(Object.entries(inputs).filter(([, x]) => x.dtype === 'f32'));
    const dy = Float32Array.from({ length: y.size }, (_, i) => ((i * 7) % 13) / 8 - 0.7);
    gradients = t.gradients(y, wanted, { seed: empty(y.shape, on).copyFrom(dy), allowUnused: true });
  }
  void s;
  const values: Record<string, Float32Array> = {};
  for (const [name, g] of Object.entries(gradients)) if (g) values[name] = await g.data();
  const all = Object.values(inputs);
  return {
    shape: y.shape,
    y: (await y.data()) as Outcome['y'],
    gradients: values,
    shapes: `${all.map(shapeText).join(', ')} → ${shapeText(y)}`,
    bytes: [...all, y].reduce((sum, x) => sum + x.size * bytesOf(x.dtype), 0),
    flops: flopsOf(operator, all, y),
  };
}

const shapeText = (x: AnyTensor) => x.shape.join('×') || 'scalar';

/** Twice the multiplications: each element of the output is a sum over one row of the weights, or over the dimension that is shared. */
function flopsOf(operator: OperatorName, inputs: readonly AnyTensor[], y: AnyTensor): number {
  const [a, weight] = inputs;
  if ((operator === 'conv2d' || operator === 'linear') && weight) return (2 * y.size * weight.size) / weight.shape[0]!;
  // m·k and m·n are known, whichever operand is transposed: k = size of a / (batch · m), and batch · m = size of y / n.
  if (operator === 'matmul' && a) return (2 * y.size * a.size) / (y.size / y.shape.at(-1)!);
  return 0;
}

async function fastest(c: Case, on: Device, repeats: number): Promise<number> {
  const inputs = drawInputs(c, on);
  let best = Number.POSITIVE_INFINITY;
  try {
    for (let i = 0; i <= repeats; i++) {
      const start = performance.now();
      using s = scope();
      c.run(inputs);
      await on.synchronize();
      void s;
      best = Math.min(best, performance.now() - start);
    }
  } finally {
    for (const x of Object.values(inputs)) x.dispose();
  }
  return best;
}

/** ‖a − b‖ / ‖b‖; NaN where one side lacks a number that the other has. */
function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    if (Object.is(a[i], b[i]) && !Number.isFinite(b[i]!)) continue;
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return norm > 0 ? Math.sqrt(difference / norm) : Math.sqrt(difference);
}
