// What element types come to: the arrays that values are read into, and which operators take bf16. `tsc` checks it; nothing here runs.
import { type DType, full, models, ops, type Tensor, tensor } from '../../lib';
import { expectType } from './expect';

declare const half: Tensor<[2], 'bf16'>,
  rows: Tensor<[5, 2]>,
  weight: Tensor<[3, 2], 'bf16'>,
  ints: Tensor<[3, 2], 'i32'>;
declare const image: Tensor<[1, 1, 2, 3]>,
  filters: Tensor<[4, 1, 1, 1], 'bf16'>,
  either: Tensor<[3, 2], 'f32' | 'bf16'>;
declare const any: Tensor<[2], DType>;

expectType<Promise<Float32Array>>()(half.data());
expectType<Float32Array>()(half.dataSync());
expectType<Promise<Int32Array>>()(ints.data());
expectType<Promise<Float32Array | Int32Array | Uint8Array>>()(any.data());
expectType<Promise<number>>()(half.item());
expectType<Tensor<[2], 'bf16'>>()(half.copyFrom(new Float32Array(2)));
expectType<Tensor<[2], 'bf16'>>()(tensor([0.5, 2], { dtype: 'bf16' }));
expectType<Tensor<[2], 'bf16'>>()(full([2], 0.1, { dtype: 'bf16' }));
expectType<Tensor<[5, 2], 'bf16'>>()(ops.cast(rows, 'bf16'));
expectType<Tensor<[3, 2]>>()(ops.cast(weight, 'f32'));
expectType<Tensor<[2, 3], 'bf16'>>()(ops.transpose(weight));
expectType<Tensor<[5, 3]>>()(ops.linear(rows, weight, null));
expectType<Tensor<[5, 3]>>()(ops.linear(rows, either, null));

const net = models.alexnetSmall();
expectType<Tensor<[2, 10]>>()(net.forward({} as Tensor<[2, 1, 28, 28]>, { weights: 'bf16' }));
expectType<Tensor<[2, number]>>()(net.features({} as Tensor<[2, 1, 28, 28]>, { weights: 'bf16' }));

// @ts-expect-error values of bf16 are no f32's, though both are read as floats
half.copyFrom({} as Tensor<[2]>);
// @ts-expect-error integers
ops.linear(rows, ints, null);
// @ts-expect-error shapes are checked all the same
ops.linear(rows, half, null);
// @ts-expect-error x
ops.linear(weight, weight, null);
// @ts-expect-error bias
ops.linear(rows, weight, {} as Tensor<[3], 'bf16'>);
// @ts-expect-error weight
ops.conv2d(image, filters, null);
// @ts-expect-error b
ops.matmul(rows, ops.transpose(weight));
// @ts-expect-error x
ops.relu(half);
// @ts-expect-error b
ops.add(rows, half);
// @ts-expect-error there is no f16
ops.cast(rows, 'f16');
// @ts-expect-error there is no f16
net.forward({} as Tensor<[2, 1, 28, 28]>, { weights: 'f16' });
