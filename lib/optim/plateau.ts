// The text's schedule: "divide the learning rate by 10 when the validation error rate stopped improving with the current learning
// rate"; three times in all before the end.
import { checkNumber, checkOptions, show } from '../tensor/checks';

export interface PlateauOptions {
  /** What the learning rate is multiplied by. Default 0.1. */
  factor?: number;
  /** Evaluations without improvement before a drop. */
  patience: number;
  /** Drops before the end. Default 3. */
  drops?: number;
}

export interface PlateauState {
  /** Drops so far. */
  drops: number;
  /** The smallest error so far; null before the first. */
  best: number | null;
  /** Evaluations since it, or since the last drop. */
  waited: number;
}

/** Made by {@link plateau}. */
export class Plateau {
  readonly #options: Required<PlateauOptions>;
  readonly #optimiser: { lr: number };
  #state: PlateauState = { drops: 0, best: null, waited: 0 };

  /** @internal */
  constructor(optimiser: { lr: number }, options: PlateauOptions) {
    if (typeof optimiser !== 'object' || optimiser === null || typeof optimiser.lr !== 'number')
      throw new TypeError(`plateau: takes an optimiser with a learning rate, got ${show(optimiser)}`);
    const { factor = 0.1, patience, drops = 3 } = checkOptions('plateau', options, ['factor', 'patience', 'drops']);
    checkNumber('plateau', 'factor', factor);
    if (!(factor > 0 && factor < 1)) throw new RangeError(`plateau: factor must be between 0 and 1, got ${factor}`);
    this.#optimiser = optimiser;
    this.#options = { factor, patience: count('patience', patience, 1), drops: count('drops', drops, 0) };
  }

  /**
   * Takes the error of an evaluation, and multiplies the optimiser's `lr` by `factor` where the error has not been below its smallest
   * for `patience` evaluations.
   * @returns whether to go on: false once the error stops improving after the last drop.
   */
  step(validationError: number): boolean {
    checkNumber('plateau', 'the validation error', validationError);
    if (!Number.isFinite(validationError))
      throw new RangeError(`plateau: the validation error must be finite, got ${validationError}`);
    const { drops, best, waited } = this.#state;
    if (best === null || validationError < best) {
      this.#state = { drops, best: validationError, waited: 0 };
      return true;
    }
    if (waited + 1 < this.#options.patience) {
      this.#state = { drops, best, waited: waited + 1 };
      return true;
    }
    if (drops >= this.#options.drops) return false;
    this.#optimiser.lr *= this.#options.factor;
    this.#state = { drops: drops + 1, best, waited: 0 };
    return true;
  }

  /** Plain data for a checkpoint. The learning rate is the optimiser's to keep. */
  state(): PlateauState {
    return { ...this.#state };
  }

  load(state: PlateauState): void {
    if (typeof state !== 'object' || state === null)
      throw new TypeError(`plateau: load takes a state, got ${show(state)}`);
    const { drops, best, waited } = state;
    if (best !== null && (typeof best !== 'number' || !Number.isFinite(best)))
      throw new RangeError(`plateau: the state's best must be a finite number or null, got ${show(best)}`);
    this.#state = { drops: count("the state's drops", drops, 0), best, waited: count("the state's waited", waited, 0) };
  }
}

/**
 * Lowers an optimiser's learning rate when the validation error stops improving.
 *
 * ```ts
 * const schedule = optim.plateau(opt, { patience: 3 });
 * do await epoch(); while (schedule.step(await validationError()));
 * ```
 */
export function plateau(optimiser: { lr: number }, options: PlateauOptions): Plateau {
  return new Plateau(optimiser, options);
}

function count(name: string, value: unknown, low: number): number {
  checkNumber('plateau', name, value);
  if (!Number.isSafeInteger(value) || value < low)
    throw new RangeError(`plateau: ${name} must be a whole number of at least ${low}, got ${value}`);
  return value;
}
