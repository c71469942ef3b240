import { methods } from '../tensor/tensor';
import { copyTo } from './copy_to';
import { reshape } from './reshape';

Object.assign(methods, { reshape, copyTo });

export type { Pair } from '../shape/shape';
export { argmax } from './argmax';
export { add, div, maximum, mul, sub } from './binary';
export { cast } from './cast';
export { concat } from './concat';
export { type Conv2dOptions, conv2d } from './conv2d';
export { copyTo } from './copy_to';
export type { Activation } from './dense';
export { type LinearOptions, linear } from './linear';
export { type MatmulOptions, matmul } from './matmul';
export { max, mean, sum } from './reduce';
export { flatten, reshape } from './reshape';
export { slice } from './slice';
export { topK } from './top_k';
export { transpose } from './transpose';
export { abs, exp, log, neg, relu, sigmoid, sqrt, square, tanh } from './unary';
