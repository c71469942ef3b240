// Sizes, parameters and work of a net's layers, from its specification alone.
import type { NetSpec } from './spec';

/** One layer that has weights, of both columns together. */
export interface LayerGeometry {
  readonly name: string;
  /** K×(C/groups)×R×S for a convolution, out×in for a fully-connected layer; in the grouped form. */
  readonly weight: readonly number[];
  /** Convolution groups in the grouped form: 2 where a column reads only its own maps. */
  readonly groups: number;
  /** Output of the layer before pooling: maps×height×width, or units. */
  readonly output: readonly number[];
  /** Multiply-adds of one image's forward pass. */
  readonly multiplyAdds: number;
}

/** Output size of a window sliding over `size`; rounding up lets the last window hang over the edge. */
export function slide(size: number, kernel: number, stride: number, padding: number, roundUp: boolean): number {
  const steps = (size + 2 * padding - kernel) / stride;
  return 1 + (roundUp ? Math.ceil(steps) : Math.floor(steps));
}

export function geometry(spec: NetSpec): LayerGeometry[] {
  const layers: LayerGeometry[] = [];
  let size = spec.sizes[0]!;
  let maps = spec.channels;
  for (const conv of spec.convs) {
    const groups = conv.reads === 'own' ? 2 : 1;
    const weight = [conv.filters, maps / groups, conv.kernel, conv.kernel];
    size = slide(size, conv.kernel, conv.stride, conv.padding, spec.roundUp);
    const perPixel = weight.reduce((a, b) => a * b, 1);
    layers.push({
      name: conv.name,
      weight,
      groups,
      output: [conv.filters, size, size],
      multiplyAdds: perPixel * size * size,
    });
    maps = conv.filters;
    if (conv.after.includes('pool')) size = slide(size, spec.pool.kernel, spec.pool.stride, 0, spec.roundUp);
  }
  let inputs = maps * size * size;
  for (const { name, units } of [...spec.hidden, { name: spec.output.name, units: spec.output.classes }]) {
    layers.push({ name, weight: [units, inputs], groups: 1, output: [units], multiplyAdds: units * inputs });
    inputs = units;
  }
  return layers;
}
