// Which parameters learn at which rate, with which momentum and decay: a function of how far the run has come.
import type { Sgd, SgdGroup } from '../optim';
import { type Recipe, RecipeError, type RecipeGroup } from './recipe';

/** The optimiser's groups at a point of a run. */
export class Rates {
  readonly #biases: SgdGroup;
  readonly #groups: readonly { group: RecipeGroup; match: RegExp; names: readonly string[] }[];
  #current = '';
  #frozen: ReadonlySet<string> = new Set();

  /**
   * @param names the parameters, in either form of the network
   * @throws RecipeError where a group matches none of them.
   */
  constructor(recipe: Recipe, names: readonly string[]) {
    const { biasLr, biasWeightDecay } = recipe;
    this.#biases = {
      match: '*.bias',
      ...(biasLr === null ? {} : { lr: biasLr }),
      ...(biasWeightDecay === null ? {} : { weightDecay: biasWeightDecay }),
    };
    this.#groups = recipe.groups.map((group, i) => {
      const match = pattern(group.match);
      const matched = names.filter((name) => match.test(name));
      if (matched.length === 0)
        throw new RecipeError(
          `recipe: groups[${i}].match '${group.match}' is none of the layers ${layersOf(names).join(', ')}, nor weight or bias of one`,
        );
      return { group, match, names: matched };
    });
  }

  /** The groups of the step that begins after `epoch` passes. @param factor what the schedule multiplies the rates by at that point */
  at(epoch: number, factor: number): SgdGroup[] {
    const active = this.#groups.filter(({ group: g }) => g.from <= epoch && (g.until === null || epoch < g.until));
    return [
      this.#biases,
      ...active.map(({ group: { lr, scheduled = true, momentum, weightDecay, frozen }, match }) => ({
        match,
        ...(lr === undefined ? {} : { lr: scheduled ? lr * factor : lr }),
        ...(momentum === undefined ? {} : { momentum }),
        ...(weightDecay === undefined ? {} : { weightDecay }),
        ...(frozen === undefined ? {} : { frozen }),
      })),
    ];
  }

  /** Sets the optimiser's groups for a step. @returns the names of the parameters that stay as they are, which need no gradient. */
  apply(optimiser: Sgd, epoch: number, factor: number): ReadonlySet<string> {
    const groups = this.at(epoch, factor);
    const key = JSON.stringify(groups.map(({ match, ...settings }) => [String(match), settings]));
    if (key === this.#current) return this.#frozen;
    optimiser.setGroups(groups);
    this.#current = key;
    const frozen = new Map<string, boolean>();
    for (const { group: g, names } of this.#groups)
      if (g.frozen !== undefined && g.from <= epoch && (g.until === null || epoch < g.until))
        for (const name of names) frozen.set(name, g.frozen);
    this.#frozen = new Set([...frozen].filter(([, is]) => is).map(([name]) => name));
    return this.#frozen;
  }
}

/** `conv1`, `conv1.weight`, `fc*`, `*.bias` → the parameters of both columns, or of the grouped form. */
function pattern(match: string): RegExp {
  const [layer = '', what] = match.split('.', 2);
  const escaped = (text: string) =>
    text
      .split('*')
      .map((part) => part.replace(/[+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*');
  return new RegExp(`^${escaped(layer)}[ab]?\\.${what === undefined ? '(weight|bias)' : escaped(what)}$`);
}

/** Names of the layers that the parameters belong to, without their columns. */
export function layersOf(names: readonly string[]): string[] {
  return [...new Set(names.map(layerOf))];
}

/** `conv1a.weight` → `conv1` */
export function layerOf(name: string): string {
  return name.replace(/[ab]?\.(weight|bias)$/, '');
}
