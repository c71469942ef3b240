// Whether two devices train one net together as two CPU devices do.
import { tape } from '../autograd/tape';
import { alexnetSmall } from '../models';
import * as ops from '../ops';
import { sgd } from '../optim';
import { tensor, uniform } from '../tensor/create';
import { type Device, device } from '../tensor/device';
import type { Tensor } from '../tensor/tensor';

export interface CrossingReport {
  readonly devices: readonly [Device, Device];
  /** How bytes go from the first to the second, and back. */
  readonly access: readonly [string, string];
  /** The largest relative difference of a step's loss from that of cpu:0 and cpu:1. */
  readonly error: number;
  /** Whether the parameters have the bits of both columns on the first device. */
  readonly sameBits: boolean;
  readonly passed: boolean;
}

const STEPS = 3;
const TOLERANCE = 1e-4;

/** Trains a few steps of a small AlexNet in two columns on the two devices, on the first alone, and on cpu:0 and cpu:1. */
export async function selftestCrossing(first: Device, second: Device, batch: number): Promise<CrossingReport> {
  const [both, one, cpu] = [
    await train([first, second], batch),
    await train([first, first], batch),
    await train([device('cpu:0'), device('cpu:1')], batch),
  ];
  const error = Math.max(...both.losses.map((loss, i) => Math.abs(loss - cpu.losses[i]!) / Math.abs(cpu.losses[i]!)));
  const sameBits = both.parameters.every((p, i) => Buffer.compare(bytesOf(p), bytesOf(one.parameters[i]!)) === 0);
  return {
    devices: [first, second],
    access: [first.peerAccess(second), second.peerAccess(first)],
    error,
    sameBits,
    passed: error <= TOLERANCE && sameBits,
  };
}

const bytesOf = (x: Float32Array) => Buffer.from(x.buffer, x.byteOffset, x.byteLength);

async function train(devices: [Device, Device], batch: number) {
  using net = alexnetSmall({ devices, seed: 3 });
  const params = net.params as Record<string, Tensor>;
  const optimiser = sgd(params, { lr: 0.01, momentum: 0.9, weightDecay: 0.0005 });
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    using x = uniform([batch, 1, 28, 28], { low: -1, high: 1, seed: 100 + step, device: devices[0] }) as Tensor;
    const labels = Int32Array.from({ length: batch }, (_, i) => (i * 7 + step) % 10);
    using y = tensor(labels, { device: devices[0] }) as Tensor<any, 'i32'>;
    using t = tape();
    using logits = net.forward(x as never, { train: true, seed: step }) as Tensor<any>;
    using loss = ops.crossEntropy(logits, y as never) as Tensor<any>;
    const gradients = t.gradients(loss, params) as Record<string, Tensor>;
    optimiser.apply(gradients as never);
    for (const g of Object.values(gradients)) g.dispose();
    losses.push(await loss.item());
  }
  const parameters: Float32Array[] = [];
  for (const p of Object.values(params)) parameters.push((await p.data()) as Float32Array);
  return { losses, parameters };
}
