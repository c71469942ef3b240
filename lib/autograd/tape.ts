// The tape: a list of calls in the order they were made. Reverse order is a topological order, so the gradient is one walk back.
import { launch } from '../native/addon';
import type { Shape } from '../shape/shape';
import { innermostScope, scope } from '../tensor/scope';
import { empty, Tensor } from '../tensor/tensor';
import type { AnyTensor, Rule } from './operator';

export interface SavedTensor {
  readonly tensor: AnyTensor;
  readonly version: number;
}

interface Entry {
  readonly rule: Rule;
  readonly inputIds: readonly (number | null)[];
  readonly inputShapes: readonly Shape[];
  readonly outputId: number;
  readonly outputShape: Shape;
  readonly attrs: unknown;
  /** Views of the tape's own, so that callers may dispose of theirs. Emptied when the walk has gone by. */
  saved: { tensor: AnyTensor; id: number; version: number }[];
}

const tapes: Tape[] = [];
let paused = 0;

/** @internal */
export function recording(): boolean {
  return tapes.length > 0 && paused === 0;
}

/** Runs `fn` without recording it on any tape. */
export function noGrad<T>(fn: () => T): T {
  paused++;
  try {
    return fn();
  } finally {
    paused--;
  }
}

/** A second handle of the same memory that no scope owns. */
function view(t: AnyTensor): AnyTensor {
  return unowned(new Tensor<any, any>(t.storage('tape').retain(), t.shape));
}

/** @internal */
export function record(
  rule: Rule,
  inputs: readonly (AnyTensor | null)[],
  output: AnyTensor,
  attrs: unknown,
  saved: readonly SavedTensor[],
): void {
  for (const tape of tapes) tape.add(rule, inputs, output, attrs, saved);
}

export type Params = Readonly<Record<string, Tensor<any, any>>> | readonly Tensor<any, any>[];
export type Gradients<P extends Params, Unused extends boolean = false> = {
  -readonly [K in keyof P]: Unused extends true ? P[K] | null : P[K];
};

export interface GradientOptions<Unused extends boolean = boolean> {
  /** dL/dloss; needed where the loss is no scalar. */
  seed?: Tensor<any>;
  /** Give `null` for a parameter the loss does not depend on, instead of an error. */
  allowUnused?: Unused;
  /** Keep what the tape remembers, so that gradients can be asked for again; otherwise memory is freed as the walk goes by. */
  keep?: boolean;
}

