// Sample calls of the operators that make up AlexNet's layers besides the matrix products: part of ./registry.
import { avgPool2d, avgPool2dRule } from './avg_pool2d';
import type { Case, InputSpec, Operator } from './cases';
import { crossEntropy, crossEntropyRule, type Reduction } from './cross_entropy';
import { dropout, dropoutRule } from './dropout';
import { localResponseNorm, localResponseNormRule } from './local_response_norm';
import { maxPool2d, maxPool2dRule } from './max_pool2d';
import type { Pool2dOptions } from './pool2d';
import { logSoftmax, logSoftmaxRule, softmax, softmaxRule } from './softmax';
import { spatialResponseNorm, spatialResponseNormRule } from './spatial_response_norm';

function pooling(run: (x: any, options: Pool2dOptions) => any): [Case, ...Case[]] {
  const over = (name: string, x: InputSpec, options: Pool2dOptions, elements?: number): Case => ({
    name,
    inputs: { x },
    run: (inputs) => run(inputs.x, options),
    elements,
  });
  return [
    over('overlapping', [2, 3, 13, 13], { kernel: 3, stride: 2 }, 60),
    over('side by side', [1, 2, 6, 8], { kernel: 2 }),
    over('padded, hanging over', [1, 2, 6, 7], { kernel: 3, stride: 2, padding: 1, ceil: true }),
    over('unequal axes', [2, 1, 7, 9], { kernel: [2, 4], stride: [3, 1], padding: [1, 2] }),
    over('gaps between windows', [1, 1, 11, 11], { kernel: 2, stride: 4 }),
    over('the whole map', [1, 2, 5, 4], { kernel: [5, 4] }),
    over('one element', [1, 1, 1, 1], { kernel: 1, stride: 1 }),
    over('large', [3, 50, 27, 27], { kernel: 3, stride: 2 }, 8),
  ];
}

function alongAxis(run: (x: any, axis?: number) => any): [Case, ...Case[]] {
  const over = (name: string, x: InputSpec, axis?: number, elements?: number): Case => ({
    name,
    inputs: { x },
    run: (inputs) => run(inputs.x, axis),
    elements,
  });
  return [
    over('rows', [5, 37]),
    over('columns', [37, 5], 0),
    over('a middle axis', [2, 7, 19], 1),
    over('one class', [3, 1]),
    over('large logits', { shape: [3, 10], low: -300, high: 300 }),
    over('large', [67, 1000], -1, 8),
  ];
}

function normed(name: string, x: InputSpec, run: (x: any) => any, elements?: number): Case {
  return { name, inputs: { x }, run: (inputs) => run(inputs.x), elements };
}

function loss(reduction: Reduction): Case {
  return {
    name: reduction,
    inputs: { logits: [13, 10], labels: { shape: [13], below: 10 } },
    run: ({ logits, labels }) => crossEntropy(logits, labels, { reduction }),
  };
}

export const layers = {
  avgPool2d: { rule: avgPool2dRule, cases: pooling(avgPool2d) },
  crossEntropy: {
    rule: crossEntropyRule,
    cases: [loss('mean'), loss('sum'), loss('none')],
  },
  dropout: {
    rule: dropoutRule,
    cases: [
      normed('paper', [3, 5, 7], (x) => dropout(x, { seed: 7 })),
      normed('inverted', [3, 5, 7], (x) => dropout(x, { p: 0.3, mode: 'inverted', seed: 8 })),
      normed('large', [40_007], (x) => dropout(x, { seed: 2 ** 53 - 1 }), 8),
    ],
  },
  localResponseNorm: {
    rule: localResponseNormRule,
    cases: [
      // alpha far above the text's, so that the sum matters to the gradient
      normed('the text', [2, 9, 3, 4], (x) => localResponseNorm(x, { alpha: 0.3 })),
      normed('groups', [1, 12, 2, 3], (x) => localResponseNorm(x, { alpha: 0.3, groups: 3 })),
      normed('even size, another power', [2, 6, 5], (x) =>
        localResponseNorm(x, { size: 2, alpha: 0.5, beta: 0.6, k: 1 }),
      ),
      normed('wider than the maps', [2, 3, 5], (x) => localResponseNorm(x, { size: 99, alpha: 0.3 })),
      normed('one map', [1, 1, 1, 1], (x) => localResponseNorm(x, { alpha: 0.3 })),
      normed('large', [2, 16, 55, 55], (x) => localResponseNorm(x, { alpha: 0.3, groups: 2 }), 8),
    ],
  },
  logSoftmax: { rule: logSoftmaxRule, cases: alongAxis(logSoftmax) },
  maxPool2d: { rule: maxPool2dRule, cases: pooling(maxPool2d) },
  softmax: { rule: softmaxRule, cases: alongAxis(softmax) },
  spatialResponseNorm: {
    rule: spatialResponseNormRule,
    cases: [
      normed('layers-145', [1, 2, 9, 9], (x) => spatialResponseNorm(x, { size: 5, alpha: 0.1, beta: 0.75 }), 60),
      normed('even size, another power', [2, 1, 5, 7], (x) =>
        spatialResponseNorm(x, { size: 4, alpha: 0.1, beta: 0.4, k: 2 }),
      ),
      normed('wider than the map', [1, 2, 3, 4], (x) => spatialResponseNorm(x, { size: 31, alpha: 0.1, beta: 0.75 })),
      normed('one element', [1, 1, 1, 1], (x) => spatialResponseNorm(x, { size: 5, alpha: 0.1, beta: 0.75 })),
      normed('large', [2, 40, 27, 27], (x) => spatialResponseNorm(x, { size: 5, alpha: 0.1, beta: 0.75 }), 8),
    ],
  },
} satisfies Record<string, Operator>;
