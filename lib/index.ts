/// <reference lib="esnext.disposable" preserve="true" />
export { defineOp, type OpContext } from './autograd/define';
export { type GradcheckOptions, type GradcheckResult, gradcheck } from './autograd/gradcheck';
export { noGrad, type Tape, tape } from './autograd/tape';
export * as data from './data';
export * as models from './models';
export type { DType, Precision } from './native/addon';
export * as nn from './nn';
export * as ops from './ops';
export * as optim from './optim';
export type { Pair, Shape, ShapeError } from './shape/shape';
export { arange, full, ones, randn, tensor, uniform, zeros } from './tensor/create';
export { Device, device, devices, numThreads, precision } from './tensor/device';
export { manualSeed } from './tensor/random';
export { type Scope, scope } from './tensor/scope';
export { Tensor } from './tensor/tensor';
export { version } from './version';
