// Every operator, with its gradient and sample calls. The type is total over what ./index exports, so that an operator without an
// entry here is a compile error, and the samples are all that a gradient check or a new kind of device needs.
import type { Case, Operator } from './cases';
import * as ops from './index';
import { reluRule } from './unary';

export type OperatorName = keyof typeof ops;

/** The same function of one tensor over a ragged, a single and a large input (large: more than one task of a kernel). */
function elementwise(run: (x: any) => any, low = -2, high = 2): [Case, ...Case[]] {
  return [
    { name: 'ragged', inputs: { x: { shape: [3, 5, 7], low, high } }, run: ({ x }) => run(x) },
    { name: 'one element', inputs: { x: { shape: [1], low, high } }, run: ({ x }) => run(x) },
    { name: 'large', inputs: { x: { shape: [40_007], low, high } }, run: ({ x }) => run(x), elements: 8 },
  ];
}

export const registry: { readonly [K in OperatorName]: Operator } = {
  relu: { rule: reluRule, cases: elementwise(ops.relu) },
};

export const operatorNames = Object.keys(registry) as OperatorName[];
