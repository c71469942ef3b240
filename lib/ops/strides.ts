// Strides, in elements: what the kernels that walk over shapes are given.
import { launch } from '../native/addon';
import type { Shape } from '../shape/shape';
import { sizeOf } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';

/** Of a row-major tensor. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis--]!) strides[axis] = step;
  return strides;
}

/** The shape that NumPy's rules broadcast both to: aligned at the last axis, sizes equal or 1. Null where there is none. */
export function broadcastShape(a: Shape, b: Shape): number[] | null {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let axis = 0; axis < rank; axis++) {
    const m = a[a.length - rank + axis] ?? 1;
    const n = b[b.length - rank + axis] ?? 1;
    if (m !== n && m !== 1 && n !== 1) return null;
    shape[axis] = m === 1 ? n : m;
  }
  return shape;
}

/** Strides that walk a row-major `from` over `shape`, which it broadcasts to: 0 along broadcast axes. */
export function broadcastStrides(from: Shape, shape: Shape): number[] {
  const own = stridesOf(from);
  return shape.map((_, axis) => {
    const i = from.length - shape.length + axis;
    return i < 0 || from[i] === 1 ? 0 : own[i]!;
  });
}

/** What kernels over reduced axes are given, for a row-major x and the axes that go. */
export function reducedAxes(x: Shape, axes: readonly number[]) {
  const all = stridesOf(x);
  const kept = x.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const pick = (list: readonly number[], from: readonly number[]) => list.map((axis) => from[axis]!);
  const gone = [...axes].sort((a, b) => a - b);
  return {
    shape: pick(kept, x),
    strides: pick(kept, all),
    reduced: pick(gone, x),
    reducedStrides: pick(gone, all),
  };
}

/** x copied to `shape`, which it broadcasts to. */
export function broadcastTo(operator: string, x: Tensor<any, any>, shape: Shape): Tensor<any, any> {
  const y = empty(shape, x.device, x.dtype);
  launch(
    'stridedCopy',
    { shape, fromStrides: broadcastStrides(x.shape, shape), toStrides: stridesOf(shape), fromOffset: 0, toOffset: 0 },
    [x.storage(operator).native],
    [y.storage(operator).native],
  );
  return y;
}

/** The sum of x along every axis that `shape` was broadcast along to become x's shape; x itself where there is none. */
export function sumTo(operator: string, x: Tensor<any>, shape: Shape): Tensor<any> {
  const lead = x.rank - shape.length;
  const axes = x.shape.flatMap((n: number, axis: number) =>
    axis < lead || (n !== 1 && shape[axis - lead] === 1) ? [axis] : [],
  );
  if (sizeOf(shape) === x.size) return axes.length === 0 ? x : x.reshape(shape);
  const y = empty(shape, x.device);
  launch(
    'reduce',
    { function: 'sum', ...reducedAxes(x.shape, axes) },
    [x.storage(operator).native],
    [y.storage(operator).native],
  );
  return y;
}
