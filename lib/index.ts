export { defineOp, type OpContext } from './autograd/define';
export { type GradcheckOptions, type GradcheckResult, gradcheck } from './autograd/gradcheck';
export { noGrad, type Tape, tape } from './autograd/tape';
export * as ops from './ops';
export { tensor } from './tensor/create';
export { Device, device, devices, numThreads } from './tensor/device';
export { type Scope, scope } from './tensor/scope';
export { Tensor } from './tensor/tensor';
export { version } from './version';
