// Stochastic gradient descent with the text's update (Krizhevsky, Sutskever, Hinton 2012, section 5).
import type { Params } from '../autograd/tape';
import { sgdUpdate } from '../ops/sgd';
import type { Shape } from '../shape/shape';
import { checkBoolean, checkNumber, checkOptions, show } from '../tensor/checks';
import { zeros } from '../tensor/create';
import { innermostScope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';

/** Settings of some parameters. Where several groups match a parameter, later ones decide. */
export interface SgdGroup {
  /** Names: exact, with `*` for any characters (`'*.bias'`), or a regular expression; several in an array. */
  match: string | RegExp | readonly (string | RegExp)[];
  /** A rate of its own, which the optimiser's `lr` does not move. */
  lr?: number;
  /** Times the optimiser's `lr`. */
  lrScale?: number;
  momentum?: number;
  weightDecay?: number;
  /** Leave these parameters, and their momentum, as they are. */
  frozen?: boolean;
}

export interface SgdOptions {
  /** Learning rate ε. */
  lr: number;
  /** Default 0.9. */
  momentum?: number;
  /** Default 0. The text's is 0.0005; it is multiplied by the learning rate. */
  weightDecay?: number;
  groups?: readonly SgdGroup[];
}

/** What a checkpoint needs. The tensors are the optimiser's own: they change with every step. */
export interface SgdState {
  step: number;
  lr: number;
  /** By parameter name. */
  momentum: Record<string, Tensor<any>>;
}

type GradientsOf<P extends Params> = { readonly [K in keyof P]: Tensor<any> | null };

interface Rates {
  lr: number | null;
  lrScale: number;
  momentum: number;
  weightDecay: number;
  frozen: boolean;
}

/** Made by {@link sgd}. */
export class Sgd<P extends Params = Params> implements Disposable {
  readonly #params: ReadonlyMap<string, Tensor<Shape>>;
  readonly #velocity = new Map<string, Tensor<Shape>>();
  readonly #defaults: Rates;
  #rates: ReadonlyMap<string, Rates>;
  #lr: number;
  #step = 0;
  #disposed = false;

  /** @internal */
  constructor(params: P, options: SgdOptions) {
    this.#params = checkParams(params);
    const {
      lr,
      momentum = 0.9,
      weightDecay = 0,
      groups = [],
    } = checkOptions('sgd', options, ['lr', 'momentum', 'weightDecay', 'groups']);
    if (lr === undefined) throw new TypeError('sgd: lr must be given');
    this.#lr = rate('lr', lr);
    this.#defaults = {
      lr: null,
      lrScale: 1,
      momentum: rate('momentum', momentum),
      weightDecay: rate('weightDecay', weightDecay),
      frozen: false,
    };
    this.#rates = this.#assign(groups);
    for (const [name, p] of this.#params) {
      const v = zeros(p.shape, { device: p.device });
      innermostScope()?.forget(v); // they live as long as the optimiser
      this.#velocity.set(name, v);
    }
  }

  /** The learning rate of the parameters whose group does not set one. */
  get lr(): number {
    return this.#lr;
  }

  set lr(value: number) {
    this.#lr = rate('lr', value);
  }

  /** Steps taken. */
  get step(): number {
    return this.#step;
  }

  /** Replaces the groups: to freeze a layer in the middle of a run, say. */
  setGroups(groups: readonly SgdGroup[]): void {
    this.#rates = this.#assign(groups);
  }

  /**
   * One step for every parameter: `v ← momentum·v − weightDecay·lr·w − lr·g`, then `w ← w + v`, in place, in `grads`' order of names.
   * A parameter whose gradient is null stays as it is. All is checked before anything changes.
   * @throws TypeError or RangeError where a gradient is missing, has no parameter, or differs from it in shape or device.
   */
  apply(grads: GradientsOf<P>): void {
    this.#alive();
    if (typeof grads !== 'object' || grads === null || grads instanceof Tensor)
      throw new TypeError(
        `sgd: apply takes the gradients as a record or an array, like the parameters; got ${show(grads)}`,
      );
    const given = new Map(Object.entries(grads) as [string, Tensor<Shape> | null | undefined][]);
    for (const name of given.keys())
      if (!this.#params.has(name))
        throw new RangeError(
          `sgd: there is a gradient for '${name}', which is none of the parameters ${some(this.#params.keys())}`,
        );
    for (const [name, p] of this.#params) {
      const w = live(name, p);
      const { frozen } = this.#rates.get(name)!;
      const g = given.get(name);
      if (g === null || (g === undefined && frozen)) continue;
      if (g === undefined) throw new RangeError(`sgd: the gradient of '${name}' [${p.shape}] is missing`);
      if (!(g instanceof Tensor))
        throw new TypeError(`sgd: the gradient of '${name}' must be a Tensor, got ${show(g)}`);
      if (g.shape.join() !== p.shape.join() || g.dtype !== 'f32')
        throw new RangeError(
          `sgd: the gradient of '${name}' is ${g.dtype} [${g.shape}], the parameter f32 [${p.shape}]`,
        );
      const { device } = g.storage('sgd');
      if (device !== w.device)
        throw new TypeError(`sgd: the gradient of '${name}' is on ${device.name}, the parameter on ${w.device.name}`);
    }
    for (const [name, p] of this.#params) {
      const r = this.#rates.get(name)!;
      const g = given.get(name);
      if (!g || r.frozen) continue;
      const lr = r.lr ?? this.#lr * r.lrScale;
      sgdUpdate(p, this.#velocity.get(name)!, g, { lr, momentum: r.momentum, weightDecay: r.weightDecay });
    }
    this.#step++;
  }

  state(): SgdState {
    this.#alive();
    return { step: this.#step, lr: this.#lr, momentum: Object.fromEntries(this.#velocity) };
  }

  /**
   * Takes over a state: copies the momentum tensors, which may be on any device, and sets step and learning rate.
   * @throws TypeError or RangeError, with nothing changed, where names or shapes are not those of the parameters.
   */
  load(state: SgdState): void {
    this.#alive();
    if (typeof state !== 'object' || state === null) throw new TypeError(`sgd: load takes a state, got ${show(state)}`);
    const { step, lr, momentum } = state;
    if (!Number.isSafeInteger(step) || step < 0)
      throw new RangeError(`sgd: the state's step must be a whole number, got ${show(step)}`);
    rate('lr', lr);
    if (typeof momentum !== 'object' || momentum === null || momentum instanceof Tensor)
      throw new TypeError(`sgd: the state's momentum must be a record of tensors, got ${show(momentum)}`);
    const given = new Map(Object.entries(momentum)); // each read once: a getter cannot give another one later
    for (const name of given.keys())
      if (!this.#velocity.has(name))
        throw new RangeError(
          `sgd: the state has momentum of '${name}', which is none of the parameters ${some(this.#params.keys())}`,
        );
    for (const [name, v] of this.#velocity) {
      const from: unknown = given.get(name);
      if (from === undefined) throw new RangeError(`sgd: the state has no momentum of '${name}' [${v.shape}]`);
      if (!(from instanceof Tensor))
        throw new TypeError(`sgd: momentum of '${name}' must be a Tensor, got ${show(from)}`);
      if (from.shape.join() !== v.shape.join() || from.dtype !== 'f32')
        throw new RangeError(
          `sgd: momentum of '${name}' is ${from.dtype} [${from.shape}], the parameter f32 [${v.shape}]`,
        );
      from.storage('sgd');
    }
    for (const [name, v] of this.#velocity) if (given.get(name) !== v) v.copyFrom(given.get(name)!);
    this.#step = step;
    this.#lr = lr;
  }

  /** Frees the momentum; the parameters stay. */
  dispose(): void {
    this.#disposed = true;
    for (const v of this.#velocity.values()) v.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #alive(): void {
    if (this.#disposed) throw new Error('sgd: this optimiser has been disposed');
  }

  #assign(groups: readonly SgdGroup[]): Map<string, Rates> {
    if (!Array.isArray(groups)) throw new TypeError(`sgd: groups must be an array, got ${show(groups)}`);
    const rates = new Map([...this.#params.keys()].map((name) => [name, { ...this.#defaults }]));
    // Not forEach, which would pass over the holes of an array, however many they are.
    for (const [i, group] of (groups as readonly SgdGroup[]).entries()) {
      const { match, ...settings } = checkGroup(group, i);
      const names = [...rates.keys()].filter((name) => match.some((m) => m.test(name)));
      if (names.length === 0)
        throw new RangeError(
          `sgd: groups[${i}] ${show(group.match)} matches none of the parameters ${some(rates.keys())}`,
        );
      for (const name of names) Object.assign(rates.get(name)!, settings);
    }
    return rates;
  }
}

/**
 * Stochastic gradient descent: `v ← momentum·v − weightDecay·lr·w − lr·g; w ← w + v`.
 *
 * ```ts
 * const opt = optim.sgd(net.params, { lr: 0.01, momentum: 0.9, weightDecay: 0.0005,
 *   groups: [{ match: '*.bias', lrScale: 2, weightDecay: 0 }] });
 * opt.apply(t.gradients(loss, net.params));
 * ```
 * @throws TypeError or RangeError where a parameter is no f32 tensor, a setting no number, or a group matches nothing.
 */
export function sgd<const P extends Params>(params: P, options: SgdOptions): Sgd<P> {
  return new Sgd(params, options);
}

function checkParams(params: Params): Map<string, Tensor<Shape>> {
  if (typeof params !== 'object' || params === null || params instanceof Tensor)
    throw new TypeError(`sgd: params must be a record or an array of tensors, got ${show(params)}`);
  const named = new Map(Object.entries(params) as [string, Tensor<Shape>][]);
  if (named.size === 0) throw new RangeError('sgd: there are no parameters');
  const seen = new Map<unknown, string>();
  for (const [name, p] of named) {
    if (!(p instanceof Tensor)) throw new TypeError(`sgd: parameter '${name}' must be a Tensor, got ${show(p)}`);
    if (p.dtype !== 'f32') throw new TypeError(`sgd: parameter '${name}' must be f32, got ${p.dtype} [${p.shape}]`);
    const storage = live(name, p);
    if (seen.has(storage))
      throw new RangeError(
        `sgd: parameters '${seen.get(storage)}' and '${name}' share their memory; one name is enough`,
      );
    seen.set(storage, name);
  }
  return named;
}

function live(name: string, p: Tensor<Shape>) {
  if (p.disposed) throw new Error(`sgd: parameter '${name}' [${p.shape}] has been disposed`);
  return p.storage('sgd');
}

function checkGroup(group: SgdGroup, i: number): Partial<Rates> & { match: RegExp[] } {
  const at = `groups[${i}]`;
  if (typeof group !== 'object' || group === null)
    throw new TypeError(`sgd: ${at} must be an object, got ${show(group)}`);
  const given = checkOptions('sgd', group, ['match', 'lr', 'lrScale', 'momentum', 'weightDecay', 'frozen']);
  const { match, lr, lrScale, momentum, weightDecay, frozen } = given;
  if (lr !== undefined && lrScale !== undefined) throw new TypeError(`sgd: ${at} has both lr and lrScale`);
  const out: Partial<Rates> & { match: RegExp[] } = { match: [] };
  for (const m of Array.isArray(match) ? match : [match]) {
    if (!(m instanceof RegExp) && typeof m !== 'string')
      throw new TypeError(`sgd: ${at}.match must be a name, a pattern or a regular expression, got ${show(m)}`);
    out.match.push(m instanceof RegExp ? new RegExp(m.source, m.flags.replace(/[gy]/g, '')) : glob(m));
  }
  if (lr !== undefined) Object.assign(out, { lr: rate(`${at}.lr`, lr), lrScale: 1 });
  if (lrScale !== undefined) Object.assign(out, { lr: null, lrScale: rate(`${at}.lrScale`, lrScale) });
  if (momentum !== undefined) out.momentum = rate(`${at}.momentum`, momentum);
  if (weightDecay !== undefined) out.weightDecay = rate(`${at}.weightDecay`, weightDecay);
  if (frozen !== undefined) {
    checkBoolean('sgd', `${at}.frozen`, frozen);
    out.frozen = frozen;
  }
  return out;
}

function glob(pattern: string): RegExp {
  return new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  );
}

function rate(name: string, value: unknown): number {
  checkNumber('sgd', name, value);
  if (!(value >= 0) || !Number.isFinite(Math.fround(value)))
    throw new RangeError(`sgd: ${name} must be a number of at least 0, got ${value}`);
  return value;
}

function some(names: Iterable<string>): string {
  const list = [...names];
  return list.length > 6 ? `${list.slice(0, 6).join(', ')}, … (${list.length})` : list.join(', ');
}
