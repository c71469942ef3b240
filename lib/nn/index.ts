export { Conv2d, conv2d, Linear, linear } from './dense';
export {
  avgPool2d,
  dropout,
  elementwise,
  FunctionLayer,
  flatten,
  localResponseNorm,
  logSoftmax,
  maxPool2d,
  relu,
  sigmoid,
  softmax,
  spatialResponseNorm,
  tanh,
} from './functions';
export type { InitOptions } from './init';
export { type AnyShape, type ForwardOptions, type Input, Layer, type SameShape, type ShapeRule } from './layer';
export { Sequential, type Step, sequential } from './sequential';
