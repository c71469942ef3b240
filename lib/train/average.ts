import { noGrad } from '../autograd/tape';
import type { ColumnNet } from '../models';
import { add, mul } from '../ops';
import { scope } from '../tensor/scope';

/** Updates between two that the mean takes in: the parameters move little in so few. */
const EVERY = 10;

/**
 * The mean of a run's parameters over their way (Polyak, Juditsky: "Acceleration of stochastic approximation by averaging", 1992), as a
 * network beside the one that learns. It is an exponential mean whose weights fall to 1/e over `updates` updates; at the beginning, the
 * plain mean of what there is.
 */
export class ParameterAverage implements Disposable {
  readonly #decay: number;

  /**
   * @param model holds the mean; its parameters are taken as what the run starts from
   * @param updates a number above 0
   */
  constructor(
    readonly model: ColumnNet,
    updates: number,
  ) {
    this.#decay = Math.exp(-EVERY / updates);
  }

  /** Queues what is due after so many updates of `learned`. A function of their number and the parameters alone. */
  update(learned: ColumnNet, made: number): void {
    if (made % EVERY !== 0) return;
    const weight = Math.max(1 - this.#decay, EVERY / made);
    noGrad(() => {
      for (const [name, mean] of Object.entries(this.model.params)) {
        using s = scope(); // a layer's at a time: together they would be three times the network
        mean.copyFrom(add(mul(mean, 1 - weight), mul(learned.params[name]!, weight)));
        void s;
      }
    });
  }

  [Symbol.dispose](): void {
    this.model.dispose();
  }
}
