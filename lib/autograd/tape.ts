// The tape: a list of calls in the order they were made. Reverse order is a topological order, so the gradient is one walk back.
import type { LossCheck } from '../shape/reduce';
import type { Shape } from '../shape/shape';
import { checkOptions, show } from '../tensor/checks';
import type { Device } from '../tensor/device';
import { innermostScope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import { view } from './handles';
import type { AnyTensor, Rule } from './operator';
import { type Entry, forget, Walk } from './walk';

/** A value on the tape: the contents of a tensor at one time. */
export interface Value {
  readonly id: number;
  /** The tensor that held it, whatever its contents became later. */
  readonly serial: number;
  readonly shape: Shape;
  readonly device: Device;
}

/** What a gradient needs, by a handle of its own, so that callers may dispose of theirs. */
export interface SavedTensor {
  readonly tensor: AnyTensor;
  readonly value: Value;
  readonly version: number;
}

const tapes: Tape[] = [];
let paused = 0;

/** @internal */
export function recording(): boolean {
  return tapes.length > 0 && paused === 0;
}

/**
 * Runs `fn` without recording it on any tape; what it returns is a constant to every tape.
 * @throws TypeError where `fn` is asynchronous: the pause ends when `fn` returns, not when its promise settles.
 */
export function noGrad<T>(fn: () => T): T {
  if (typeof fn !== 'function') throw new TypeError(`noGrad: takes a function, got ${show(fn)}`);
  const result = unrecorded(fn);
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError('noGrad: fn must not be asynchronous; await outside, and call operators inside');
  }
  return result;
}

/** @internal */
export function unrecorded<T>(fn: () => T): T {
  paused++;
  try {
    return fn();
  } finally {
    paused--;
  }
}

/** @internal Keeps the contents of `t` as they are now. */
export function hold(t: AnyTensor, operator: string): SavedTensor {
  const { version } = t.storage(operator);
  return { tensor: view(t), value: toValue(t), version };
}

function toValue(t: AnyTensor): Value {
  return { id: t.id, serial: t.serial, shape: t.shape, device: t.device };
}

/** @internal Remembers a call on every tape there is. Integers carry no gradient, so calls that make them are not remembered. */
export function record(
  rule: Rule,
  inputs: readonly (AnyTensor | null)[],
  output: AnyTensor,
  attrs: unknown,
  saved: readonly SavedTensor[],
): void {
  if (output.dtype !== 'f32') return;
  for (const tape of tapes) tape.add(rule, inputs, output, attrs, saved);
}

// What stands on a tape for a gradient computed while it was recording: the walk itself is not recorded, so differentiating through
// its result would silently give a wrong answer.
const secondOrder: Rule = {
  name: 'gradients',
  gradient: () => {
    throw new Error(
      'gradients: the loss depends on another call of gradients, and gradients of gradients are not supported; ' +
        'call the inner one inside noGrad to treat its result as a constant',
    );
  },
};

export type Params = Readonly<Record<string, Tensor<any, any>>> | readonly Tensor<any, any>[];
export type Gradients<P extends Params, Unused extends boolean = false> = {
  -readonly [K in keyof P]: Unused extends true ? P[K] | null : P[K];
};

export interface GradientOptions<
  Unused extends boolean = boolean,
  Seed extends Tensor<Shape> | undefined = Tensor<any> | undefined,
> {
  /** dL/dloss; needed where the loss is no scalar. */
  seed?: Seed;
  /** Give `null` for a parameter the loss does not depend on, instead of an error. */
  allowUnused?: Unused;
  /** Keep what the tape remembers, so that gradients can be asked for again; otherwise memory is freed as the walk goes by. */
  keep?: boolean;
}

/** A list of the operators called while it was open. Made by {@link tape}. */
export class Tape implements Disposable {
  #entries: Entry[] = [];
  #state: 'open' | 'used up' | 'disposed' = 'open';