export class Tape implements Disposable {
  #entries: Entry[] = [];
  #consumed = false;

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
      inputIds: inputs.map((t) => (t ? t.id : null)),
      inputShapes: inputs.map((t) => (t ? t.shape : [])),
      outputId: output.id,
      outputShape: output.shape,
      attrs,
      saved: saved.map((s) => ({ tensor: view(s.tensor), id: s.tensor.id, version: s.version })),
    });
  }

  /**
   * dL/dp for every tensor of `params`, in the same structure. Each gradient is on its parameter's device.
   * @throws RangeError where `loss` is no scalar and no seed is given, and where it does not depend on a parameter.
   */
  gradients<const P extends Params, Unused extends boolean = false>(
    loss: Tensor<any>,
    params: P,
    options: GradientOptions<Unused> = {},
  ): Gradients<P, Unused> {
    loss.storage('gradients');
    if (this.#consumed)
      throw new Error('gradients: this tape was used up by an earlier call; give { keep: true } to the earlier one');
    if (options.seed) {
      if (options.seed.shape.join() !== loss.shape.join())
        throw new RangeError(`gradients: seed [${options.seed.shape}] must have the shape of the loss [${loss.shape}]`);
    } else if (loss.size !== 1) {
      throw new RangeError(`gradients: the loss must be a scalar, got [${loss.shape}]; reduce it, or give { seed }`);
    }
    const wanted = new Map(Object.entries(params).map(([name, p]) => [name, (p as AnyTensor).id]));
    const results = noGrad(() => this.#walk(loss, new Set(wanted.values()), options));
    const out: Record<string, AnyTensor | null> | (AnyTensor | null)[] = Array.isArray(params) ? [] : {};
    for (const [name, id] of wanted) {
      const gradient = results.get(id) ?? null;
      if (!gradient && !options.allowUnused)
        throw new RangeError(
          `gradients: the loss does not depend on parameter '${name}'; give { allowUnused: true } to get null for it`,
        );
      (out as Record<string, AnyTensor | null>)[name] = gradient;
    }
    return out as unknown as Gradients<P, Unused>;
  }

  #walk(loss: AnyTensor, wanted: Set<number>, options: GradientOptions): Map<number, AnyTensor> {
    // Forward: which values depend on a wanted one. Only gradients towards those are computed.
    const depends = new Set(wanted);
    for (const e of this.#entries) if (e.inputIds.some((id) => id !== null && depends.has(id))) depends.add(e.outputId);

    const gradients = new Map<number, AnyTensor>();
    gradients.set(loss.id, options.seed ? view(options.seed) : ones(loss));
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const e = this.#entries[i]!;
      const dy = gradients.get(e.outputId);
      if (dy && depends.has(e.outputId)) this.#back(e, dy, depends, gradients);
      if (dy && !wanted.has(e.outputId)) {
        gradients.delete(e.outputId);
        dy.dispose();
      }
      if (!options.keep) this.#forget(e);
    }
    if (!options.keep) {
      this.#entries = [];
      this.#consumed = true;
    }
    for (const [id, g] of gradients) {
      if (wanted.has(id)) innermostScope()?.add(g);
      else g.dispose();
    }
    return gradients;
  }

  #back(e: Entry, dy: AnyTensor, depends: Set<number>, gradients: Map<number, AnyTensor>): void {
    const needs = e.inputIds.map((id) => id !== null && depends.has(id));
    if (!needs.includes(true)) return;
    if (!e.rule.gradient) throw new Error(`gradients: ${e.rule.name} has no derivative`);
    for (const s of e.saved)
      if (s.tensor.storage('gradients').version !== s.version)
        throw new Error(
          `gradients: a tensor [${s.tensor.shape}] that ${e.rule.name} needs for its gradient was overwritten (copyFrom) after it was used`,
        );
    const context = { attrs: e.attrs, saved: e.saved.map((s) => s.tensor), needs, inputShapes: e.inputShapes };
    // Whatever a rule makes on the way to its results goes with this scope.
    using intermediates = scope();
    e.rule.gradient(context, dy).forEach((g, i) => {
      if (!g || !needs[i]) return;
      const id = e.inputIds[i]!;
      if (g.shape.join() !== e.inputShapes[i]!.join())
        throw new Error(
          `gradients: ${e.rule.name} gave a gradient of shape [${g.shape}] for an input of shape [${e.inputShapes[i]}]`,
        );
      const own = view(g);
      if (g !== dy && !e.saved.some((s) => s.tensor === g)) g.dispose();
      const before = gradients.get(id);
      gradients.set(id, before ? accumulate(before, own) : own);
    });
    void intermediates;
  }

  #forget(e: Entry): void {
    for (const s of e.saved) s.tensor.dispose();
    e.saved = [];
  }

  [Symbol.dispose](): void {
    const at = tapes.lastIndexOf(this);
    if (at >= 0) tapes.splice(at, 1);
    for (const e of this.#entries) this.#forget(e);
    this.#entries = [];
  }
}

/** a + b, into a's memory where nobody else looks at it. Consumes both. */
function accumulate(a: AnyTensor, b: AnyTensor): AnyTensor {
  const storage = a.storage('gradients');
  const into = storage.shared ? unowned(empty(a.shape, a.device)) : a;
  const strides = [1];
  launch(
    'binary',
    { function: 'add', shape: [a.size], aStrides: strides, bStrides: strides },
    [storage.native, b.storage('gradients').native],
    [into.storage('gradients').native],
  );
  if (into !== a) a.dispose();
  b.dispose();
  return into;
}

function ones(like: AnyTensor): AnyTensor {
  const t = unowned(empty(like.shape, like.device));
  launch('fill', { count: t.size, value: 1 }, [], [t.storage('gradients').native]);
  return t;
}

function unowned(t: AnyTensor): AnyTensor {
  innermostScope()?.forget(t);
  return t;
}

/** `using t = tape()` records every operator until it is disposed. */
export function tape(): Tape {
  const t = new Tape();
  tapes.push(t);
  return t;
}
