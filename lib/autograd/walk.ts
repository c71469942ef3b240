// The walk back over a tape's calls, which sums the gradients of every value.
import type { Device } from '../tensor/device';
import { namingOutOfMemory } from '../tensor/out_of_memory';
import { type Scope, scope } from '../tensor/scope';
import { accumulate, copyOf, ones, view } from './handles';
import type { AnyTensor, Rule } from './operator';
import type { SavedTensor, Value } from './tape';

export interface Entry {
  readonly rule: Rule;
  readonly inputs: readonly (Value | null)[];
  readonly outputId: number;
  /** The output's. */
  readonly device: Device;
  readonly attrs: unknown;
  /** Emptied when the walk has gone by. */
  saved: readonly SavedTensor[];
}

export interface Plan {
  /** Ids of the values whose gradients are asked for. */
  readonly wanted: ReadonlySet<number>;
  /** Ids of the values that depend on a wanted one: only gradients towards those are computed. */
  readonly depends: ReadonlySet<number>;
  /** The parameters' names by their tensors, for messages. */
  readonly serials: ReadonlyMap<number, string>;
  /** The entries keep what they saved. */
  readonly keep: boolean;
}

/** dL/dv as far as it is known. */
interface Sum {
  total: AnyTensor;
  /** One more term, on its way from another device: added when the sum is needed, so that nothing waits for it before. */
  arriving: AnyTensor | null;
}

/** What a rule gave as functions, and what these read. */
interface Later {
  readonly entry: Entry;
  readonly gradients: readonly (readonly [input: number, give: () => AnyTensor])[];
  readonly dy: AnyTensor | null;
  readonly made: Scope;
}

/**
 * What is queued on a device runs in that order, and a copy to another device waits for all that was queued before it. So the gradients
 * that another device waits for go first: those that a rule leaves for later are computed behind the calls that send a gradient away.
 */
export class Walk {
  readonly #entries: readonly Entry[];
  readonly #plan: Plan;
  readonly #sums = new Map<number, Sum>();
  readonly #later = new Set<Later>();
  /** Ids of what a call made, and of what came from another device. */
  readonly #made = new Set<number>();
  readonly #crossed = new Set<number>();

  constructor(entries: readonly Entry[], plan: Plan) {
    this.#entries = entries;
    this.#plan = plan;
    for (const e of entries) {
      this.#made.add(e.outputId);
      if (plan.depends.has(e.outputId) && e.inputs.some((v) => v && v.device !== e.device))
        this.#crossed.add(e.outputId);
    }
  }

