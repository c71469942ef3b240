// Making tensors, gradients, nets.
import type { Rules } from './rules';

export const programRules: Rules = {
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
};
