// Every operator, with its gradient and sample calls. The type is total over what ./index exports, so that an operator without an
// entry here is a compile error, and the samples are all that a gradient check or a new kind of device needs.

import type { Shape } from '../shape/shape';
import { argmaxRule } from './argmax';
import { addRule, divRule, maximumRule, mulRule, subRule } from './binary';
import type { Case, Operator } from './cases';
import { castRule } from './cast';
import { concatRule } from './concat';
import { conv2dRule } from './conv2d';
import { copyToRule } from './copy_to';
import { cropImagesRule } from './crop_images';
import * as ops from './index';
import { layers } from './layer_cases';
import { linearRule } from './linear';
import { matmulRule } from './matmul';
import { maxRule, meanRule, sumRule } from './reduce';
import { flattenRule, reshapeRule } from './reshape';
import { sliceRule } from './slice';
import { topKRule } from './top_k';
import { transposeRule } from './transpose';
import { absRule, expRule, logRule, negRule, reluRule, sigmoidRule, sqrtRule, squareRule, tanhRule } from './unary';

export type OperatorName = keyof typeof ops;

/** The same function of one tensor over a ragged, a single and a large input (large: more than one task of a kernel). */
function elementwise(run: (x: any) => any, low = -2, high = 2): [Case, ...Case[]] {
  return [
    { name: 'ragged', inputs: { x: { shape: [3, 5, 7], low, high } }, run: ({ x }) => run(x) },
    { name: 'one element', inputs: { x: { shape: [1], low, high } }, run: ({ x }) => run(x) },
    { name: 'large', inputs: { x: { shape: [40_007], low, high } }, run: ({ x }) => run(x), elements: 8 },
  ];
}

/** The same function of two tensors over equal shapes, and broadcast from either side and from both by turns. */
function broadcasting(run: (a: any, b: any) => any, low = -2, high = 2): [Case, ...Case[]] {
  const over = (name: string, a: number[], b: number[], elements?: number): Case => ({
    name,
    inputs: { a: { shape: a, low, high }, b: { shape: b, low, high } },
    run: (inputs) => run(inputs.a, inputs.b),
    elements,
  });
  return [
    over('equal shapes', [3, 5, 7], [3, 5, 7]),
    over('scalar and scalar', [], []),
    over('channels', [2, 3, 4, 5], [3, 1, 1]),
    over('a row', [7], [5, 7]),
    over('both by turns', [2, 1, 3, 1], [5, 1, 4]),
    over('large', [40_007], [40_007], 8),
  ];
}

function reducing(run: (x: any, options?: any) => any): [Case, ...Case[]] {
  const over = (name: string, shape: number[], options?: object, elements?: number): Case => ({
    name,
    inputs: { x: shape },
    run: ({ x }) => run(x, options),
    elements,
  });
  return [
    over('a scalar', []),
    over('all axes', [3, 5, 7]),
    over('rows', [5, 37], { axis: -1 }),
    over('columns', [37, 5], { axis: 0, keepDims: true }),
    over('channels', [2, 3, 4, 5], { axis: [0, 2, 3] }),
    over('large', [70_001], {}, 8),
  ];
}

function convolution(name: string, x: Shape, weight: Shape, options: ops.Conv2dOptions, elements?: number): Case {
  const inputs = { x, weight, bias: [weight[0]!] };
  return { name, inputs, run: (t) => ops.conv2d(t.x, t.weight, t.bias, options), elements };
}

