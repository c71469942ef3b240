// AlexNet written with operators: `tsc` computes every shape. Nothing here runs.
import { ops, randn, type Tensor, zeros } from '../../lib';
import { expectType } from './expect';

const w = {
  conv1: randn([96, 3, 11, 11]),
  conv2: randn([256, 48, 5, 5]),
  conv3: randn([384, 256, 3, 3]),
  conv4: randn([384, 192, 3, 3]),
  conv5: randn([256, 192, 3, 3]),
  fc6: randn([4096, 9216]),
  fc7: randn([4096, 4096]),
  fc8: randn([1000, 4096]),
};
const b = {
  conv1: zeros([96]),
  conv2: zeros([256]),
  conv3: zeros([384]),
  conv4: zeros([384]),
  conv5: zeros([256]),
  fc6: zeros([4096]),
  fc7: zeros([4096]),
  fc8: zeros([1000]),
};

export function alexnet<N extends number>(x: Tensor<[N, 3, 227, 227]>): Tensor<[N, 1000]> {
  const pool = { kernel: 3, stride: 2 } as const;
  const conv1 = ops.conv2d(x, w.conv1, b.conv1, { stride: 4, activation: 'relu' });
  const pool1 = ops.maxPool2d(ops.localResponseNorm(conv1), pool);
  const conv2 = ops.conv2d(pool1, w.conv2, b.conv2, { padding: 2, groups: 2, activation: 'relu' });
  const pool2 = ops.maxPool2d(ops.localResponseNorm(conv2, { groups: 2 }), pool);
  const conv3 = ops.relu(ops.conv2d(pool2, w.conv3, b.conv3, { padding: 1 }));
  const conv4 = ops.relu(ops.conv2d(conv3, w.conv4, b.conv4, { padding: 1, groups: 2 }));
  const conv5 = ops.relu(ops.conv2d(conv4, w.conv5, b.conv5, { padding: 1, groups: 2 }));
  const features = ops.flatten(ops.maxPool2d(conv5, pool));
  const fc6 = ops.dropout(ops.relu(ops.linear(features, w.fc6, b.fc6)));
  const fc7 = ops.dropout(ops.relu(ops.linear(fc6, w.fc7, b.fc7)));
  return ops.linear(fc7, w.fc8, b.fc8);
}

declare const anyBatch: Tensor<[number, 3, 227, 227]>;
expectType<Tensor<[number, 1000]>>()(alexnet(anyBatch));

// Step by step with a batch of 128: every size is that of the paper.
const x = zeros([128, 3, 227, 227]);
const conv1 = ops.relu(ops.conv2d(x, w.conv1, b.conv1, { stride: 4 }));
expectType<Tensor<[128, 96, 55, 55]>>()(conv1);
const pool1 = ops.maxPool2d(ops.localResponseNorm(conv1), { kernel: 3, stride: 2 });
expectType<Tensor<[128, 96, 27, 27]>>()(pool1);
const conv2 = ops.relu(ops.conv2d(pool1, w.conv2, b.conv2, { padding: 2, groups: 2 }));
expectType<Tensor<[128, 256, 27, 27]>>()(conv2);
const pool2 = ops.maxPool2d(ops.localResponseNorm(conv2, { groups: 2 }), { kernel: 3, stride: 2 });
expectType<Tensor<[128, 256, 13, 13]>>()(pool2);
const conv3 = ops.relu(ops.conv2d(pool2, w.conv3, b.conv3, { padding: 1 }));
expectType<Tensor<[128, 384, 13, 13]>>()(conv3);
const conv4 = ops.relu(ops.conv2d(conv3, w.conv4, b.conv4, { padding: 1, groups: 2 }));
const conv5 = ops.relu(ops.conv2d(conv4, w.conv5, b.conv5, { padding: 1, groups: 2 }));
const pool5 = ops.maxPool2d(conv5, { kernel: 3, stride: 2 });
expectType<Tensor<[128, 256, 6, 6]>>()(pool5);
const features = ops.flatten(pool5);
expectType<Tensor<[128, 9216]>>()(features);
const fc7 = ops.relu(ops.linear(ops.relu(ops.linear(features, w.fc6, b.fc6)), w.fc7, b.fc7));
const logits = ops.linear(fc7, w.fc8, b.fc8);
expectType<Tensor<[128, 1000]>>()(logits);
expectType<Tensor<[]>>()(ops.crossEntropy(logits, zeros([128], { dtype: 'i32' })));

// @ts-expect-error conv2 without its groups
ops.conv2d(pool1, w.conv2, b.conv2, { padding: 2 });
// @ts-expect-error the maps before the last pooling
ops.linear(ops.flatten(conv5), w.fc6, b.fc6);
