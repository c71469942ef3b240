// How an operator joins the tape. lib/ops has one file an operator; each makes its rule here and calls `apply`.
import { show } from '../tensor/checks';
import type { Device } from '../tensor/device';
import { namingOutOfMemory } from '../tensor/out_of_memory';
import { Tensor } from '../tensor/tensor';
import { hold, record, recording, type SavedTensor } from './tape';

export type AnyTensor = Tensor<any, any>;

/** What a gradient may look at. */
export interface GradientContext<A> {
  readonly attrs: A;
  /** What the forward saved, in its order. */
  readonly saved: readonly AnyTensor[];
  /** Whether the gradient towards input i is wanted; where not, return null for it and save the work. */
  readonly needs: readonly boolean[];
  readonly inputShapes: readonly (readonly number[])[];
}

export interface Rule<A = any> {
  readonly name: string;
  /**
   * dL/dinput for each input, from dL/doutput. `null` where there is none or none is wanted. May return `dy` itself. A function in a
   * gradient's place computes it: what is costly and wanted by nobody but the caller, so that what other devices wait for is queued before.
   * A rule that is `null` belongs to an operator without a derivative.
   */
  readonly gradient:
    | ((context: GradientContext<A>, dy: AnyTensor) => readonly (AnyTensor | (() => AnyTensor) | null)[])
    | null;
  /** Positions of the inputs that may be null: a bias. */
  readonly optional?: readonly number[];
}

/** A rule, with its attributes' type. */
export function rule<A>(name: string, gradient: Rule<A>['gradient'], optional: readonly number[] = []): Rule<A> {
  return { name, gradient, optional };
}

/** Throws unless every input is a live tensor (or null where that is `optional`) and all are on one device, which it returns. */
export function commonDevice(
  operator: string,
  inputs: readonly (AnyTensor | null)[],
  optional: readonly number[] = [],
): Device {
  let first: AnyTensor | undefined;
  // Not forEach, which would pass over the holes of an array, however many they are.
  for (let i = 0; i < inputs.length; i++) {
    const t = inputs[i];
    if (t === null && optional.includes(i)) continue;
    if (!(t instanceof Tensor)) throw new TypeError(`${operator}: input ${i} must be a Tensor, got ${show(t)}`);
    const device = t.storage(operator).device;
    if (first && device !== first.device)
      throw new TypeError(
        `${operator}: operands are on different devices: [${first.shape}] on ${first.device.name}, [${t.shape}] on ${device.name}; copy one with copyTo`,
      );
    first ??= t;
  }
  if (!first) throw new TypeError(`${operator}: needs a tensor`);
  return first.device;
}

/**
 * Runs `forward` and, where a tape records, remembers the call. `forward` checks shapes, makes the output, launches, and calls
 * `save` with what the gradient needs and nothing more.
 */
export function apply<A, T extends AnyTensor>(
  rule: Rule<A>,
  inputs: readonly (AnyTensor | null)[],
  attrs: A,
  forward: (device: Device, save: (...tensors: AnyTensor[]) => void) => T,
): T {
  const device = commonDevice(rule.name, inputs, rule.optional);
  if (!recording()) return namingOutOfMemory(rule.name, () => forward(device, () => {}));
  const saved: SavedTensor[] = [];
  try {
    const output = namingOutOfMemory(rule.name, () =>
      forward(device, (...tensors) => {
        for (const t of tensors) saved.push(hold(t, rule.name));
      }),
    );
    record(rule, inputs, output, attrs, saved);
    return output;
  } finally {
    for (const s of saved) s.tensor.dispose();
  }
}
