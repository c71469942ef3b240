import { methods } from '../tensor/tensor';
import { copyTo } from './copy_to';
import { reshape } from './reshape';

Object.assign(methods, { reshape, copyTo });

export { add, div, maximum, mul, sub } from './binary';
export { concat } from './concat';
export { copyTo } from './copy_to';
export { max, mean, sum } from './reduce';
export { flatten, reshape } from './reshape';
export { slice } from './slice';
export { transpose } from './transpose';
export { abs, exp, log, neg, relu, sigmoid, sqrt, square, tanh } from './unary';
