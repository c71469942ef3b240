// The operators of AlexNet's layers that move memory rather than compute, at the model's sizes: bytes read and written a second, beside
// those of a plain copy in the same run.
//   npm run bench -- lab/layers [-- --batch 128] [--threads 2] [--repeat 15]
import { parseArgs } from 'node:util';
import { device, numThreads, ops, randn, type Tensor, tape, zeros } from '../../lib';
import { sgdUpdate } from '../../lib/ops/sgd';

const { values: args } = parseArgs({
  options: {
    batch: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
    repeat: { type: 'string', default: '15' },
  },
});
const batch = Number(args.batch);
const on = device('cpu:0');
numThreads(Number(args.threads));

/** The shortest of several runs, in seconds: others on the machine only add to a time. */
async function shortest(run: () => { dispose(): void }[]): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < Number(args.repeat); i++) {
    await on.synchronize();
    const start = performance.now();
    const made = run();
    await on.synchronize();
    best = Math.min(best, performance.now() - start);
    for (const t of made) t.dispose();
  }
  return best / 1000;
}

let copyRate = 0;

async function report(name: string, bytes: number, run: () => { dispose(): void }[]): Promise<void> {
  const seconds = await shortest(run);
  const rate = bytes / seconds / 1e9;
  copyRate ||= rate;
  const share = Math.round((100 * rate) / copyRate);
  console.log(
    `${name.padEnd(36)} ${(seconds * 1000).toFixed(2).padStart(8)} ms ${rate.toFixed(1).padStart(7)} GB/s ${share}% of a copy`,
  );
}

/** The gradient alone: forward outside of the clock, on a tape that is kept. */
async function gradient(
  name: string,
  bytes: number,
  x: Tensor<any>,
  forward: (x: Tensor<any>) => Tensor<any>,
): Promise<void> {
  using t = tape();
  using y = forward(x);
  using dy = randn([...y.shape], { seed: 2, device: on });
  await report(name, bytes, () => [t.gradients(y, { x }, { seed: dy, keep: true }).x as Tensor<any>]);
}

async function main(): Promise<void> {
  console.log(`${on.description}, batch ${batch}`);
  {
    using x = randn([batch, 96, 55, 55], { seed: 1, device: on });
    await report('copy', 8 * x.size, () => [ops.slice(x, [0, 0, 0, 0], [batch, 96, 55, 55])]);
  }
  for (const [c, h] of [
    [96, 55],
    [256, 27],
  ] as const) {
    using drawn = randn([batch, c, h, h], { seed: 1, device: on });
    using x = ops.relu(drawn) as Tensor<any>;
    const norm = (t: Tensor<any>) => ops.localResponseNorm(t, { groups: 2 });
    await report(`localResponseNorm ${c}×${h}×${h}`, 8 * x.size, () => [norm(x)]);
    await gradient('  gradient', 12 * x.size, x, norm);
    if (c === 256) {
      const rnorm = (t: Tensor<any>) => ops.spatialResponseNorm(t, { size: 5, alpha: 0.001 / 25, beta: 0.75 });
      await report(`spatialResponseNorm ${c}×${h}×${h}`, 8 * x.size, () => [rnorm(x)]);
      await gradient('  gradient', 12 * x.size, x, rnorm);
    }
  }
  for (const [c, h] of [
    [96, 55],
    [256, 27],
    [256, 13],
  ] as const) {
    using x = randn([batch, c, h, h], { seed: 1, device: on }) as Tensor<any>;
    const out = batch * c * ((h - 1) / 2) ** 2;
    const pool = (t: Tensor<any>) => ops.maxPool2d(t, { kernel: 3, stride: 2 });
    await report(`maxPool2d 3/2 ${c}×${h}×${h}`, 4 * x.size + 4 * out, () => [pool(x)]);
    await gradient('  gradient', 4 * x.size + 5 * out, x, pool);
    const mean = (t: Tensor<any>) => ops.avgPool2d(t, { kernel: 3, stride: 2 });
    await report(`avgPool2d 3/2 ${c}×${h}×${h}`, 4 * x.size + 4 * out, () => [mean(x)]);
    await gradient('  gradient', 4 * x.size + 4 * out, x, mean);
  }
  {
    using x = randn([batch, 4096], { seed: 1, device: on }) as Tensor<any>;
    await report('dropout 4096', 8 * x.size, () => [ops.dropout(x, { seed: 1 })]);
    using logits = randn([batch, 1000], { seed: 1, device: on }) as Tensor<any>;
    using labels = zeros([batch], { dtype: 'i32', device: on }) as Tensor<any, 'i32'>;
    await report('softmax 1000', 8 * logits.size, () => [ops.softmax(logits)]);
    await report('crossEntropy 1000', 4 * logits.size, () => [ops.crossEntropy(logits, labels)]);
    await gradient('  gradient', 8 * logits.size, logits, (t) => ops.crossEntropy(t, labels));
  }
  {
    using w = randn([9216, 4096], { seed: 1, device: on });
    using v = zeros([9216, 4096], { device: on });
    using g = randn([9216, 4096], { seed: 2, device: on });
    const rates = { lr: 1e-6, momentum: 0.9, weightDecay: 5e-4 };
    await report('sgd, fc6', 20 * w.size, () => {
      sgdUpdate(w, v, g, rates);
      return [];
    });
  }
}

void main();
