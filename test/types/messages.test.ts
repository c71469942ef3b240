// What the compiler makes of right and of wrong calls, operator by operator.
import { compile, compileTimeout, type Verdict } from '../support/compiler';

/** An expression, and its type: the shape alone stands for a tensor of f32. */
type Right = readonly [call: string, type: string];
/** An expression, and what the message must hold. */
type Wrong = readonly [call: string, message: string];

const rules: Record<string, { right: readonly Right[]; wrong: readonly Wrong[] }> = {
  conv2d: {
    right: [
      [
        'ops.conv2d(zeros([128, 3, 227, 227]), zeros([96, 3, 11, 11]), zeros([96]), { stride: 4 })',
        '[128, 96, 55, 55]',
      ],
      [
        'ops.conv2d(zeros([2, 96, 27, 27]), zeros([256, 48, 5, 5]), null, { padding: 2, groups: 2 })',
        '[2, 256, 27, 27]',
      ],
      [
        'ops.conv2d(zeros([1, 1, 9, 10]), zeros([4, 1, 3, 2]), null, { stride: [2, 3], padding: [1, 0] })',
        '[1, 4, 5, 3]',
      ],
      ['ops.conv2d(zeros([1, 1, 1, 1]), zeros([1, 1, 1, 1]), null)', '[1, 1, 1, 1]'],
      ['ops.conv2d(zeros([n, 3, 9, 9]), zeros([4, 3, 3, 3]), null)', '[number, 4, 7, 7]'],
      ['ops.conv2d(zeros([1, n, 9, n]), zeros([4, 3, 3, 3]), null)', '[1, 4, 7, number]'],
      ['ops.conv2d(zeros([1, 3, 9, 9]), zeros([4, 3, 3, 3]), null, { stride: n })', '[1, 4, number, number]'],
      ['ops.conv2d(zeros([1, 3, 9, 9]), zeros([4, 3, 3, 3]), null, { stride: [n, 2] })', '[1, 4, number, 4]'],
      ['ops.conv2d(zeros([1, 6, 9, 9]), zeros([4, 3, 3, 3]), null, { groups: n })', '[1, 4, 7, 7]'],
      ['ops.conv2d(zeros([1, 3, 9, 9]), zeros([4, 3, 3, 3]), null, {} as ops.Conv2dOptions)', '[1, 4, number, number]'],
      ['ops.conv2d(zeros([1, 3, 9, 9]), zeros([4, 3, 3, 3]), null, { stride: undefined })', '[1, 4, number, number]'],
      ['ops.conv2d(unranked, zeros([4, 3, 3, 3]), null)', '[number, 4, number, number]'],
      ['ops.conv2d(zeros([1, 3, 9, 9]), unranked, unranked)', '[1, number, number, number]'],
    ],
    wrong: [
      [
        'ops.conv2d(zeros([128, 4, 227, 227]), zeros([96, 3, 11, 11]), null, { stride: 4 })',
        'conv2d: weight [96,3,11,11] with groups = 1 takes 3 channels, x [128,4,227,227] has 4',
      ],
      [
        'ops.conv2d(zeros([n, 6, 27, 27]), zeros([8, 6, 5, 5]), null, { groups: 2 })',
        'conv2d: weight [8,6,5,5] with groups = 2 takes 12 channels, x [?,6,27,27] has 6',
      ],
      [
        'ops.conv2d(zeros([1, 6, 27, 27]), zeros([9, 3, 5, 5]), null, { groups: 2 })',
        'conv2d: groups = 2 does not divide the filters of weight [9,3,5,5]; x is [1,6,27,27]',
      ],
      [
        'ops.conv2d(zeros([1, 3, 9, 8]), zeros([4, 3, 11, 11]), null, { padding: 1 })',
        'conv2d: the window of weight [4,3,11,11] is larger than x [1,3,9,8] with padding 1',
      ],
      [
        'ops.conv2d(zeros([3, 9, 9]), zeros([4, 3, 3, 3]), null)',
        'conv2d: x must be N×C×H×W and weight K×(C/groups)×R×S, got x [3,9,9] and weight [4,3,3,3]',
      ],
      [
        'ops.conv2d(zeros([1, 3, 9, 9]), zeros([4, 3, 3, 3]), zeros([5]))',
        'conv2d: bias [5] must be [4] for weight [4,3,3,3]',
      ],
      [
        'ops.conv2d(zeros([1, 3, 9, 9], { dtype: "u8" }), zeros([4, 3, 3, 3]), null)',
        'Type \'"u8"\' is not assignable to type \'"f32"\'',
      ],
    ],
  },
  linear: {
    right: [
      ['ops.linear(zeros([128, 9216]), zeros([4096, 9216]), zeros([4096]))', '[128, 4096]'],
      ['ops.linear(zeros([2, 3, 5]), zeros([7, 5]), null)', '[2, 3, 7]'],
      ['ops.linear(zeros([5]), zeros([7, 5]), null)', '[7]'],
      ['ops.linear(zeros([n, 5]), zeros([7, 5]), null)', '[number, 7]'],
      ['ops.linear(zeros([2, n]), zeros([n, 5]), null)', '[2, number]'],
      ['ops.linear(unranked, zeros([7, 5]), null)', 'number[]'],
    ],
    wrong: [
      [
        'ops.linear(zeros([2, 6400]), zeros([10, 9216]), null)',
        'linear: weight [10,9216] takes 9216 features, x [2,6400] has 6400',
      ],
      ['ops.linear(zeros([2, 3]), zeros([3]), null)', 'linear: weight must be outputs×inputs, got [3] for x [2,3]'],
      ['ops.linear(zeros([]), zeros([3, 3]), null)', 'linear: x [] has no axis for the inputs of weight [3,3]'],
      ['ops.linear(zeros([2, 3]), zeros([4, 3]), zeros([3]))', 'linear: bias [3] must be [4] for weight [4,3]'],
    ],
  },
  matmul: {
    right: [
      ['ops.matmul(zeros([2, 3]), zeros([3, 4]))', '[2, 4]'],
      ['ops.matmul(zeros([3, 2]), zeros([4, 3]), { transposeA: true, transposeB: true })', '[2, 4]'],
      ['ops.matmul(zeros([5, 6, 2, 3]), zeros([5, 6, 3, 4]))', '[5, 6, 2, 4]'],
      ['ops.matmul(zeros([2, 3]), zeros([4, 3]), { transposeB: flag })', '[2, number]'],
      ['ops.matmul(unranked, zeros([4, 3]))', '[number, 3]'],
      ['ops.matmul(unranked, unranked)', 'number[]'],
    ],
    wrong: [
      ['ops.matmul(zeros([2, 3]), zeros([4, 3]))', 'matmul: the inner sizes of a [2,3] and b [4,3] differ: 3 and 4'],
      [
        'ops.matmul(zeros([2, 3]), zeros([3, 4]), { transposeA: true })',
        'matmul: the inner sizes of a [2,3] (transposed) and b [3,4] differ: 2 and 3',
      ],
      [
        'ops.matmul(zeros([7, 2, 3]), zeros([8, 3, 4]))',
        'matmul: the axes before the last two differ: a [7,2,3], b [8,3,4]',
      ],
      ['ops.matmul(zeros([3]), zeros([3, 4]))', 'matmul: a and b must have at least two axes, got [3] and [3,4]'],
    ],
  },
};