  /** The wanted gradients by id, from that of `loss`, which is `seed` or 1; no scope owns them. */
  run(loss: AnyTensor, seed: AnyTensor | undefined): Map<number, AnyTensor> {
    const { wanted, depends, keep } = this.#plan;
    try {
      if (depends.has(loss.id)) this.#sums.set(loss.id, { total: seed ? view(seed) : ones(loss), arriving: null });
      for (let i = this.#entries.length - 1; i >= 0; i--) {
        const e = this.#entries[i]!;
        const later = this.#sums.has(e.outputId) ? this.#back(e) : null;
        if (later) this.#later.add(later);
        else if (!keep) forget(e);
      }
      this.#computeLater();
      for (const id of wanted) {
        const g = this.#total(id);
        if (!g?.storage('gradients').shared) continue;
        this.#sums.get(id)!.total = copyOf(g); // a rule may give one tensor for two inputs; callers get memory of their own
        g.dispose();
      }
      const results = new Map<number, AnyTensor>();
      for (const id of wanted) {
        const g = this.#total(id);
        if (g) results.set(id, g);
        this.#sums.delete(id);
      }
      return results;
    } finally {
      for (const later of this.#later) this.#free(later);
      for (const { total, arriving } of this.#sums.values()) {
        total.dispose();
        arriving?.dispose();
      }
    }
  }

  /** One call's gradients; what of it is left for later. */
  #back(e: Entry): Later | null {
    // On other devices nothing is queued here, so that what is left there stays behind what they have yet to send.
    if (!this.#sends(e)) this.#computeLater(e.device);
    const { wanted, depends } = this.#plan;
    const total = this.#total(e.outputId)!;
    const dy = wanted.has(e.outputId) ? null : total;
    if (dy) this.#sums.delete(e.outputId);
    const gradients: [number, () => AnyTensor][] = [];
    let later: Later | null = null;
    // Whatever a rule makes, its results too, goes with this scope; the tape holds views of the results.
    const made = scope();
    try {
      const needs = e.inputs.map((v) => v !== null && depends.has(v.id));
      const given = needs.includes(true) ? this.#gradientsOf(e, needs, total) : [];
      given.forEach((g, i) => {
        if (!g || !needs[i]) return;
        if (typeof g !== 'function') this.#add(e, i, g);
        // The walk will come to the call that made the input.
        else if (this.#made.has(e.inputs[i]!.id)) this.#add(e, i, namingOutOfMemory(`gradient of ${e.rule.name}`, g));
        else gradients.push([i, g]);
      });
      if (gradients.length > 0) {
        made.leave();
        later = { entry: e, gradients, dy, made };
      }
      return later;
    } finally {
      if (!later) {
        made[Symbol.dispose]();
        dy?.dispose();
      }
    }
  }

  #gradientsOf(e: Entry, needs: readonly boolean[], dy: AnyTensor): ReturnType<NonNullable<Rule['gradient']>> {
    const { gradient, name } = e.rule;
    if (!gradient) throw new Error(`gradients: ${name} has no derivative`);
    for (const s of e.saved)
      if (s.tensor.storage('gradients').version !== s.version) {
        const { serials } = this.#plan;
        const what = serials.has(s.value.serial) ? `parameter '${serials.get(s.value.serial)}'` : 'a tensor';
        throw new Error(
          `gradients: ${what} [${s.tensor.shape}] that ${name} needs for its gradient was overwritten after it was used`,
        );
      }
    const context = {
      attrs: e.attrs,
      saved: e.saved.map((s) => s.tensor),
      needs,
      inputShapes: e.inputs.map((v) => (v ? v.shape : [])),
    };
    return namingOutOfMemory(`gradient of ${name}`, () => gradient(context, dy));
  }

  /** Whether a gradient that `e` gives goes to another device, by `e` itself or by the copy before it. */
  #sends(e: Entry): boolean {
    return e.inputs.some(
      (v) => v && this.#plan.depends.has(v.id) && (v.device !== e.device || this.#crossed.has(v.id)),
    );
  }

  #computeLater(device?: Device): void {
    for (const later of this.#later) {
      const { entry, gradients } = later;
      if (device && entry.device !== device) continue;
      this.#later.delete(later);
      try {
        using intermediates = scope();
        for (const [i, give] of gradients)
          this.#add(entry, i, namingOutOfMemory(`gradient of ${entry.rule.name}`, give));
        void intermediates;
      } finally {
        this.#free(later);
      }
    }
  }

  #free({ entry, dy, made }: Later): void {
    made[Symbol.dispose]();
    dy?.dispose();
    if (!this.#plan.keep) forget(entry);
  }

  /** One more term of the gradient towards input i of `e`. */
  #add(e: Entry, i: number, g: AnyTensor): void {
    const input = e.inputs[i]!;
    if (g.shape.join() !== input.shape.join())
      throw new RangeError(
        `${e.rule.name}: gave a gradient of shape [${g.shape}] for input ${i} of shape [${input.shape}]`,
      );
    if (g.device !== input.device)
      throw new TypeError(
        `${e.rule.name}: gave a gradient on ${g.device.name} for input ${i} [${input.shape}] on ${input.device.name}`,
      );
    const sum = this.#sums.get(input.id);
    if (!sum) {
      this.#sums.set(input.id, { total: view(g), arriving: null });
      return;
    }
    this.#total(input.id); // the terms are added in the order that they come in
    if (input.device !== e.device) sum.arriving = view(g);
    else sum.total = accumulate(sum.total, g);
  }

  /** The gradient of a value so far. */
  #total(id: number): AnyTensor | undefined {
    const sum = this.#sums.get(id);
    if (sum?.arriving) {
      const { arriving } = sum;
      sum.arriving = null;
      try {
        sum.total = accumulate(sum.total, arriving);
      } finally {
        arriving.dispose();
      }
    }
    return sum?.total;
  }
}

/** Lets go of what an entry saved. */
export function forget(e: Entry): void {
  for (const s of e.saved) s.tensor.dispose();
  e.saved = [];
}
