// The net's other layers, and what moves or picks elements.
import type { Rules } from './rules';

export const layoutRules: Rules = {
  localResponseNorm: {
    right: [
      ['ops.localResponseNorm(zeros([128, 96, 55, 55]))', '[128, 96, 55, 55]'],
      ['ops.localResponseNorm(zeros([n, 96]), { groups: 2, size: n })', '[number, 96]'],
      ['ops.localResponseNorm(zeros([2, 96]), { groups: n })', '[2, 96]'],
      ['ops.localResponseNorm(unranked)', 'Shape'],
    ],
    wrong: [
      [
        'ops.localResponseNorm(zeros([2, 9, 5, 5]), { groups: 2 })',
        'localResponseNorm: groups = 2 does not divide the maps of x [2,9,5,5]',
      ],
      ['ops.localResponseNorm(zeros([2]))', 'localResponseNorm: x must be N×C×…, got [2]'],
    ],
  },
  spatialResponseNorm: {
    right: [['ops.spatialResponseNorm(zeros([n, 96, 5, 5]), { size: 5, alpha: 1, beta: 1 })', '[number, 96, 5, 5]']],
    wrong: [
      [
        'ops.spatialResponseNorm(zeros([2, 5, 5]), { size: 5, alpha: 1, beta: 1 })',
        'spatialResponseNorm: x must be N×C×H×W, got [2,5,5]',
      ],
    ],
  },
  dropout: {
    right: [
      ['ops.dropout(zeros([n, 4096]), { p: 0.5 })', '[number, 4096]'],
      ['ops.dropout(unranked)', 'Shape'],
    ],
    wrong: [["ops.dropout(zeros([2]), { mode: 'caffe' })", 'Type \'"caffe"\' is not assignable to type']],
  },
  crossEntropy: {
    right: [
      ["ops.crossEntropy(zeros([128, 1000]), zeros([128], { dtype: 'i32' }))", '[]'],
      ["ops.crossEntropy(zeros([n, 1000]), zeros([n], { dtype: 'i32' }), { reduction: 'sum' })", '[]'],
      ["ops.crossEntropy(zeros([128, 10]), zeros([n], { dtype: 'i32' }), { reduction: 'none' })", '[128]'],
      ["ops.crossEntropy(unranked, zeros([2], { dtype: 'i32' }), { reduction: 'none' })", '[number]'],
    ],
    wrong: [
      [
        "ops.crossEntropy(zeros([128, 10]), zeros([64], { dtype: 'i32' }))",
        'crossEntropy: labels [64] must be [128] for logits [128,10]',
      ],
      [
        "ops.crossEntropy(zeros([128, 10]), zeros([128, 1], { dtype: 'i32' }))",
        'crossEntropy: labels [128,1] must be [128] for logits [128,10]',
      ],
      [
        "ops.crossEntropy(zeros([10]), zeros([1], { dtype: 'i32' }))",
        'crossEntropy: logits must be N×C, got [10] with labels [1]',
      ],
      ['ops.crossEntropy(zeros([128, 10]), zeros([128]))', 'Type \'"f32"\' is not assignable to type \'"i32"\''],
    ],
  },
  reshape: {
    right: [
      ['ops.reshape(zeros([2, 3, 4]), [6, 4])', '[6, 4]'],
      ['zeros([2, 3, 4]).reshape([6, 4])', '[6, 4]'],
      ['ops.reshape(zeros([128, 256, 6, 6]), [128, -1])', '[128, 9216]'],
      ['zeros([n, 6]).reshape([-1, 2])', '[number, 2]'],
      ['zeros([2, 6]).reshape([n, -1])', '[number, number]'],
      ['zeros([1]).reshape([])', '[]'],
      ['unranked.reshape([3, 2])', '[3, 2]'],
      ['zeros([2, 3]).reshape(unranked.shape)', 'number[]'],
    ],
    wrong: [
      ['ops.reshape(zeros([2, 3, 4]), [5, 5])', 'reshape: x [2,3,4] has 24 elements, [5,5] has 25'],
      ['zeros([2, 3, 4]).reshape([5, 5])', 'reshape: x [2,3,4] has 24 elements, [5,5] has 25'],
      ['zeros([2, 3, 4]).reshape([5, -1])', 'reshape: x [2,3,4] has 24 elements, which [5,-1] does not divide'],
    ],
  },
  flatten: {
    right: [
      ['ops.flatten(zeros([128, 256, 6, 6]))', '[128, 9216]'],
      ['ops.flatten(zeros([n, 256, 6, 6]))', '[number, 9216]'],
      ['ops.flatten(zeros([2, 3, 4]), 0)', '[24]'],
      ['ops.flatten(zeros([2, 3, 4]), 2)', '[2, 3, 4]'],
      ['ops.flatten(zeros([5]))', '[5, 1]'],
      ['ops.flatten(zeros([2, 3, 4]), n)', 'number[]'],
      ['ops.flatten(unranked)', '[number, number]'],
    ],
    wrong: [['ops.flatten(zeros([2, 3]), 3)', 'flatten: startAxis 3 is not in x [2,3]']],
  },
  transpose: {
    right: [
      ['ops.transpose(zeros([2, 3, 4]))', '[4, 3, 2]'],
      ['ops.transpose(zeros([2, 3, 4]), [2, 0, -2])', '[4, 2, 3]'],
      ['ops.transpose(zeros([2, 3, 4]), [n, 0, 1])', '[number, 2, 3]'],
      ['ops.transpose(unranked, [1, 0])', '[number, number]'],
      ['ops.transpose(zeros([2, 3]), unranked.shape)', 'number[]'],
    ],
    wrong: [
      ['ops.transpose(zeros([2, 3]), [0])', 'transpose: axes [0] must name each axis of x [2,3] once'],
      ['ops.transpose(zeros([2, 3]), [1, 1])', 'transpose: axes [1,1] must name each axis of x [2,3] once'],
    ],
  },
  concat: {
    right: [
      ['ops.concat([zeros([2, 3]), zeros([4, 3])], 0)', '[6, 3]'],
      ['ops.concat([zeros([2, 3]), zeros([2, 1]), zeros([2, 2])], -1)', '[2, 6]'],
      ['ops.concat([zeros([2, n]), zeros([2, 1])], 1)', '[2, number]'],
      ['ops.concat([zeros([2, 3]), zeros([4, 3])], n)', '[number, number]'],
      ['ops.concat(Array.from({ length: 3 }, () => zeros([2, 3])), 0)', '[number, 3]'],
      ['ops.concat([unranked, zeros([2])], 0)', 'number[]'],
    ],
    wrong: [
      ['ops.concat([zeros([2, 3]), zeros([4, 3])], 1)', 'concat: along axis 1, tensors [2,3] and [4,3] do not fit'],
      ['ops.concat([zeros([2, 3]), zeros([4, 3])], 2)', 'concat: there is no axis 2 in [2,3]'],
      ['ops.concat([zeros([2, 3]), zeros([2])], 0)', 'concat: along axis 0, tensors [2,3] and [2] do not fit'],
    ],
  },
  slice: {
    right: [
      ['ops.slice(zeros([4, 5, 6]), [1, 0, 2], [3, 5, -1])', '[2, 5, 3]'],
      ['ops.slice(zeros([n, 5]), [1, -2], [3, 5])', '[2, 2]'],
      ['ops.slice(zeros([4, 5]), [n, 0], [4, 5])', '[number, 5]'],
      ['ops.slice(unranked, [0, 0], [1, 1])', '[number, number]'],
    ],
    wrong: [
      ['ops.slice(zeros([4, 5]), [0, 0], [5, 5])', 'slice: from [0,0] to [5,5] is no box of x [4,5]'],
      ['ops.slice(zeros([4, 5]), [2, 0], [2, 5])', 'slice: from [2,0] to [2,5] is no box of x [4,5]'],
      [
        'ops.slice(zeros([4, 5]), [2], [3])',
        'slice: starts [2] and ends [3] must have a number for each axis of x [4,5]',
      ],
    ],
  },
  topK: {
    right: [
      ['ops.topK(zeros([128, 1000]), 5).values', '[128, 5]'],
      ['ops.topK(zeros([n, 1000]), 5).indices', 'Tensor<[number, 5], "i32">'],
      ['ops.topK(zeros([2, 10]), n).values', '[2, number]'],
      ['ops.topK(unranked, 5).values', 'number[]'],
    ],
    wrong: [
      ['ops.topK(zeros([2, 10]), 11)', 'topK: k = 11 is more than the 10 of the last axis of x [2,10]'],
      ['ops.topK(zeros([]), 1)', 'topK: x [] has no axis'],
    ],
  },
  argmax: {
    right: [
      ['ops.argmax(zeros([128, 1000]))', 'Tensor<[128], "i32">'],
      ['ops.argmax(zeros([2, n, 4]), 0)', 'Tensor<[number, 4], "i32">'],
      ['ops.argmax(zeros([2, 3, 4]), n)', 'Tensor<[number, number], "i32">'],
      ['ops.argmax(unranked)', 'Tensor<number[], "i32">'],
    ],
    wrong: [
      ['ops.argmax(zeros([2, 3]), 2)', 'argmax: there is no axis 2 in x [2,3]'],
      ['ops.argmax(zeros([]))', 'argmax: there is no axis -1 in x []'],
    ],
  },
  cast: {
    right: [["ops.cast(zeros([n, 3]), 'u8')", 'Tensor<[number, 3], "u8">']],
    wrong: [["ops.cast(zeros([2]), 'f64')", 'Argument of type \'"f64"\' is not assignable']],
  },
  copyTo: {
    right: [
      ["ops.copyTo(zeros([2, 3], { dtype: 'i32' }), 'cpu:1')", 'Tensor<[2, 3], "i32">'],
      ["zeros([n, 3]).to('cpu:1')", '[number, 3]'],
    ],
    wrong: [],
  },
  creation: {
    right: [
      ["zeros([2, 3], { dtype: 'i32' })", 'Tensor<[2, 3], "i32">'],
      ['randn([2, n])', '[2, number]'],
      ['ones([2] as const)', '[2]'],
      ['zeros(unranked.shape)', 'number[]'],
      ['tensor([1, 2, 3, 4], { shape: [2, 2] })', '[2, 2]'],
      ['tensor([[1, 2, 3], [4, 5, 6]])', '[2, 3]'],
      ['tensor(7)', '[]'],
    ],
    wrong: [],
  },
};
