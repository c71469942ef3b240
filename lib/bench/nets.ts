// The nets that are measured, and one step of each.
import { tape } from '../autograd/tape';
import type { ColumnNet, WeightType } from '../models';
import { alexnet, alexnetSmall, mergeColumns } from '../models';
import { alexnetSmallSpec, alexnetSpec, type NetSpec, netDefaults } from '../models/spec';
import { crossEntropy } from '../ops';
import { type Sgd, sgd } from '../optim';
import { randn, tensor } from '../tensor/create';
import type { Device } from '../tensor/device';
import { scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import type { Check } from './measure';
import { relativeError } from './stats';

export const netNames = ['alexnet', 'alexnet-small'] as const;
export type NetName = (typeof netNames)[number];

const SEED = 7;
// Small enough that any number of steps on one batch of noise leaves every number finite.
const RATES = { lr: 1e-4, momentum: 0.9, weightDecay: 5e-4 };

export function buildNet(name: NetName, devices: readonly Device[]): ColumnNet<any, any, any> {
  return name === 'alexnet' ? alexnet({ devices, seed: SEED }) : alexnetSmall({ devices, seed: SEED });
}

/** What {@link buildNet} builds, without its weights. */
export const specOf = (name: NetName): NetSpec =>
  name === 'alexnet'
    ? alexnetSpec({ ...netDefaults, classes: 1000 })
    : alexnetSmallSpec({ ...netDefaults, classes: 10, channels: 1, size: 28 });

/** Operations of one image: two a multiply-add. The first layer needs no gradient to its input, so training is less than three forwards. */
export function netFlops(net: ColumnNet<any, any, any>): { inference: number; training: number } {
  const each = net.layers.map((l) => 2 * l.multiplyAdds);
  const inference = each.reduce((a, b) => a + b, 0);
  return { inference, training: 3 * inference - each[0]! };
}

/** Bytes of all parameters, as a forward pass reads them. */
export const weightBytes = (net: ColumnNet<any, any, any>, weights: WeightType = 'f32'): number =>
  Object.values(net.params).reduce((sum, p) => sum + (weights === 'bf16' && p.rank === 2 ? 2 : 4) * p.size, 0);

/** A net with a batch of noise on its first device. */
export class NetBench implements Disposable {
  readonly net: ColumnNet<any, any, any>;
  readonly devices: readonly Device[];
  readonly #name: NetName;
  readonly #optimiser: Sgd;
  readonly #x: Tensor<any>;
  readonly #labels: Tensor<any, 'i32'>;
  #step = 0;
  #loss: Tensor<any> | null = null;

  constructor(
    name: NetName,
    placement: readonly Device[],
    readonly batch: number,
  ) {
    this.#name = name;
    this.net = buildNet(name, placement);
    this.devices = [...new Set(placement)];
    const { channels, sizes, output } = this.net.spec;
    const device = placement[0]!;
    this.#x = randn([batch, channels, sizes[0]!, sizes[0]!], { seed: 1, device }) as Tensor<any>;
    const labels = Int32Array.from({ length: batch }, (_, i) => (i * 7919) % output.classes);
    this.#labels = tensor(labels, { dtype: 'i32', device }) as Tensor<any, 'i32'>;
    this.#optimiser = sgd(this.net.params, RATES);
  }

  /** Forward, loss, every gradient, update. The loss stays on its device until {@link loss} reads it. */
  train(): undefined {
    using s = scope();
    using t = tape();
    const logits = this.net.forward(this.#x, { train: true, seed: this.#step++ });
    const loss = crossEntropy(logits as Tensor<any>, this.#labels);
    this.#optimiser.apply(t.gradients(loss, this.net.params));
    this.#loss?.dispose();
    this.#loss = s.keep(loss) as Tensor<any>;
    return undefined;
  }

  /** Other images and labels, of the same number. */
  feed(images: Float32Array, labels: Int32Array): void {
    this.#x.copyFrom(images);
    this.#labels.copyFrom(labels);
  }

  infer(weights: WeightType = 'f32'): readonly Disposable[] {
    return [this.net.forward(this.#x, { weights })];
  }

  async loss(): Promise<number> {
    return this.#loss ? (await this.#loss.data())[0]! : Number.NaN;
  }

  /** Logits of the batch's last image, computed with the batch and alone. */
  async checkInference(weights: WeightType = 'f32'): Promise<Check> {
    const classes = this.net.spec.output.classes;
    using all = this.net.forward(this.#x, { weights });
    const { channels, sizes } = this.net.spec;
    const pixels = await this.#x.data();
    const one = pixels.slice(-(pixels.length / this.batch));
    using x = tensor(one, { shape: [1, channels, sizes[0]!, sizes[0]!], device: this.net.devices[0]! });
    using reference = await this.#otherForm(x as Tensor<any>, weights);
    const error = relativeError((await all.data()).slice(-classes), await reference.data());
    return { against: 'the last image alone in the other form of the net', error: finite(error), tolerance: 1e-4 };
  }

  /** Every gradient of a few images, from this form of the net and from the other (grouped convolutions, or columns on one device). */
  async checkTraining(): Promise<Check> {
    const other = this.#buildOther();
    try {
      const mine = await this.#gradients(this.net);
      const theirs = await this.#gradients(other);
      let error = 0;
      for (const [name, values] of Object.entries(theirs))
        error = Math.max(error, finite(relativeError(mine[name]!, values)));
      return { against: 'every gradient of the other form of the net', error, tolerance: 1e-3 };
    } finally {
      other.dispose();
    }
  }

  #buildOther(): ColumnNet<any, any, any> {
    const [first] = this.net.devices;
    return buildNet(this.#name, this.net.columns ? [first!] : [first!, first!]);
  }

  async #otherForm(x: Tensor<any>, weights: WeightType): Promise<Tensor<any>> {
    const other = this.#buildOther();
    try {
      return other.forward(x, { weights }) as Tensor<any>;
    } finally {
      other.dispose();
    }
  }

  /** In the grouped form's names. */
  async #gradients(net: ColumnNet<any, any, any>): Promise<Record<string, ArrayLike<number>>> {
    const count = Math.min(4, this.batch);
    const { channels, sizes } = this.net.spec;
    const device = net.devices[0]!;
    using s = scope();
    const x = randn([count, channels, sizes[0]!, sizes[0]!], { seed: 3, device }) as Tensor<any>;
    const labels = tensor(
      Int32Array.from({ length: count }, (_, i) => i),
      { dtype: 'i32', device },
    ) as Tensor<any, 'i32'>;
    using t = tape();
    const loss = crossEntropy(net.forward(x, { train: true, seed: 5 }) as Tensor<any>, labels);
    const gradients = t.gradients(loss, net.params) as Record<string, Tensor<any>>;
    const grouped = net.columns ? mergeColumns(gradients) : gradients;
    const read: Record<string, ArrayLike<number>> = {};
    for (const [name, g] of Object.entries(grouped)) read[name] = await g.data();
    void s;
    return read;
  }

  [Symbol.dispose](): void {
    this.#loss?.dispose();
    this.#x.dispose();
    this.#labels.dispose();
    this.#optimiser.dispose();
    this.net.dispose();
  }
}

/** A comparison that gives no number has failed by as much as can be written down. */
const finite = (error: number): number => (Number.isFinite(error) ? error : 1e30);
