// AlexNet as layers, for any batch, with loss and gradients: `tsc` computes every shape. Nothing here runs.
import { nn, ops, type Tensor, tape, zeros } from '../../lib';
import { type Equal, expectType } from './expect';

const net = nn.sequential(
  ['conv1', nn.conv2d(3, 96, 11, { stride: 4 })],
  nn.relu(),
  nn.localResponseNorm(),
  nn.maxPool2d({ kernel: 3, stride: 2 }),
  ['conv2', nn.conv2d(96, 256, 5, { padding: 2, groups: 2, biasValue: 1 })],
  nn.relu(),
  nn.localResponseNorm({ groups: 2 }),
  nn.maxPool2d({ kernel: 3, stride: 2 }),
  ['conv3', nn.conv2d(256, 384, 3, { padding: 1 })],
  nn.relu(),
  ['conv4', nn.conv2d(384, 384, 3, { padding: 1, groups: 2, biasValue: 1 })],
  nn.relu(),
  ['conv5', nn.conv2d(384, 256, 3, { padding: 1, groups: 2, biasValue: 1 })],
  nn.relu(),
  nn.maxPool2d({ kernel: 3, stride: 2 }),
  nn.flatten(),
  ['fc6', nn.linear(9216, 4096, { biasValue: 1 })],
  nn.relu(),
  nn.dropout({ p: 0.5 }),
  ['fc7', nn.linear(4096, 4096, { biasValue: 1 })],
  nn.relu(),
  nn.dropout({ p: 0.5 }),
  ['fc8', nn.linear(4096, 1000)],
);

export function alexnet<N extends number>(x: Tensor<[N, 3, 227, 227]>): Tensor<[N, 1000]> {
  return net.forward(x, { train: true });
}

declare const anyBatch: Tensor<[number, 3, 227, 227]>;
expectType<Tensor<[number, 1000]>>()(alexnet(anyBatch));

{
  using t = tape();
  const logits = net.forward(zeros([128, 3, 227, 227]), { train: true });
  expectType<Tensor<[128, 1000]>>()(logits);
  const loss = ops.crossEntropy(logits, zeros([128], { dtype: 'i32' }));
  expectType<Tensor<[]>>()(loss);
  const gradients = t.gradients(loss, net.params);
  expectType<Tensor<[256, 48, 5, 5]>>()(gradients['conv2.weight']);
  expectType<Tensor<[1000]>>()(gradients['fc8.bias']);
  const nullable = t.gradients(loss, [net.params['fc8.weight'], net.params['fc8.bias']], { allowUnused: true });
  expectType<Tensor<[1000, 4096]> | null>()(nullable[0]);
  true satisfies Equal<keyof typeof gradients, keyof typeof net.params>;
}

// An image of 224 fits as far as the pools; the flattened maps do not fit fc6.
// @ts-expect-error
net.forward(zeros([128, 3, 224, 224]));
// @ts-expect-error
net.forward(zeros([128, 4, 227, 227]));
// @ts-expect-error
ops.crossEntropy(net.forward(anyBatch), zeros([128, 1], { dtype: 'i32' }));
