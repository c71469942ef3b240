// Results with a declared type: what the declaration says must not flow back into the options and change what is computed.
import { ops, type Tensor, zeros } from '../../lib';

export const results = [
  ((): Tensor<[1, 4, 7, 7]> => ops.conv2d(zeros([1, 3, 9, 9]), zeros([4, 3, 3, 3]), null))(),
  ((): Tensor<[1, 3, 3, 3]> => ops.maxPool2d(zeros([1, 3, 9, 9]), { kernel: 3 }))(),
  ((): Tensor<[1, 9]> => ops.sum(zeros([1, 3, 9]), { axis: 1 }))(),
  ((): Tensor<[]> => ops.sum(zeros([1, 3, 9])))(),
  ((): Tensor<[9, 3]> => ops.transpose(zeros([3, 9])))(),
  ((): Tensor<[3, 9]> => ops.flatten(zeros([3, 3, 3])))(),
  ((): Tensor<[3]> => ops.crossEntropy(zeros([3, 3]), zeros([3], { dtype: 'i32' }), { reduction: 'none' }))(),
  ((): Tensor<[]> => ops.crossEntropy(zeros([3, 3]), zeros([3], { dtype: 'i32' })))(),
  ((): Tensor<[3, 5]> => ops.matmul(zeros([3, 3]), zeros([3, 5])))(),
  ((): Tensor<[3], 'i32'> => ops.argmax(zeros([3, 5])))(),
  ((): Tensor<[2, 12]> => ops.reshape(zeros([2, 3, 4]), [2, -1]))(),
  ((): Tensor<[1, 4, 4, 3]> =>
    ops.conv2d(zeros([1, 3, 9, 9]), zeros([4, 3, 3, 3]), null, { stride: [2, 3], padding: [0, 0] }))(),
  ((): Tensor<[2, 8]> => ops.mul(zeros([2, 8]), 2))(),
  ((): Tensor<[2, 5]> => ops.topK(zeros([2, 8]), 5).values)(),
  ((): Tensor<[2, 5]> => ops.slice(zeros([2, 8]), [0, 1], [2, 6]))(),
  ((): Tensor<[4, 5]> => ops.concat([zeros([2, 5]), zeros([2, 5])], 0))(),
  ((): Tensor<[2, 5]> => zeros([2, 5]))(),
];
