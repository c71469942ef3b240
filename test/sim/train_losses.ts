// Prints the losses of a few training steps of a small AlexNet in two columns, and a digest of every bit of its parameters, as JSON. A
// process of its own: the simulator reads its settings when it starts.
// Arguments: the two devices, the number of steps.
import { createHash } from 'node:crypto';
import { device, ops, optim, type Tensor, tape, tensor, uniform } from '../../lib';
import { tinyNet } from './tiny_net';

const BATCH = 2;

async function main([first, second, steps]: string[]): Promise<void> {
  using net = tinyNet([device(first!), device(second!)]);
  const sgd = optim.sgd(net.params, { lr: 0.02, momentum: 0.9, weightDecay: 0.0005 });
  const losses: number[] = [];
  for (let step = 0; step < Number(steps); step++) {
    using x = uniform([BATCH, 1, 28, 28], { low: -1, high: 1, seed: 100 + step, device: first! }) as Tensor;
    using y = tensor([step % 4, (step * 7 + 1) % 4], { dtype: 'i32', device: first! });
    using t = tape();
    using logits = net.forward(x as never, { train: true, seed: step });
    using loss = ops.crossEntropy(logits, y);
    const gradients = t.gradients(loss, net.params) as Record<string, Tensor>;
    sgd.apply(gradients);
    for (const g of Object.values(gradients)) g.dispose();
    losses.push(await loss.item());
  }
  const hash = createHash('sha1');
  for (const p of Object.values(net.params as Record<string, Tensor>)) {
    const data = await p.data();
    hash.update(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }
  process.stdout.write(`${JSON.stringify({ losses, bits: hash.digest('hex') })}\n`);
}

void main(process.argv.slice(2));
