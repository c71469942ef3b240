import { type AnyTensor, apply, rule } from '../autograd/operator';
import type { DType } from '../native/addon';
import type { Shape } from '../shape/shape';
import { type Device, type DeviceLike, deviceFor } from '../tensor/device';
import { empty, type Tensor } from '../tensor/tensor';

// The gradient is the copy back.
export const copyToRule = rule<{ from: Device | null }>('copyTo', ({ attrs }, dy) => [copied(dy, attrs.from!)]);

function copied(x: AnyTensor, device: Device): AnyTensor {
  const y = empty(x.shape, device, x.dtype);
  try {
    y.storage('copyTo').native.copyFrom(x.storage('copyTo').native);
    return y;
  } catch (error) {
    y.dispose(); // nobody else has it
    throw error;
  }
}

/**
 * A copy of x on `device`, which may be x's own. Queued: it starts when what is queued on both devices before it is done, and the caller
 * does not wait. Differentiable: the gradient comes back to x's device.
 */
export function copyTo<S extends Shape, D extends DType>(x: Tensor<S, D>, device: DeviceLike): Tensor<S, D> {
  const attrs = { from: null as Device | null };
  return apply(copyToRule, [x], attrs, (from) => {
    attrs.from = from;
    return copied(x, deviceFor('copyTo', device));
  });
}
