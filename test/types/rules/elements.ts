// Products of matrices, and what works element by element or along an axis.
import type { Rules } from './rules';

export const elementRules: Rules = {
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
      ["ops.linear(zeros([2, 5]), zeros([7, 5], { dtype: 'bf16' }), zeros([7]))", '[2, 7]'],
      ["ops.linear(zeros([2, 5]), ops.cast(zeros([7, 5]), 'bf16'), null)", '[2, 7]'],
    ],
    wrong: [
      [
        'ops.linear(zeros([2, 6400]), zeros([10, 9216]), null)',
        'linear: weight [10,9216] takes 9216 features, x [2,6400] has 6400',
      ],
      ['ops.linear(zeros([2, 3]), zeros([3]), null)', 'linear: weight must be outputs×inputs, got [3] for x [2,3]'],
      ['ops.linear(zeros([]), zeros([3, 3]), null)', 'linear: x [] has no axis for the inputs of weight [3,3]'],
      [
        "ops.linear(zeros([2, 6]), zeros([10, 9], { dtype: 'bf16' }), null)",
        'linear: weight [10,9] takes 9 features, x [2,6] has 6',
      ],
      [
        "ops.linear(zeros([2, 3]), zeros([4, 3], { dtype: 'i32' }), null)",
        'Type \'"i32"\' is not assignable to type \'"f32" | "bf16"\'',
      ],
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
      [
        "ops.matmul(zeros([2, 3]), zeros([3, 4], { dtype: 'bf16' }))",
        'Type \'"bf16"\' is not assignable to type \'"f32"\'',
      ],
      ['ops.matmul(zeros([3]), zeros([3, 4]))', 'matmul: a and b must have at least two axes, got [3] and [3,4]'],
    ],
  },
};

for (const name of ['relu', 'tanh', 'sigmoid', 'neg', 'exp', 'log', 'sqrt', 'square', 'abs'])
  elementRules[name] = {
    right: [
      [`ops.${name}(zeros([2, 3]))`, '[2, 3]'],
      [`ops.${name}(zeros([n, 3]))`, '[number, 3]'],
      [`ops.${name}(unranked)`, 'Shape'],
    ],
    wrong: [[`ops.${name}(zeros([2], { dtype: 'i32' }))`, 'Type \'"i32"\' is not assignable to type \'"f32"\'']],
  };

for (const name of ['add', 'sub', 'mul', 'div', 'maximum'])
  elementRules[name] = {
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
  elementRules[name] = {
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
  elementRules[name] = {
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
  elementRules[name] = {
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