export const registry: { readonly [K in OperatorName]: Operator } = {
  abs: { rule: absRule, cases: elementwise(ops.abs) },
  add: {
    rule: addRule,
    cases: [
      ...broadcasting(ops.add),
      { name: 'large, a row', inputs: { a: [2_003, 20], b: [20] }, run: ({ a, b }) => ops.add(a, b), elements: 8 },
    ],
  },
  argmax: {
    rule: argmaxRule,
    cases: [
      { name: 'rows', inputs: { x: { shape: [5, 37], ties: 4 } }, run: ({ x }) => ops.argmax(x) },
      { name: 'a middle axis', inputs: { x: [3, 7, 5] }, run: ({ x }) => ops.argmax(x, 1) },
    ],
  },
  cast: { rule: castRule, cases: elementwise((x) => ops.cast(x, 'f32')) },
  concat: {
    rule: concatRule,
    cases: [
      { name: 'rows', inputs: { a: [2, 3], b: [1, 3] }, run: ({ a, b }) => ops.concat([a, b], 0) },
      {
        name: 'a middle axis',
        inputs: { a: [2, 3, 4], b: [2, 1, 4], c: [2, 2, 4] },
        run: ({ a, b, c }) => ops.concat([a, b, c], 1),
      },
      { name: 'one tensor twice', inputs: { a: [3, 2] }, run: ({ a }) => ops.concat([a, a], -1) },
    ],
  },
  conv2d: {
    rule: conv2dRule,
    cases: [
      convolution('padded, in groups', [2, 4, 5, 7], [6, 2, 3, 3], { padding: 1, groups: 2 }),
      convolution('strided', [2, 3, 9, 10], [4, 3, 4, 3], { stride: [3, 2], padding: [2, 1] }),
      convolution('one of everything', [1, 1, 1, 1], [1, 1, 1, 1], {}),
      // More than one step along k, more than one block of pixels and more than one tile of filters.
      convolution('large', [3, 50, 13, 13], [37, 50, 3, 3], { padding: 1 }, 8),
    ],
  },
  copyTo: { rule: copyToRule, cases: elementwise((x) => ops.copyTo(x, x.device)) },
  cropImages: {
    rule: cropImagesRule,
    cases: [
      {
        name: 'an image mean, a shift, three views',
        inputs: {
          x: { shape: [2, 3, 11, 9], ties: 256 },
          windows: { shape: [6, 3], below: 5 },
          mean: [3, 11, 9],
          shift: [2, 3],
        },
        run: ({ x, windows, mean, shift }) =>
          ops.cropImages(ops.cast(x, 'u8'), windows, { size: [7, 6], views: 3, mean, shift, scale: 1 / 64 }),
      },
      {
        name: 'a mean a channel, beyond the edges',
        inputs: { x: { shape: [3, 2, 5, 4], ties: 256 }, windows: { shape: [3, 3], below: 7 }, mean: [2] },
        run: ({ x, windows, mean }) => ops.cropImages(ops.cast(x, 'u8'), windows, { size: 4, mean }),
      },
      {
        name: 'large',
        inputs: { x: { shape: [4, 3, 70, 70], ties: 256 }, windows: { shape: [4, 3], below: 6 } },
        run: ({ x, windows }) => ops.cropImages(ops.cast(x, 'u8'), windows, { size: 64 }),
      },
    ],
  },
  div: { rule: divRule, cases: broadcasting(ops.div, 0.5, 2) },
  exp: { rule: expRule, cases: elementwise(ops.exp) },
  flatten: {
    rule: flattenRule,
    cases: [{ name: 'maps', inputs: { x: [2, 3, 4, 5] }, run: ({ x }) => ops.flatten(x) }],
  },
  linear: {
    rule: linearRule,
    cases: [
      {
        name: 'ragged',
        inputs: { x: [5, 7], weight: [19, 7], bias: [19] },
        run: ({ x, weight, bias }) => ops.linear(x, weight, bias),
      },
      {
        name: 'one row, without bias',
        inputs: { x: [33], weight: [3, 33] },
        run: ({ x, weight }) => ops.linear(x, weight, null),
      },
      {
        name: 'large',
        inputs: { x: [70, 500], weight: [410, 500], bias: [410] },
        run: ({ x, weight, bias }) => ops.linear(x, weight, bias),
        elements: 8,
      },
      {
        name: 'a row, weight in bf16',
        inputs: { x: [37], weight: { shape: [29, 37], low: -2, high: 2, dtype: 'bf16' }, bias: [29] },
        run: ({ x, weight, bias }) => ops.linear(x, weight, bias),
      },
      {
        name: 'large, weight in bf16',
        inputs: { x: [70, 500], weight: { shape: [410, 500], low: -2, high: 2, dtype: 'bf16' }, bias: [410] },
        run: ({ x, weight, bias }) => ops.linear(x, weight, bias),
        elements: 8,
      },
    ],
  },
  ...layers,
  log: { rule: logRule, cases: elementwise(ops.log, 0.5, 4) },
  matmul: {
    rule: matmulRule,
    cases: [
      { name: 'ragged', inputs: { a: [5, 7], b: [7, 19] }, run: ({ a, b }) => ops.matmul(a, b) },
      {
        name: 'transposed stacks',
        inputs: { a: [2, 2, 4, 3], b: [2, 2, 5, 4] },
        run: ({ a, b }) => ops.matmul(a, b, { transposeA: true, transposeB: true }),
      },
      {
        name: 'large',
        inputs: { a: [500, 70], b: [500, 300] },
        run: ({ a, b }) => ops.matmul(a, b, { transposeA: true }),
        elements: 8,
      },
    ],
  },
  max: { rule: maxRule, cases: reducing(ops.max) },
  maximum: { rule: maximumRule, cases: broadcasting(ops.maximum) },
  mean: { rule: meanRule, cases: reducing(ops.mean) },
  mul: { rule: mulRule, cases: broadcasting(ops.mul) },
  neg: { rule: negRule, cases: elementwise(ops.neg) },
  relu: { rule: reluRule, cases: elementwise(ops.relu) },
  reshape: {
    rule: reshapeRule,
    cases: [{ name: 'one size left open', inputs: { x: [2, 3, 4] }, run: ({ x }) => ops.reshape(x, [4, -1]) }],
  },
  sigmoid: { rule: sigmoidRule, cases: elementwise(ops.sigmoid) },
  slice: {
    rule: sliceRule,
    cases: [
      { name: 'a box', inputs: { x: [4, 5, 6] }, run: ({ x }) => ops.slice(x, [1, 0, 2], [3, 5, -1]) },
      { name: 'all', inputs: { x: [3] }, run: ({ x }) => ops.slice(x, [0], [3]) },
    ],
  },
  sqrt: { rule: sqrtRule, cases: elementwise(ops.sqrt, 0.5, 4) },
  square: { rule: squareRule, cases: elementwise(ops.square) },
  sub: { rule: subRule, cases: broadcasting(ops.sub) },
  sum: { rule: sumRule, cases: reducing(ops.sum) },
  tanh: { rule: tanhRule, cases: elementwise(ops.tanh) },
  topK: {
    rule: topKRule,
    cases: [
      { name: 'rows', inputs: { x: [5, 37] }, run: ({ x }) => ops.topK(x, 5).values },
      { name: 'rank 3', inputs: { x: [2, 3, 11] }, run: ({ x }) => ops.topK(x, 7).values },
      { name: 'all', inputs: { x: [6] }, run: ({ x }) => ops.topK(x, 6).values },
    ],
  },
  transpose: {
    rule: transposeRule,
    cases: [
      { name: 'a matrix', inputs: { x: [37, 19] }, run: ({ x }) => ops.transpose(x) },
      { name: 'four axes', inputs: { x: [2, 3, 4, 5] }, run: ({ x }) => ops.transpose(x, [2, 0, 3, 1]) },
    ],
  },
};

export const operatorNames = Object.keys(registry) as OperatorName[];
