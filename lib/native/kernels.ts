// Parameters of every native operator, as native/core/ops/*.h names them. test/native/kernels.test.ts compares this list with the addon's.

export type UnaryFunction = 'relu' | 'tanh' | 'sigmoid' | 'neg' | 'exp' | 'log' | 'sqrt' | 'square' | 'abs';
export type BinaryPartial = 'divB' | 'maximumA' | 'maximumB';
export type Reduction = 'sum' | 'mean' | 'max';
export type BinaryFunction = 'add' | 'sub' | 'mul' | 'div' | 'maximum';
export type Ints = readonly number[];
export interface ReducedAxes {
  shape: Ints;
  strides: Ints;
  reduced: Ints;
  reducedStrides: Ints;
}

export interface ConvSizes {
  batch: number;
  channels: number;
  height: number;
  width: number;
  filters: number;
  kernelHeight: number;
  kernelWidth: number;
  strideHeight: number;
  strideWidth: number;
  paddingHeight: number;
  paddingWidth: number;
  groups: number;
}

/** `native/core/ops/window.h` */
export interface WindowSizes {
  planes: number;
  height: number;
  width: number;
  outHeight: number;
  outWidth: number;
  kernelHeight: number;
  kernelWidth: number;
  strideHeight: number;
  strideWidth: number;
  paddingHeight: number;
  paddingWidth: number;
}

export interface LocalResponseNorm {
  outer: number;
  channels: number;
  pixels: number;
  size: number;
  groups: number;
  alpha: number;
  beta: number;
  k: number;
}

export interface SpatialResponseNorm {
  planes: number;
  height: number;
  width: number;
  size: number;
  alpha: number;
  beta: number;
  k: number;
}

type Softmax = { outer: number; axis: number; inner: number; log: boolean };
type CrossEntropy = { rows: number; classes: number; reduction: 'mean' | 'sum' | 'none' };

export interface KernelParams {
  unary: { function: UnaryFunction; count: number };
  unaryGrad: { function: UnaryFunction; count: number };
  binary: { function: BinaryFunction; shape: Ints; aStrides: Ints; bStrides: Ints };
  binaryGrad: { partial: BinaryPartial; shape: Ints; aStrides: Ints; bStrides: Ints };
  fill: { count: number; value: number };
  random: { distribution: 'normal' | 'uniform'; count: number; seed: number; a: number; b: number };
  reduce: { function: Reduction } & ReducedAxes;
  maxGrad: ReducedAxes;
  stridedCopy: { shape: Ints; fromStrides: Ints; toStrides: Ints; fromOffset: number; toOffset: number };
  topK: { rows: number; n: number; k: number };
  topKGrad: { rows: number; n: number; k: number };
  argmax: { outer: number; n: number; inner: number };
  cast: { count: number };
  cropImages: {
    batch: number;
    channels: number;
    height: number;
    width: number;
    views: number;
    outHeight: number;
    outWidth: number;
    mean: 'none' | 'channel' | 'image';
    scale: number;
  };
  matmul: { batch: number; m: number; n: number; k: number; transposeA: boolean; transposeB: boolean; relu: boolean };
  conv2d: ConvSizes & { relu: boolean };
  conv2dGradInput: ConvSizes;
  conv2dGradWeight: ConvSizes;
  biasGrad: { outer: number; channels: number; inner: number; relu: boolean };
  localResponseNorm: LocalResponseNorm;
  localResponseNormGrad: LocalResponseNorm;
  spatialResponseNorm: SpatialResponseNorm;
  spatialResponseNormGrad: SpatialResponseNorm;
  maxPool2d: WindowSizes;
  maxPool2dGrad: WindowSizes;
  avgPool2d: WindowSizes;
  avgPool2dGrad: WindowSizes;
  dropout: {
    count: number;
    seed: number;
    keep: number;
    scale: number;
    columns: number;
    pitch: number;
    offset: number;
  };
  softmax: Softmax;
  softmaxGrad: Softmax;
  crossEntropy: CrossEntropy;
  crossEntropyGrad: CrossEntropy;
  sgd: { count: number; lr: number; momentum: number; weightDecay: number };
}
