// How large gradients, updates and weights are, layer by layer: what tells a rate that is too high or a layer that has died.
import { noGrad } from '../autograd/tape';
import { mul, sum } from '../ops';
import { scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import { layerOf } from './rates';

/** Euclidean norms over all parameters of a layer, of both columns. */
export type LayerNorms = { gradient: number; update: number; weight: number };

type Named = Readonly<Record<string, Tensor | null>>;

/**
 * Queues the sums of squares behind the update just queued, and reads them back.
 * @param momentum what the update added to the parameters
 */
export function layerNorms(gradients: Named, momentum: Named, params: Named): Promise<Record<string, LayerNorms>> {
  const squares = (values: Named) => Object.entries(values).map(([name, t]) => [name, squareSum(t)] as const);
  const sums = { gradient: squares(gradients), update: squares(momentum), weight: squares(params) };
  return collect(sums);
}

function squareSum(t: Tensor | null): Promise<number> {
  if (!t) return Promise.resolve(0);
  using s = scope();
  const total = noGrad(() => sum(mul(t, t) as Tensor) as Tensor).item();
  total.catch(() => {}); // reported where it is awaited
  void s;
  return total;
}

async function collect(
  sums: Record<keyof LayerNorms, readonly (readonly [string, Promise<number>])[]>,
): Promise<Record<string, LayerNorms>> {
  const layers: Record<string, LayerNorms> = {};
  for (const what of ['gradient', 'update', 'weight'] as const)
    for (const [name, square] of sums[what]) {
      layers[layerOf(name)] ??= { gradient: 0, update: 0, weight: 0 };
      layers[layerOf(name)]![what] += await square;
    }
  for (const layer of Object.values(layers))
    for (const what of ['gradient', 'update', 'weight'] as const) layer[what] = Math.sqrt(layer[what]);
  return layers;
}
