// The network that a NetSpec describes, on one device (grouped convolutions) or on two (columns that exchange activations). Placement is
// data: a column is an index into `devices`, and what crosses does so by copyTo, whether or not the devices differ.
import { noGrad } from '../autograd/tape';
import {
  cast,
  concat,
  conv2d,
  copyTo,
  dropout,
  flatten,
  linear,
  localResponseNorm,
  maxPool2d,
  mul,
  relu,
  spatialResponseNorm,
} from '../ops';
import type { Shape } from '../shape/shape';
import { checkBoolean, checkChoice, checkOptions, checkShape, show } from '../tensor/checks';
import { full, randn, zeros } from '../tensor/create';
import type { Device } from '../tensor/device';
import { checkSeed, mixSeed, nextSeed } from '../tensor/random';
import { freeWith, scope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import { COLUMNS, type ParamRecord, splitColumns, tensorsOf } from './columns';
import { describe, type LayerRow } from './describe';
import { geometry, type LayerGeometry, slide } from './geometry';
import type { ConvSpec, NetSpec, Step } from './spec';

export interface ForwardOptions {
  /** Drop units (training) instead of scaling all of them (testing). Default false. */
  train?: boolean;
  /** Decides the dropout masks of this pass; drawn from the global generator where it is not given. */
  seed?: number;
  /** The masks' seeds layer by layer, where a comparison with another system needs them; instead of `seed`. */
  dropoutSeeds?: readonly number[];
  /** `bf16`: see {@link InferenceOptions}; not with `train`. */
  weights?: WeightType;
}

export const weightTypes = ['f32', 'bf16'] as const;
export type WeightType = (typeof weightTypes)[number];

export interface InferenceOptions {
  /**
   * `bf16`: the fully-connected layers read copies of their weights rounded to bf16 (8 bits of mantissa), half the bytes, which is what one
   * image at a time waits for. Products and sums are f32. The net keeps the copies, and makes new ones where its weights have changed;
   * gradients do not reach the weights themselves. Default `f32`.
   */
  weights?: WeightType;
}

/**
 * `B`, `C`, `H` and `K` are the batch, the image's channels and size, and the number of classes. Made by `models.alexnet` and its kin.
 */
export class ColumnNet<C extends number = number, H extends number = number, K extends number = number>
  implements Disposable
{
  /** Parameters by name: `conv1a.weight` … `fc8.bias` on two devices, `conv1.weight` … on one. */
  readonly params: ParamRecord;
  // Of fully-connected weights, with the version of what was rounded.
  readonly #rounded = new Map<Tensor, { version: number; weight: Tensor<Shape, 'bf16'> }>();
  readonly layers: readonly LayerGeometry[];

  /** @internal */
  constructor(
    readonly name: string,
    readonly spec: NetSpec,
    readonly devices: readonly Device[],
    seed: number,
  ) {
    this.layers = geometry(spec);
    this.params = this.#initialise(seed);
  }

  /** Whether the net is in two columns (two entries in `devices`, even if the same device twice). */
  get columns(): boolean {
    return this.devices.length === 2;
  }

  /** N×C×H×W images → N×classes logits, on the first device. */
  forward<N extends number>(x: Tensor<readonly [N, C, H, H]>, options: ForwardOptions = {}): Tensor<[N, K]> {
    const known = ['train', 'seed', 'dropoutSeeds', 'weights'] as const;
    const { train = false, seed, dropoutSeeds, weights = 'f32' } = checkOptions(this.name, options, known);
    checkBoolean(this.name, 'train', train);
    checkChoice(this.name, 'weights', weights, weightTypes);
    if (train && weights !== 'f32') throw new RangeError(`${this.name}: weights '${weights}' are not for training`);
    if (seed !== undefined) checkSeed(this.name, seed);
    const given = dropoutSeeds === undefined ? undefined : this.#checkDropoutSeeds(dropoutSeeds);
    this.#checkImage(x);
    const drawn = this.#layerSeeds(seed);
    using s = scope(); // what a throw leaves behind; the layers free their inputs themselves, as early as can be
    const [joined] = this.#gather(this.#hidden(x as Tensor, train, given ?? drawn, weights), [0]);
    const logits = this.#fullyConnected(this.spec.output.name, joined!, null, 0, weights);
    return s.keep(logits) as Tensor<any> as Tensor<[N, K]>;
  }

  /** The last hidden layer's activations, N×units (4096 in AlexNet), as the output layer sees them when testing; on the first device. */
  features<N extends number>(x: Tensor<readonly [N, C, H, H]>, options: InferenceOptions = {}): Tensor<[N, number]> {
    const { weights = 'f32' } = checkOptions(this.name, options, ['weights']);
    checkChoice(this.name, 'weights', weights, weightTypes);
    this.#checkImage(x);
    using s = scope();
    const [joined] = this.#gather(this.#hidden(x as Tensor, false, this.#layerSeeds(), weights), [0]);
    return s.keep(joined) as Tensor<any> as Tensor<[N, number]>;
  }

  /**
   * Copies values of the same names and shapes in.
   * @throws TypeError or RangeError, with nothing changed, where one of them is missing, unknown, or no f32 tensor of its shape
   */
  load(params: Readonly<Record<string, Tensor>>): this {
    const own = new Map(Object.entries(this.params));
    const given = tensorsOf('load', params);
    const missing = [...own.keys()].filter((name) => !given.has(name));
    const unknown = [...given.keys()].filter((name) => !own.has(name));
    if (missing.length > 0 || unknown.length > 0)
      throw new RangeError(
        `load: the names differ${missing.length > 0 ? `; missing ${missing.join(', ')}` : ''}${unknown.length > 0 ? `; unknown ${unknown.join(', ')}` : ''}` +
          ' (mergeColumns and splitColumns convert between the forms)',
      );
    for (const [name, p] of own) {
      const from = given.get(name)!;
      p.storage('load'); // of a net that has been disposed of
      if (from.dtype !== p.dtype) throw new TypeError(`load: '${name}' must be ${p.dtype}, got ${from.dtype}`);
      if (from.shape.join() !== p.shape.join())
        throw new RangeError(`load: '${name}' is [${p.shape}], got [${from.shape}]`);
    }
    for (const [name, p] of own) p.copyFrom(given.get(name)!);
    return this;
  }

  /** A row a layer and column: name, device, output shape, parameters, and FLOPs of one image's forward pass. */
  describe(): LayerRow[] {
    return describe(this.layers, this.devices, this.spec.output.name);
  }

  /** Frees the parameters. */
  [Symbol.dispose](): void {
    for (const p of Object.values(this.params)) p.dispose();
    for (const { weight } of this.#rounded.values()) weight.dispose();
    this.#rounded.clear();
  }

  dispose(): void {
    this[Symbol.dispose]();
  }

  // The same seed gives the same function in both forms: the grouped parameters are drawn, then divided.
  #initialise(seed: number): ParamRecord {
    for (const { name, weight } of this.layers) checkShape(this.name, weight, `${name}.weight`);
    return noGrad(() => {
      using s = scope(); // where memory ends at one layer, those before it are freed
      const device = this.devices[0]!;
      const starts = [...this.spec.convs, ...this.spec.hidden, this.spec.output];
      const params: ParamRecord = {};
      this.layers.forEach((layer, i) => {
        const { weightStd, bias } = starts[i]!;
        const grouped = {
          [`${layer.name}.weight`]: randn(layer.weight, { std: weightStd, seed: mixSeed(seed, i), device }) as Tensor,
          [`${layer.name}.bias`]: full([layer.weight[0]!], bias, { device }) as Tensor,
        };
        if (!this.columns) {
          Object.assign(params, grouped);
          return;
        }
        Object.assign(params, splitColumns(grouped, this.devices));
        for (const p of Object.values(grouped)) p.dispose();
      });
      return s.keep(params);
    });
  }

  #param(layer: string, column: number, what: 'weight' | 'bias'): Tensor {
    const suffix = this.columns && layer !== this.spec.output.name ? COLUMNS[column] : '';
    return this.params[`${layer}${suffix}.${what}`]!;
  }

  // The convolutions, then the hidden layers; one tensor a column.
  #hidden(input: Tensor, train: boolean, seeds: readonly number[], weights: WeightType): Tensor[] {
    const image = this.spec.roundUp ? this.#hangOver(input) : input;
    let maps: Tensor[] = this.devices.map((device) => (image.device === device ? image : copyTo(image, device)));
    const owned = (t: Tensor) => t !== input;
    for (const conv of this.spec.convs) {
      const inputs = conv.reads === 'both' ? this.#exchange(maps) : maps;
      const next = inputs.map((x, c) => this.#convolution(conv, x, c));
      for (const m of new Set([...maps, ...inputs])) if (owned(m)) m.dispose();
      maps = next;
    }
    let units = maps.map((m) => flatten(m) as Tensor);
    for (const m of maps) m.dispose();
    this.spec.hidden.forEach((layer, i) => {
      const inputs = this.#exchange(units);
      const next = inputs.map((x, c) => {
        const y = this.#fullyConnected(layer.name, x, 'relu', c, weights);
        const z = this.#dropout(y, layer.units, c, train, seeds[i]!);
        y.dispose();
        return z;
      });
      for (const u of new Set([...units, ...inputs])) u.dispose();
      units = next;
    });
    return units;
  }

  // One a hidden layer.
  #layerSeeds(seed = nextSeed()): number[] {
    return this.spec.hidden.map((_, i) => mixSeed(seed, i));
  }

  #checkDropoutSeeds(seeds: unknown): number[] {
    const { length } = this.spec.hidden;
    if (!Array.isArray(seeds))
      throw new TypeError(`${this.name}: dropoutSeeds must be an array of ${length} seeds, got ${show(seeds)}`);
    if (seeds.length !== length)
      throw new RangeError(
        `${this.name}: dropoutSeeds must hold ${length} seeds, one a hidden layer, got ${show(seeds)}`,
      );
    return Array.from(seeds, (seed: unknown, i) => {
      checkSeed(this.name, seed, `dropoutSeeds[${i}]`);
      return seed;
    });
  }

  #checkImage(x: unknown): void {
    if (!(x instanceof Tensor)) throw new TypeError(`${this.name}: the input must be a tensor, got ${show(x)}`);
    const { device } = x.storage(this.name);
    if (x.dtype !== 'f32') throw new TypeError(`${this.name}: the input must be f32, got ${x.dtype} [${x.shape}]`);
    const { channels, sizes } = this.spec;
    const [, c, h, w] = x.shape;
    if (x.shape.length !== 4 || c !== channels || h !== w || !sizes.includes(h!))
      throw new RangeError(
        `${this.name}: input must be N×${channels}×${sizes[0]}×${sizes[0]}${sizes[1] ? ` (or ${sizes[1]}×${sizes[1]})` : ''}, got [${x.shape}]`,
      );
    if (!this.devices.includes(device))
      throw new TypeError(
        `${this.name}: the input is on ${device.name}, the net on ${this.devices.join(', ')}; copy it with copyTo`,
      );
  }

  // The 2012 code's rounding lets the last window of conv1 read beyond the image, as zeros.
  #hangOver(x: Tensor): Tensor {
    const [n, c, h, w] = x.shape as readonly [number, number, number, number];
    const { kernel, stride, padding } = this.spec.convs[0]!;
    const needed = (slide(h, kernel, stride, padding, true) - 1) * stride + kernel - 2 * padding;
    if (needed <= h) return x;
    using right = zeros([n, c, h, needed - w], { device: x.device });
    using wide = concat([x, right as Tensor], 3) as Tensor;
    using below = zeros([n, c, needed - h, needed], { device: x.device });
    return concat([wide, below as Tensor], 2) as Tensor;
  }

  // What each column sees of all columns' activations.
  #exchange(parts: readonly Tensor[]): Tensor[] {
    return this.#gather(
      parts,
      this.devices.map((_, c) => c),
    );
  }

  // What these columns see of all columns' activations: channels of a, then of b. Their own are where they should be. All copies are
  // queued before the work on any of them, and so are their gradients, backwards: behind column a's, b's would wait for it.
  #gather(parts: readonly Tensor[], columns: readonly number[]): Tensor[] {
    if (parts.length === 1) return [...parts];
    const here = columns.map((c) => parts.map((p, from) => (from === c ? p : (copyTo(p, this.devices[c]!) as Tensor))));
    return here.map((maps) => {
      const joined = concat(maps, 1) as Tensor;
      for (const m of maps) if (!parts.includes(m)) m.dispose();
      return joined;
    });
  }

  #convolution(conv: ConvSpec, input: Tensor, c: number): Tensor {
    const [first, ...rest] = conv.after;
    const fused = first === 'relu';
    let y = conv2d(input, this.#param(conv.name, c, 'weight'), this.#param(conv.name, c, 'bias'), {
      stride: conv.stride,
      padding: conv.padding,
      groups: !this.columns && conv.reads === 'own' ? 2 : 1,
      ...(fused ? { activation: 'relu' as const } : {}),
    }) as Tensor;
    for (const step of fused ? rest : conv.after) {
      const before = y;
      y = this.#step(step, before);
      before.dispose();
    }
    return y;
  }

  #step(step: Step, x: Tensor): Tensor {
    const { norm, spatialNorm, pool, roundUp } = this.spec;
    switch (step) {
      case 'relu':
        return relu(x);
      case 'norm':
        // The window stays inside a column's own maps, in the grouped form as well.
        return localResponseNorm(x, { ...norm, groups: this.columns ? 1 : 2 });
      case 'spatialNorm':
        return spatialResponseNorm(x, spatialNorm);
      case 'pool':
        return maxPool2d(x, { ...pool, ceil: roundUp }) as Tensor;
    }
  }

  #fullyConnected(layer: string, input: Tensor, activation: 'relu' | null, c: number, weights: WeightType): Tensor {
    const weight = this.#param(layer, c, 'weight');
    return linear(
      input,
      weights === 'bf16' ? this.#roundedOf(weight) : weight,
      this.#param(layer, c, 'bias'),
      activation ? { activation } : {},
    ) as Tensor;
  }

  // As bf16, made where there is none of the present values.
  #roundedOf(weight: Tensor): Tensor<Shape, 'bf16'> {
    const { version } = weight.storage(this.name);
    const had = this.#rounded.get(weight);
    // A scope may have freed the copy and let the weights be kept.
    if (had?.version === version && !had.weight.disposed) return had.weight;
    const rounded = cast(weight, 'bf16');
    freeWith(rounded, weight); // not with the scope of a call
    had?.weight.dispose();
    this.#rounded.set(weight, { version, weight: rounded });
    return rounded;
  }

  // The text: a mask when training, a factor when testing. Each column draws its part of the whole layer's mask.
  #dropout(x: Tensor, width: number, c: number, train: boolean, seed: number): Tensor {
    const p = this.spec.dropout;
    if (!train) {
      using keep = full([], 1 - p, { device: x.device });
      return mul(x, keep as Tensor) as Tensor;
    }
    const own = x.shape[1]!;
    return dropout(x, { p, mode: 'paper', seed, layout: { columns: own, pitch: width, offset: c * own } });
  }
}