for (const name of ['relu', 'tanh', 'sigmoid', 'neg', 'exp', 'log', 'sqrt', 'square', 'abs'])
  rules[name] = {
    right: [
      [`ops.${name}(zeros([2, 3]))`, '[2, 3]'],
      [`ops.${name}(zeros([n, 3]))`, '[number, 3]'],
      [`ops.${name}(unranked)`, 'Shape'],
    ],
    wrong: [[`ops.${name}(zeros([2], { dtype: 'i32' }))`, 'Type \'"i32"\' is not assignable to type \'"f32"\'']],
  };

for (const name of ['add', 'sub', 'mul', 'div', 'maximum'])
  rules[name] = {
    right: [
      [`ops.${name}(zeros([2, 3]), zeros([2, 3]))`, '[2, 3]'],
      [`ops.${name}(zeros([2, 3]), 2)`, '[2, 3]'],
      [`ops.${name}(n, zeros([2, 3]))`, '[2, 3]'],
      [`ops.${name}(zeros([2, 1, 3]), zeros([5, 1]))`, '[2, 5, 3]'],
      [`ops.${name}(zeros([n, 3]), zeros([3]))`, '[number, 3]'],
      [`ops.${name}(zeros([n, 3]), zeros([2, 3]))`, '[2, 3]'],
      [`ops.${name}(zeros([n, 3]), zeros([1, 3]))`, '[number, 3]'],
      [`ops.${name}(unranked, zeros([3]))`, 'number[]'],
    ],
    wrong: [
      [`ops.${name}(zeros([2, 3]), zeros([2, 4]))`, `${name}: shapes [2,3] and [2,4] do not broadcast together`],
      [`ops.${name}(zeros([n, 3]), zeros([4]))`, `${name}: shapes [?,3] and [4] do not broadcast together`],
    ],
  };

