// Calls whose sizes are one of many: what is computed from them is not known, and the compiler is not asked to work it out for each.
import { nn, ops, type Tensor } from '../../lib';
import { expectType } from './expect';

type Size =
  | 1
  | 2
  | 3
  | 4
  | 5
  | 6
  | 7
  | 8
  | 9
  | 10
  | 11
  | 12
  | 13
  | 14
  | 15
  | 16
  | 24
  | 32
  | 48
  | 64
  | 96
  | 128
  | 192
  | 256
  | 384
  | 512
  | 1000;
type Images = Tensor<[Size, Size, Size, Size]>;
type Shapes = [2, 3] | [3, 4] | [4, 5] | [5, 6] | [6, 7] | [7, 8] | [8, 9] | [9, 10] | [2, 3, 4] | [3, 4, 5];
declare const images: Images,
  other: Images,
  rows: Tensor<[Size, Size]>,
  bias: Tensor<[Size]>,
  one: Tensor<Shapes>,
  two: Tensor<Shapes>;
declare const labels: Tensor<[Size], 'i32'>, some: Size, fixed: Tensor<[8, 6, 12, 12]>, axis: 0 | 1, flag: boolean;

type Four = Tensor<[Size, Size, number, number]>;
expectType<Four>()(ops.conv2d(images, other, bias, { stride: some, padding: [some, some] }));
expectType<Tensor<[8, Size, number, number]>>()(ops.conv2d(fixed, other, null, { groups: some }));
expectType<Four>()(ops.maxPool2d(images, { kernel: some, stride: some, padding: some, ceil: flag }));
expectType<Tensor<[8, 6, number, number]>>()(ops.avgPool2d(fixed, { kernel: 3, stride: axis === 0 ? 1 : 2 }));
expectType<Tensor<[Size, Size]>>()(ops.linear(rows, rows, bias));
expectType<Tensor<[Size, Size]>>()(ops.matmul(rows, rows, { transposeA: true }));
expectType<Tensor<number[]>>()(ops.add(one, fixed));
expectType<Tensor<Shapes>>()(ops.mul(one, two));
expectType<Tensor<[number, number, number, number]>>()(ops.mul(images, fixed));
expectType<Tensor<[Size, Size, Size, Size]>>()(ops.mul(images, other));
expectType<Tensor<[number, number, number]>>()(ops.sum(fixed, { axis }));
expectType<Tensor<number[]>>()(ops.sum(one, { axis: 0 }));
expectType<Tensor<[8, 6]>>()(ops.sum(fixed, { axis: [2, 3] }));
expectType<Tensor<number[]>>()(ops.max(fixed, { axis: [axis, 3] }));
expectType<Tensor<[Size, number]>>()(ops.flatten(images));
expectType<Tensor<number[]>>()(ops.flatten(fixed, axis));
expectType<Tensor<[number, Size]>>()(ops.reshape(images, [-1, some]));
expectType<Tensor<[6, 8, 12, 12]>>()(ops.transpose(fixed, [1, 0, 2, 3]));
expectType<Tensor<[number, number, 12, 12]>>()(ops.transpose(fixed, [axis, axis, 2, 3]));
expectType<Tensor<[number, Size]>>()(ops.concat([rows, rows], 0));
expectType<Tensor<[number, number, number, number]>>()(ops.concat([fixed, fixed], axis));
expectType<Tensor<[number, number]>>()(ops.slice(rows, [axis, 0], [some, some]));
expectType<Tensor<[Size, Size]>>()(ops.topK(rows, some).values);
expectType<Tensor<[Size, Size]>>()(ops.softmax(rows, axis));
expectType<Tensor<[]>>()(ops.crossEntropy(rows, labels));
expectType<Images>()(ops.localResponseNorm(images, { groups: some }));

const net = nn.sequential(
  nn.conv2d(some, some, some),
  nn.maxPool2d({ kernel: some }),
  nn.flatten(),
  nn.linear(some, some),
);
void net.forward(images);

// What is known is still checked.
// @ts-expect-error 7 channels for 6
ops.conv2d(fixed, {} as Tensor<[Size, 7, 3, 3]>, null);
// @ts-expect-error three axes
ops.maxPool2d({} as Tensor<[Size, Size, Size]>, { kernel: some });
