// The two forms of one function: two columns with half of every layer's maps each, and one net with grouped convolutions.

import { noGrad } from '../autograd/tape';
import { concat, copyTo, slice } from '../ops';
import { show } from '../tensor/checks';
import { type Device, device as deviceOf } from '../tensor/device';
import { scope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';

export type ParamRecord = Record<string, Tensor>;

/** Column `a` holds the first half of every layer's maps, `b` the second. */
export const COLUMNS = ['a', 'b'] as const;

const inColumn = /^(.+)([ab])\.(weight|bias)$/;
const ofLayer = /^([^.]+)\.(weight|bias)$/;

/** @internal The tensors of a record by name, none of them disposed. Each is read once: a getter cannot give another one later. */
export function tensorsOf(operator: string, params: unknown): Map<string, Tensor> {
  if (params === null || typeof params !== 'object' || params instanceof Tensor)
    throw new TypeError(`${operator}: params must be a record of tensors, got ${show(params)}`);
  const tensors = new Map<string, Tensor>(Object.entries(params));
  for (const [name, p] of tensors) {
    if (!(p instanceof Tensor)) throw new TypeError(`${operator}: '${name}' must be a tensor, got ${show(p)}`);
    p.storage(operator);
  }
  return tensors;
}

function parametersOf(operator: string, params: unknown): Map<string, Tensor> {
  const tensors = tensorsOf(operator, params);
  for (const [name, p] of tensors) {
    if (!ofLayer.test(name))
      throw new RangeError(`${operator}: names must be like 'conv1.weight' or 'conv1.bias', got ${show(name)}`);
    if (p.shape.length === 0) throw new RangeError(`${operator}: '${name}' is a scalar, which has no maps`);
  }
  return tensors;
}

/**
 * Column parameters (`conv1a.weight`, `conv1b.weight`, …, `fc8.weight`) as those of the grouped form (`conv1.weight`, …): fresh tensors on
 * the device of column a.
 * @throws TypeError or RangeError, with nothing made, where a name, a tensor or the other column's half is not as it should be
 */
export function mergeColumns(params: Readonly<Record<string, Tensor>>): ParamRecord {
  const given = parametersOf('mergeColumns', params);
  for (const [name, p] of given) {
    const [, layer, column, what] = inColumn.exec(name) ?? [];
    if (!layer) continue;
    const otherName = `${layer}${column === 'a' ? 'b' : 'a'}.${what}`;
    const other = given.get(otherName);
    if (!other) throw new RangeError(`mergeColumns: '${name}' has no counterpart '${otherName}'`);
    if (p.dtype !== other.dtype || p.shape.slice(1).join() !== other.shape.slice(1).join())
      throw new RangeError(
        `mergeColumns: '${name}' is ${p.dtype} [${p.shape}], its counterpart '${otherName}' ${other.dtype} [${other.shape}]`,
      );
  }
  return noGrad(() => {
    using s = scope(); // what a throw leaves behind
    const merged: ParamRecord = {};
    for (const [name, a] of given) {
      const [, layer, column, what] = inColumn.exec(name) ?? [];
      if (!layer) {
        merged[name] = fresh(a, a.device);
      } else if (column === 'a') {
        const b = given.get(`${layer}b.${what}`)!;
        const here = b.device === a.device ? b : copyTo(b, a.device);
        merged[`${layer}.${what}`] = concat([a, here], 0) as Tensor;
        if (here !== b) here.dispose();
      }
    }
    return s.keep(merged);
  });
}

/**
 * Parameters of the grouped form as those of two columns, column a on the first device, b on the second: fresh tensors.
 * The output layer (`fc8`, the last one) is not divided and lives on the first device.
 * @throws TypeError or RangeError, with nothing made, where a name, a tensor or a device is not as it should be
 */
export function splitColumns(params: Readonly<Record<string, Tensor>>, devices: readonly Device[]): ParamRecord {
  const given = parametersOf('splitColumns', params);
  if (!Array.isArray(devices) || devices.length !== 2)
    throw new RangeError(
      `splitColumns: devices must be two devices, got ${Array.isArray(devices) ? devices.length : show(devices)}`,
    );
  const placed = Array.from(devices, (d) => deviceOf(d));
  for (const [name, p] of given)
    if (!isOutput(name) && p.shape[0]! % 2 !== 0)
      throw new RangeError(`splitColumns: '${name}' [${p.shape}] has an odd number of maps`);
  return noGrad(() => {
    using s = scope(); // what a throw leaves behind
    const split: ParamRecord = {};
    for (const [name, p] of given) {
      if (isOutput(name)) {
        split[name] = fresh(p, placed[0]!);
        continue;
      }
      const [layer, what] = name.split('.') as [string, string];
      const rows = p.shape[0]!;
      COLUMNS.forEach((column, c) => {
        const starts = p.shape.map((_, axis) => (axis === 0 ? (c * rows) / 2 : 0));
        const ends = p.shape.map((size, axis) => (axis === 0 ? ((c + 1) * rows) / 2 : size));
        const half = slice(p, starts, ends) as Tensor;
        const device = placed[c]!;
        split[`${layer}${column}.${what}`] = half.device === device ? half : copyTo(half, device);
        if (half.device !== device) half.dispose();
      });
    }
    return s.keep(split);
  });
}

const isOutput = (name: string) => name.startsWith('fc8.');

/** A copy with memory of its own. */
function fresh(t: Tensor, device: Device): Tensor {
  if (t.device !== device) return copyTo(t, device);
  return slice(
    t,
    t.shape.map(() => 0),
    [...t.shape],
  ) as Tensor;
}