for (const name of ['sum', 'mean', 'max'])
  rules[name] = {
    right: [
      [`ops.${name}(zeros([2, 3, 4]))`, '[]'],
      [`ops.${name}(unranked)`, '[]'],
      [`ops.${name}(zeros([2, 3, 4]), { keepDims: true })`, '[1, 1, 1]'],
      [`ops.${name}(zeros([2, 3, 4]), { axis: -1 })`, '[2, 3]'],
      [`ops.${name}(zeros([2, n, 4]), { axis: [0, 2] })`, '[number]'],
      [`ops.${name}(zeros([2, 3, 4]), { axis: [0, -2], keepDims: true })`, '[1, 1, 4]'],
      [`ops.${name}(zeros([2, 3, 4]), { axis: n })`, '[number, number]'],
      [`ops.${name}(zeros([2, 3, 4]), { axis: 0, keepDims: flag })`, 'number[]'],
      [`ops.${name}(unranked, { axis: 0 })`, 'number[]'],
    ],
    wrong: [
      [`ops.${name}(zeros([2, 3]), { axis: 2 })`, `${name}: there is no axis 2 in x [2,3]`],
      [`ops.${name}(zeros([2, 3]), { axis: [0, -3] })`, `${name}: there is no axis list [0,-3] in x [2,3]`],
    ],
  };

for (const name of ['maxPool2d', 'avgPool2d'])
  rules[name] = {
    right: [
      [`ops.${name}(zeros([128, 96, 55, 55]), { kernel: 3, stride: 2 })`, '[128, 96, 27, 27]'],
      [`ops.${name}(zeros([n, 96, 55, 55]), { kernel: 3, stride: 2 })`, '[number, 96, 27, 27]'],
      [`ops.${name}(zeros([2, 1, 8, 9]), { kernel: 2 })`, '[2, 1, 4, 4]'],
      [`ops.${name}(zeros([2, 1, 8, 9]), { kernel: 3, stride: 2, padding: 1 })`, '[2, 1, 4, 5]'],
      [`ops.${name}(zeros([2, 1, 8, 9]), { kernel: [3, 2], stride: [2, 3] })`, '[2, 1, 3, 3]'],
      [`ops.${name}(zeros([2, 1, 8, 9]), { kernel: 3, stride: 2, ceil: true })`, '[2, 1, 4, 4]'],
      [`ops.${name}(zeros([2, 1, 2, 2]), { kernel: 3, stride: 2, ceil: true })`, '[2, 1, 1, 1]'],
      [
        `ops.${name}(zeros([2, 1, 7, 6]), { kernel: [3, 2], stride: [4, 3], padding: [1, 0], ceil: true })`,
        '[2, 1, 2, 2]',
      ],
      [`ops.${name}(zeros([2, 1, 8, 9]), { kernel: 3, stride: n })`, '[2, 1, number, number]'],
      [`ops.${name}(zeros([2, 1, 8, 9]), { kernel: 3, ceil: flag })`, '[2, 1, number, number]'],
      [`ops.${name}(unranked, { kernel: 3 })`, '[number, number, number, number]'],
    ],
    wrong: [
      [
        `ops.${name}(zeros([2, 1, 2, 2]), { kernel: 3 })`,
        `${name}: the window 3 is larger than x [2,1,2,2] with padding 0`,
      ],
      [
        `ops.${name}(zeros([2, 1, 9, 9]), { kernel: [3, 4], padding: 2 })`,
        `${name}: padding 2 must be at most half the kernel [3,4], x is [2,1,9,9]`,
      ],
      [`ops.${name}(zeros([2, 9, 9]), { kernel: 3 })`, `${name}: x must be N×C×H×W, got [2,9,9]`],
    ],
  };

