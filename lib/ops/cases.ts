// Sample calls of operators: what `convtape gradcheck` and the conformance tests run on every device.
import { hostRandom } from '../autograd/gradcheck';
import type { AnyTensor, Rule } from '../autograd/operator';
import type { Shape } from '../shape/shape';
import type { Device } from '../tensor/device';
import { empty } from '../tensor/tensor';

/** How an input of a sample call is drawn. A bare shape means numbers in [-2, 2). */
export type InputSpec =
  | Shape
  /** In [low, high), rounded to bf16 where that is the type. */
  | { readonly shape: Shape; readonly low: number; readonly high: number; readonly dtype?: 'bf16' }
  /** Whole numbers in [0, ties): equal neighbours are certain. */
  | { readonly shape: Shape; readonly ties: number }
  /** i32 in [0, below) */
  | { readonly shape: Shape; readonly below: number };

export interface Case {
  readonly name: string;
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly run: (inputs: Readonly<Record<string, any>>) => AnyTensor;
  /** Elements of each input that a gradient check looks at; fewer where a call is large. */
  readonly elements?: number;
}

export interface Operator {
  /** null where mathematics has no derivative. */
  readonly rule: Rule | null;
  readonly cases: readonly [Case, ...Case[]];
}

/** The inputs of a sample call on a device: the same numbers every time and on every device. */
export function drawInputs(c: Case, device: Device): Record<string, AnyTensor> {
  const random = hostRandom([...c.name].reduce((h, ch) => (Math.imul(h, 31) + ch.charCodeAt(0)) | 0, 7));
  return Object.fromEntries(
    Object.entries(c.inputs).map(([name, spec]) => {
      const s = 'shape' in spec ? spec : { shape: spec, low: -2, high: 2 };
      const size = s.shape.reduce((a, b) => a * b, 1);
      if ('below' in s) {
        const labels = Int32Array.from({ length: size }, () => Math.floor(random() * s.below));
        return [name, empty(s.shape, device, 'i32').copyFrom(labels) as AnyTensor];
      }
      const draw =
        'ties' in s ? () => Math.floor(random() * s.ties) : () => Math.fround(s.low + (s.high - s.low) * random());
      const dtype = ('dtype' in s && s.dtype) || 'f32';
      return [name, empty(s.shape, device, dtype).copyFrom(Float32Array.from({ length: size }, draw)) as AnyTensor];
    }),
  );
}
