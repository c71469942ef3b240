import type { DType } from '../native/addon';
import type { Shape } from '../shape/shape';
import { type DeviceLike, defaultDevice, device as deviceOf } from './device';
import { empty, type Tensor } from './tensor';

export function tensor<const S extends Shape>(
  data: readonly number[],
  options: { shape: S; dtype?: DType; device?: DeviceLike },
): Tensor<S> {
  const t = empty(
    options.shape,
    options.device === undefined ? defaultDevice : deviceOf(options.device),
    'f32' as DType,
  );
  t.copyFrom(Float32Array.from(data));
  return t as Tensor<S>;
}