for (const name of ['softmax', 'logSoftmax'])
  rules[name] = {
    right: [
      [`ops.${name}(zeros([n, 1000]))`, '[number, 1000]'],
      [`ops.${name}(zeros([2, 3, 4]), 1)`, '[2, 3, 4]'],
      [`ops.${name}(zeros([2, 3, 4]), n)`, '[2, 3, 4]'],
      [`ops.${name}(unranked, 5)`, 'Shape'],
    ],
    wrong: [
      [`ops.${name}(zeros([2, 3]), 2)`, `${name}: there is no axis 2 in x [2,3]`],
      [`ops.${name}(zeros([]))`, `${name}: there is no axis -1 in x []`],
    ],
  };

Object.assign(rules, {
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
} satisfies typeof rules);

Object.assign(rules, {
  'type parameters for sizes': {
    right: [
      [
        '(<N extends number>(x: Tensor<[N, 3, 9, 9]>): Tensor<[N, 4, 7, 7]> => ops.conv2d(x, zeros([4, 3, 3, 3]), null))(zeros([2, 3, 9, 9]))',
        '[2, 4, 7, 7]',
      ],
      [
        '(<N extends number>(x: Tensor<[N, 8]>): Tensor<[N, 8]> => ops.add(x, ops.mul(x, zeros([8]))))(zeros([n, 8]))',
        '[number, 8]',
      ],
      ['(<N extends number>(x: Tensor<[N, 8]>): Tensor<[N]> => ops.sum(x, { axis: 1 }))(zeros([2, 8]))', '[2]'],
      ['(<N extends number>(x: Tensor<[N, 8]>): Tensor<[8, N]> => ops.transpose(x))(zeros([2, 8]))', '[8, 2]'],
      [
        "(<N extends number>(x: Tensor<[N, 8]>, y: Tensor<[N], 'i32'>): Tensor<[N]> => ops.crossEntropy(x, y, { reduction: 'none' }))(zeros([2, 8]), zeros([2], { dtype: 'i32' }))",
        '[2]',
      ],
      [
        '(<N extends number>(x: Tensor<[N, 3, 2, 2]>): Tensor<[N, 5]> => ops.linear(ops.flatten(x), zeros([5, 12]), null))(zeros([2, 3, 2, 2]))',
        '[2, 5]',
      ],
      [
        '(<S extends Shape>(x: Tensor<S>): Tensor<S> => ops.mul(ops.sub(1, x), ops.relu(ops.add(x, x))))(zeros([2, 8]))',
        '[2, 8]',
      ],
    ],
    wrong: [
      [
        '<N extends number>(x: Tensor<[N, 3, 9, 9]>) => ops.conv2d(x, zeros([4, 5, 3, 3]), null)',
        'conv2d: weight [4,5,3,3] with groups = 1 takes 5 channels',
      ],
    ],
  },
  gradients: {
    right: [
      ['tape().gradients(ops.sum(zeros([2])), { w: zeros([2, 3]) }).w', '[2, 3]'],
      ['tape().gradients(zeros([1, 1]), [zeros([n]), zeros([2])])[1]', '[2]'],
      ['tape().gradients(zeros([n]), [zeros([2])], { seed: zeros([5]) })[0]', '[2]'],
      ['tape().gradients(zeros([2]), [zeros([2])], { seed: ones([2]) })[0]', '[2]'],
      ['tape().gradients(unranked, { w: zeros([2]) }).w', '[2]'],
      ['tape().gradients(zeros([]), { w: zeros([2]) }, { allowUnused: true }).w', 'Tensor<[2], "f32"> | null'],
    ],
    wrong: [
      [
        'tape().gradients(zeros([2, 3]), { w: zeros([2]) })',
        'gradients: the loss must be a scalar, got [2,3]; reduce it, or give { seed }',
      ],
      ['tape().gradients(zeros([n, 3]), { w: zeros([2]) })', 'gradients: the loss must be a scalar, got [?,3]'],
      [
        'tape().gradients(zeros([2]), { w: zeros([2]) }, { seed: zeros([3]) })',
        'gradients: seed [3] must have the shape of the loss [2]',
      ],
      ['tape().gradients(zeros([]), { w: zeros([2]) }).v', "Property 'v' does not exist"],
    ],
  },
  'nn layers': {
    right: [
      ['nn.conv2d(3, 96, 11, { stride: 4 }).forward(zeros([n, 3, 227, 227]))', '[number, 96, 55, 55]'],
      ['nn.conv2d(4, 8, [3, 1], { groups: 2, bias: false }).params.weight', '[8, 2, 3, 1]'],
      ['nn.conv2d(4, 8, 3).params.bias', '[8]'],
      ['nn.conv2d(n, 8, n).forward(zeros([2, 3, 9, 9]))', '[2, 8, number, number]'],
      ['nn.linear(8, 3).forward(zeros([2, 5, 8]))', '[2, 5, 3]'],
      ['nn.linear(8, 3).params.weight', '[3, 8]'],
      ['nn.relu().forward(zeros([n, 3]))', '[number, 3]'],
      ['nn.tanh().forward(zeros([2]))', '[2]'],
      ['nn.sigmoid().forward(zeros([2]))', '[2]'],
      ['nn.dropout().forward(unranked)', 'number[]'],
      ['nn.softmax().forward(zeros([2, 3]))', '[2, 3]'],
      ['nn.localResponseNorm({ groups: 2 }).forward(zeros([2, 8, 5, 5]))', '[2, 8, 5, 5]'],
      ['nn.spatialResponseNorm({ size: 5, alpha: 1, beta: 1 }).forward(zeros([2, 8, 5, 5]))', '[2, 8, 5, 5]'],
      ['nn.maxPool2d({ kernel: 3, stride: 2 }).forward(zeros([2, 8, 55, 55]))', '[2, 8, 27, 27]'],
      ['nn.avgPool2d({ kernel: 2 }).forward(zeros([2, 8, 55, 55]))', '[2, 8, 27, 27]'],
      ['nn.flatten().forward(zeros([2, 8, 3, 3]))', '[2, 72]'],
      ["nn.elementwise('square', ops.square).forward(zeros([2, 8]))", '[2, 8]'],
    ],
    wrong: [
      [
        'nn.conv2d(3, 96, 11).forward(zeros([2, 4, 27, 27]))',
        'conv2d: weight [96,3,11,11] takes 3 channels, x [2,4,27,27] has 4',
      ],
      [
        'nn.conv2d(3, 96, 11).forward(zeros([2, 3, 9, 9]))',
        'conv2d: the window of weight [96,3,11,11] is larger than x [2,3,9,9] with padding 0',
      ],
      [
        'nn.conv2d(3, 96, 11).forward(zeros([3, 9, 9]))',
        'conv2d: x must be N×C×H×W for weight [96,3,11,11], got [3,9,9]',
      ],
      ['nn.linear(8, 3).forward(zeros([2, 7]))', 'linear: weight [3,8] takes 8 features, x [2,7] has 7'],
      [
        'nn.maxPool2d({ kernel: 3 }).forward(zeros([2, 8, 2, 2]))',
        'maxPool2d: the window 3 is larger than x [2,8,2,2] with padding 0',
      ],
      [
        'nn.localResponseNorm({ groups: 3 }).forward(zeros([2, 8, 5, 5]))',
        'localResponseNorm: groups = 3 does not divide the maps of x [2,8,5,5]',
      ],
      ['nn.flatten(3).forward(zeros([2, 8]))', 'flatten: startAxis 3 is not in x [2,8]'],
      ['nn.softmax(2).forward(zeros([2, 8]))', 'softmax: there is no axis 2 in x [2,8]'],
    ],
  },
  'nn.sequential': {
    right: [
      [
        'nn.sequential(nn.conv2d(3, 8, 3), nn.relu(), nn.flatten(), nn.linear(392, 10)).forward(zeros([n, 3, 9, 9]))',
        '[number, 10]',
      ],
      ['nn.sequential().forward(zeros([2, 3]))', '[2, 3]'],
      [
        'nn.sequential(nn.sequential(nn.linear(3, 4), nn.relu()), nn.sequential(nn.linear(4, 5))).forward(zeros([2, 3]))',
        '[2, 5]',
      ],
      [
        "nn.sequential(['a', nn.linear(3, 4)], nn.relu(), ['b', nn.sequential(nn.tanh(), nn.linear(4, 5))]).params['b.1.weight']",
        '[5, 4]',
      ],
      ["nn.sequential(nn.relu(), nn.linear(3, 4)).params['1.bias']", '[4]'],
      [`nn.sequential(${Array(40).fill('nn.linear(8, 8)').join(', ')}).forward(zeros([2, 8]))`, '[2, 8]'],
      ['nn.sequential(nn.linear(3, 4), nn.linear(4, 5)).forward(zeros([7, 6, 3]))', '[7, 6, 5]'],
    ],
    wrong: [
      [
        'nn.sequential(nn.linear(3, 4), nn.relu(), nn.linear(5, 6))',
        'sequential, layer 2: linear: weight [6,5] takes 5 features, x […] has 4',
      ],
      [
        'nn.sequential(nn.conv2d(3, 96, 11), nn.relu(), nn.conv2d(48, 9, 3))',
        'sequential, layer 2: conv2d: weight [9,48,3,3] takes 48 channels, x [?,96,?,?] has 96',
      ],
      [
        "nn.sequential(['conv', nn.conv2d(3, 8, 3)], nn.flatten(), ['fc', nn.linear(9, 2)]).forward(zeros([2, 3, 9, 9]))",
        'sequential, layer fc: linear: weight [2,9] takes 9 features, x [2,392] has 392',
      ],
      [
        'nn.sequential(nn.relu(), nn.sequential(nn.linear(3, 4))).forward(zeros([2, 5]))',
        'sequential, layer 1: sequential, layer 0: linear: weight [4,3] takes 3 features, x [2,5] has 5',
      ],
      ["nn.sequential(nn.linear(3, 4)).params['0.wieght']", "Property '0.wieght' does not exist"],
    ],
  },
} satisfies typeof rules);

const calls = Object.entries(rules).flatMap(([name, { right, wrong }]) => [
  ...right.map(([call, type]) => ({ name, call, type, message: null })),
  ...wrong.map(([call, message]) => ({ name, call, type: null, message })),
]);
let verdicts: Map<string, Verdict>;

beforeAll(() => {
  const list = compile(calls.map(({ call }) => `export const y = ${call};`));
  verdicts = new Map(calls.map(({ call }, i) => [call, list[i]!]));
}, compileTimeout);

test.each(calls)('$name: $call', ({ call, type, message }) => {
  const { errors, types } = verdicts.get(call)!;
  if (message !== null) {
    expect(errors.join('\n')).toContain(message);
    expect(errors).toHaveLength(1);
  } else {
    expect(errors).toEqual([]);
    expect(types.y).toBe(type!.startsWith('Tensor') ? type : `Tensor<${type}, "f32">`);
  }
});