  /** @internal */
  add(
    rule: Rule,
    inputs: readonly (AnyTensor | null)[],
    output: AnyTensor,
    attrs: unknown,
    saved: readonly SavedTensor[],
  ): void {
    this.#entries.push({
      rule,
      inputs: inputs.map((t) => t && toValue(t)),
      outputId: output.id,
      device: output.device,
      attrs,
      saved: saved.map((s) => ({ ...s, tensor: view(s.tensor) })),
    });
  }

  /**
   * dL/dp for every tensor of `params`, in the same structure; each gradient has its parameter's shape, is on its device, and
   * belongs to the caller. Unless `keep` is given the tape is used up: what it remembered is freed as the walk goes by, and it
   * records no more.
   * @throws RangeError where `loss` is no scalar and no seed is given, and where it does not depend on a parameter.
   * @throws Error where a value that is needed was overwritten, and where the tape is used up or disposed.
   */
  gradients<
    L extends Shape,
    const P extends Params,
    Unused extends boolean = false,
    Seed extends Tensor<Shape> | undefined = undefined,
  >(
    loss: Tensor<L> & LossCheck<L, Seed>,
    params: P,
    options?: GradientOptions<Unused, Seed>,
  ): Gradients<P, NoInfer<Unused>>;
  gradients(loss: Tensor<any>, params: Params, options: GradientOptions = {}): Gradients<Params, boolean> {
    this.#checkArguments(loss, params, options);
    const names = Object.keys(params);
    const tensors = Object.values(params) as AnyTensor[];
    const wanted = new Set(tensors.map((p) => p.id));
    const { reached, depends } = this.#plan(loss, wanted);
    if (!options.allowUnused) {
      const missing = names.filter((_, i) => !reached.has(tensors[i]!.id));
      if (missing.length > 0) throw notReached(missing, tensors[names.indexOf(missing[0]!)]!);
    }
    const outer = paused > 0 ? [] : tapes.filter((t) => t !== this || options.keep);
    // The values the result is made of, for tapes that may be asked to differentiate it.
    const sources =
      outer.length === 0
        ? []
        : this.#entries
            .filter((e) => reached.has(e.outputId) && depends.has(e.outputId))
            .flatMap((e) => [...e.inputs, ...e.saved.map((s) => s.value), { ...toValue(loss), id: e.outputId }])
            .concat(options.seed ? [toValue(options.seed)] : []);
    const serials = new Map(tensors.map((p, i) => [p.serial, names[i]!]));
    const keep = options.keep === true;
    let found: Map<number, AnyTensor>;
    try {
      const walk = new Walk(this.#entries, { wanted, depends, serials, keep });
      found = unrecorded(() => walk.run(loss, options.seed));
    } finally {
      if (!keep) {
        this.#close();
        this.#state = 'used up';
      }
    }
    const out: Record<string, AnyTensor | null> | (AnyTensor | null)[] = Array.isArray(params) ? [] : {};
    const given = new Set<AnyTensor>();
    names.forEach((name, i) => {
      let gradient = found.get(tensors[i]!.id) ?? null;
      if (gradient && given.has(gradient)) gradient = view(gradient); // one tensor under two names: two handles
      if (gradient) given.add(gradient);
      (out as Record<string, AnyTensor | null>)[name] = gradient;
    });
    const missing = options.allowUnused ? [] : names.filter((name) => !(out as Record<string, AnyTensor | null>)[name]);
    if (missing.length > 0) {
      for (const g of given) g.dispose();
      throw notReached(missing, tensors[names.indexOf(missing[0]!)]!);
    }
    for (const g of given) {
      innermostScope()?.add(g);
      for (const t of outer)
        t.#entries.push({
          rule: secondOrder,
          inputs: sources,
          outputId: g.id,
          device: g.device,
          attrs: null,
          saved: [],
        });
    }
    return out as Gradients<Params, boolean>;
  }

  #checkArguments(loss: unknown, params: unknown, options: GradientOptions): void {
    if (this.#state === 'disposed') throw new Error('gradients: this tape has been disposed');
    if (this.#state === 'used up')
      throw new Error('gradients: this tape was used up by an earlier call; give { keep: true } to the earlier one');
    if (!(loss instanceof Tensor)) throw new TypeError(`gradients: the loss must be a Tensor, got ${show(loss)}`);
    if (typeof params !== 'object' || params === null || params instanceof Tensor)
      throw new TypeError(`gradients: params must be a record or an array of tensors, got ${show(params)}`);
    checkOptions('gradients', options, ['seed', 'allowUnused', 'keep']);
    loss.storage('gradients');
    if (loss.dtype !== 'f32') throw new TypeError(`gradients: the loss must be f32, got ${loss.dtype} [${loss.shape}]`);
    for (const [name, p] of Object.entries(params)) {
      if (!(p instanceof Tensor))
        throw new TypeError(`gradients: parameter '${name}' must be a Tensor, got ${show(p)}`);
      p.storage('gradients');
      if (p.dtype !== 'f32')
        throw new TypeError(
          `gradients: parameter '${name}' is ${p.dtype} [${p.shape}]; only f32 tensors have gradients`,
        );
      const { id, serial } = p;
      if (this.#entries.some((e) => e.inputs.some((v) => v && v.serial === serial && v.id !== id)))
        throw new Error(
          `gradients: parameter '${name}' [${p.shape}] was overwritten after the tape recorded a use of it; ask for gradients before updating it`,
        );
    }
    const { seed } = options;
    if (seed !== undefined) {
      if (!(seed instanceof Tensor)) throw new TypeError(`gradients: seed must be a Tensor, got ${show(seed)}`);
      if (seed.shape.join() !== loss.shape.join())
        throw new RangeError(`gradients: seed [${seed.shape}] must have the shape of the loss [${loss.shape}]`);
      if ((seed.dtype as string) !== 'f32') throw new TypeError(`gradients: seed must be f32, got ${seed.dtype}`);
      if (seed.device !== loss.device)
        throw new TypeError(
          `gradients: seed is on ${seed.device.name}, the loss on ${loss.device.name}; copy one with copyTo`,
        );
    } else if (loss.size !== 1) {
      throw new RangeError(`gradients: the loss must be a scalar, got [${loss.shape}]; reduce it, or give { seed }`);
    }
  }

  /** Values the loss depends on, and values that depend on a wanted one: only gradients towards those are computed. */
  #plan(loss: AnyTensor, wanted: ReadonlySet<number>): { reached: Set<number>; depends: Set<number> } {
    const depends = new Set(wanted);
    for (const e of this.#entries) if (e.inputs.some((v) => v && depends.has(v.id))) depends.add(e.outputId);
    const reached = new Set([loss.id]);
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const e = this.#entries[i]!;
      if (reached.has(e.outputId)) for (const v of e.inputs) if (v) reached.add(v.id);
    }
    return { reached, depends };
  }

  /** Stops recording and frees what is remembered. */
  #close(): void {
    const at = tapes.lastIndexOf(this);
    if (at >= 0) tapes.splice(at, 1);
    for (const e of this.#entries) forget(e);
    this.#entries = [];
  }

  [Symbol.dispose](): void {
    this.#close();
    this.#state = 'disposed';
  }
}

function notReached(names: readonly string[], first: AnyTensor): RangeError {
  const more =
    names.length > 1
      ? ` (and ${names.length - 1} more: ${names.slice(1, 5).join(', ')}${names.length > 5 ? ', …' : ''})`
      : '';
  return new RangeError(
    `gradients: the loss does not depend on parameter '${names[0]}' [${first.shape}]${more} as far as this tape recorded; ` +
      'give { allowUnused: true } to get null for it',
  );
}

/**
 * `using t = tape()` records every operator called until it is disposed (or used up by `t.gradients`). Tapes nest: an operator
 * called while several are open is recorded on each.
 */
export function tape(): Tape {
  const t = new Tape();
  tapes.push(t);
  return t;
}
