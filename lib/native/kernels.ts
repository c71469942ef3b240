// Parameters of every native operator, as native/core/ops/*.h names them. test/native/kernels.test.ts compares this list with the addon's.

export type UnaryFunction = 'relu' | 'tanh' | 'sigmoid' | 'neg' | 'exp' | 'log' | 'sqrt' | 'square' | 'abs';
export type BinaryFunction = 'add' | 'sub' | 'mul' | 'div' | 'maximum';
type Ints = readonly number[];

export interface KernelParams {
  unary: { function: UnaryFunction; count: number };
  unaryGrad: { function: UnaryFunction; count: number };
  binary: { function: BinaryFunction; shape: Ints; aStrides: Ints; bStrides: Ints };
  fill: { count: number; value: number };
  random: { distribution: 'normal' | 'uniform'; count: number; seed: number; a: number; b: number };
  matmul: { m: number; n: number; k: number; transposeA: boolean; transposeB: boolean; relu: boolean };
}
