// The optimiser's kernel; lib/optim gives it its rates. Not an operator: it changes its arguments and no tape sees it.
import { commonDevice } from '../autograd/operator';
import { launch } from '../native/addon';
import type { Shape } from '../shape/shape';
import type { Tensor } from '../tensor/tensor';
import { requireFinite } from './arguments';
import { requireFloats } from './dense';

export interface SgdRates {
  lr: number;
  momentum: number;
  weightDecay: number;
}

/**
 * The text's update, in place and in one pass: `v ← momentum·v − weightDecay·lr·w − lr·g; w ← w + v`
 * (Krizhevsky, Sutskever, Hinton 2012, section 5).
 *
 * @internal
 * @throws TypeError or RangeError where the three tensors are not f32 of one shape on one device, or a rate is not finite
 */
export function sgdUpdate(
  weight: Tensor<Shape>,
  velocity: Tensor<Shape>,
  gradient: Tensor<Shape>,
  rates: SgdRates,
): void {
  commonDevice('sgd', [weight, velocity, gradient]);
  requireFloats('sgd', 'weight', weight);
  requireFloats('sgd', 'velocity', velocity);
  requireFloats('sgd', 'gradient', gradient);
  if (velocity.shape.join() !== weight.shape.join() || gradient.shape.join() !== weight.shape.join())
    throw new RangeError(
      `sgd: weight [${weight.shape}], velocity [${velocity.shape}] and gradient [${gradient.shape}] must have one shape`,
    );
  const { lr, momentum, weightDecay } = rates;
  requireFinite('sgd', 'lr', lr);
  requireFinite('sgd', 'momentum', momentum);
  requireFinite('sgd', 'weightDecay', weightDecay);
  const w = weight.storage('sgd');
  const v = velocity.storage('sgd');
  launch(
    'sgd',
    { count: weight.size, lr, momentum, weightDecay },
    [gradient.storage('sgd').native],
    [w.native, v.native],
  );
  w.version++;
  v.version++;
}
