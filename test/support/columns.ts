// One training step of a net in two columns and of the grouped net on one device, which must be one function.
import { models, ops, type Tensor, tape, tensor } from '../../lib';
import type { ColumnNet } from '../../lib/models';
import { expectClose } from './close';

export interface Step {
  logits: Float32Array;
  loss: number;
  gradients: Record<string, Tensor>;
}

export async function step(net: ColumnNet, x: Tensor, labels: readonly number[], seed: number): Promise<Step> {
  using y = tensor(labels, { dtype: 'i32', device: x.device });
  using t = tape();
  using logits = net.forward(x as never, { train: true, seed });
  using loss = ops.crossEntropy(logits, y);
  const gradients = t.gradients(loss, net.params) as Record<string, Tensor>;
  return { logits: await logits.data(), loss: await loss.item(), gradients };
}

/** Fails unless the logits and every gradient of both forms, for the same images and dropped units, are within `tolerance`. */
export async function expectOneFunction(
  columns: ColumnNet,
  grouped: ColumnNet,
  x: Tensor,
  labels: readonly number[],
  tolerance: number,
): Promise<void> {
  using here = ops.copyTo(x, columns.devices[0]!) as Tensor;
  const one = await step(grouped, x, labels, 5);
  const two = await step(columns, here, labels, 5);
  expectClose(two.logits, one.logits, tolerance, 'logits');
  const merged = models.mergeColumns(two.gradients);
  expect(Object.keys(merged).sort()).toEqual(Object.keys(one.gradients).sort());
  for (const [name, g] of Object.entries(one.gradients)) {
    expectClose(await merged[name]!.data(), await g.data(), tolerance, `gradient of ${name}`);
    g.dispose();
    merged[name]!.dispose();
  }
  for (const g of Object.values(two.gradients)) g.dispose();
}
