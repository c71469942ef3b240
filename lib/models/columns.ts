// The two forms of one function: two columns with half of every layer's maps each, and one net with grouped convolutions.

import { noGrad } from '../autograd/tape';
import { concat, copyTo, slice } from '../ops';
import type { Device } from '../tensor/device';
import { Tensor } from '../tensor/tensor';

export type ParamRecord = Record<string, Tensor>;

/** Column `a` holds the first half of every layer's maps, `b` the second. */
export const COLUMNS = ['a', 'b'] as const;

const inColumn = /^(.+)([ab])\.(weight|bias)$/;

function check(operator: string, params: Readonly<Record<string, Tensor>>): void {
  if (params === null || typeof params !== 'object')
    throw new TypeError(`${operator}: params must be a record of tensors`);
  for (const [name, p] of Object.entries(params))
    if (!(p instanceof Tensor)) throw new TypeError(`${operator}: '${name}' is not a tensor`);
}

/**
 * Column parameters (`conv1a.weight`, `conv1b.weight`, …, `fc8.weight`) as those of the grouped form (`conv1.weight`, …): fresh tensors on
 * the device of column a.
 */
export function mergeColumns(params: Readonly<Record<string, Tensor>>): ParamRecord {
  check('mergeColumns', params);
  return noGrad(() => {
    const merged: ParamRecord = {};
    for (const [name, a] of Object.entries(params)) {
      const [, layer, column, what] = inColumn.exec(name) ?? [];
      if (!layer) {
        merged[name] = fresh(a, a.device);
      } else if (column === 'a') {
        const other = `${layer}b.${what}`;
        const b = params[other];
        if (!b) throw new RangeError(`mergeColumns: '${name}' has no counterpart '${other}'`);
        const here = b.device === a.device ? b : copyTo(b, a.device);
        merged[`${layer}.${what}`] = concat([a, here], 0) as Tensor;
        if (here !== b) here.dispose();
      } else if (!params[`${layer}a.${what}`]) {
        throw new RangeError(`mergeColumns: '${name}' has no counterpart '${layer}a.${what}'`);
      }
    }
    return merged;
  });
}

/**
 * Parameters of the grouped form as those of two columns, column a on the first device, b on the second: fresh tensors.
 * The output layer (`fc8`, the last one) is not divided and lives on the first device.
 */
export function splitColumns(params: Readonly<Record<string, Tensor>>, devices: readonly Device[]): ParamRecord {
  check('splitColumns', params);
  if (!Array.isArray(devices) || devices.length !== 2)
    throw new RangeError(
      `splitColumns: devices must be two devices, got ${Array.isArray(devices) ? devices.length : typeof devices}`,
    );
  return noGrad(() => {
    const split: ParamRecord = {};
    for (const [name, p] of Object.entries(params)) {
      const [layer, what] = name.split('.') as [string, string];
      if (layer === 'fc8') {
        split[name] = fresh(p, devices[0]!);
        continue;
      }
      const rows = p.shape[0]!;
      if (rows % 2 !== 0) throw new RangeError(`splitColumns: '${name}' [${p.shape}] has an odd number of maps`);
      COLUMNS.forEach((column, c) => {
        const starts = p.shape.map((_, axis) => (axis === 0 ? (c * rows) / 2 : 0));
        const ends = p.shape.map((size, axis) => (axis === 0 ? ((c + 1) * rows) / 2 : size));
        const half = slice(p, starts, ends) as Tensor;
        const device = devices[c]!;
        split[`${layer}${column}.${what}`] = half.device === device ? half : copyTo(half, device);
        if (half.device !== device) half.dispose();
      });
    }
    return split;
  });
}

/** A copy with memory of its own. */
function fresh(t: Tensor, device: Device): Tensor {
  if (t.device !== device) return copyTo(t, device);
  return slice(
    t,
    t.shape.map(() => 0),
    [...t.shape],
  ) as Tensor;
}
