// Each layer that has weights, alone: forward, gradient to the input, gradient to the weights. The layout is that of
// soumith/convnet-benchmarks, so that its published figures can stand beside ours.
import { noGrad, tape } from '../autograd/tape';
import { geometry, slide } from '../models/geometry';
import { conv2d, linear } from '../ops';
import { randn } from '../tensor/create';
import type { Device } from '../tensor/device';
import type { Tensor } from '../tensor/tensor';
import type { Bench } from './bench';
import type { Case } from './measure';
import { type NetName, specOf } from './nets';
import { type ConvAt, compareAt, convolution, fullyConnected } from './samples';

export interface Layer {
  name: string;
  /** Of one image: channels and height, or the number of inputs. */
  input: readonly number[];
  weight: readonly number[];
  output: readonly number[];
  stride: number;
  padding: number;
  groups: number;
  /** Of one image's forward pass. */
  flops: number;
}

/** The layers of a net in its grouped form. */
export function layersOf(model: NetName): Layer[] {
  const spec = specOf(model);
  let size = spec.sizes[0]!;
  let maps = spec.channels;
  return geometry(spec).map((l, i): Layer => {
    const common = { name: l.name, weight: l.weight, output: l.output, groups: l.groups, flops: 2 * l.multiplyAdds };
    const conv = spec.convs[i];
    if (!conv) return { ...common, input: [l.weight[1]!], stride: 1, padding: 0 };
    const input = [maps, size, size];
    size = slide(size, conv.kernel, conv.stride, conv.padding, spec.roundUp);
    maps = conv.filters;
    if (conv.after.includes('pool')) size = slide(size, spec.pool.kernel, spec.pool.stride, 0, spec.roundUp);
    return { ...common, input, stride: conv.stride, padding: conv.padding };
  });
}

export interface LayersOptions {
  model: NetName;
  batch: number;
  device: Device;
  /** Only these. */
  only?: readonly string[];
}

export async function layersSuite(bench: Bench, { model, batch, device, only }: LayersOptions): Promise<void> {
  for (const [i, layer] of layersOf(model).entries())
    if (!only || only.includes(layer.name)) await measureLayer(bench, model, layer, batch, device, i > 0);
}

async function measureLayer(
  bench: Bench,
  model: NetName,
  layer: Layer,
  batch: number,
  device: Device,
  inputGradient: boolean,
): Promise<void> {
  using x = randn([batch, ...layer.input], { seed: 1, device }) as Tensor<any>;
  using w = randn(layer.weight, { seed: 2, std: 0.05, device }) as Tensor<any>;
  using b = randn([layer.weight[0]!], { seed: 3, device }) as Tensor<any>;
  using dy = randn([batch, ...layer.output], { seed: 4, device }) as Tensor<any>;
  const { stride, padding, groups } = layer;
  const forward = (): Tensor<any> =>
    layer.input.length === 3
      ? (conv2d(x, w, b, { stride, padding, groups }) as Tensor<any>)
      : (linear(x, w, b) as Tensor<any>);
  using t = tape();
  using y = forward();
  const gradient = (of: Record<string, Tensor<any>>) =>
    noGrad(() => Object.values(t.gradients(y, of, { seed: dy, keep: true })) as Tensor<any>[]);
  const reference = await definition(layer, batch, x, w, b, dy);
  const passes: [string, () => Tensor<any>[], (i: number) => number, number][] = [
    ['forward', () => [noGrad(forward)], reference.forward, 64],
    ['gradInput', () => gradient({ x }), reference.gradInput, 64],
    ['gradWeight', () => gradient({ w }), reference.gradWeight, 16],
  ];
  for (const [pass, run, expected, count] of passes) {
    // A net never asks for the gradient to its images.
    if (pass === 'gradInput' && !inputGradient) continue;
    const work: Case = {
      id: `layers/${model}/${layer.name}/${pass}/${batch}`,
      flops: batch * layer.flops,
      devices: [device],
      check: async () => {
        using made = run()[0]!;
        return compareAt(await made.data(), expected, 'the definition in float64', 1e-4, count);
      },
      run,
    };
    await bench.time(work);
  }
}

async function definition(
  layer: Layer,
  batch: number,
  x: Tensor<any>,
  w: Tensor<any>,
  b: Tensor<any>,
  dy: Tensor<any>,
) {
  const [xs, ws, bs, dys] = await Promise.all([x.data(), w.data(), b.data(), dy.data()]);
  const [channels, size] = layer.input;
  if (size === undefined) return fullyConnected(batch, channels!, layer.weight[0]!, xs, ws, bs, dys);
  const sizes: ConvAt = {
    batch,
    channels: channels!,
    size,
    filters: layer.weight[0]!,
    kernel: layer.weight[2]!,
    stride: layer.stride,
    padding: layer.padding,
    groups: layer.groups,
    out: layer.output[1]!,
  };
  return convolution(sizes, xs, ws, bs, dys);
}
