import { type Plateau, type PlateauState, plateau } from '../optim';
import type { Schedule } from './recipe';

/**
 * The learning rate of a run: a function of how far it has come, in passes, and (the plateau rule) of the validation errors seen.
 */
export class RateSchedule {
  readonly #plateau: Plateau | null = null;

  constructor(
    private readonly schedule: Schedule,
    private readonly lr: number,
    /** Passes of the whole run. */
    private readonly epochs: number,
  ) {
    if (schedule.kind === 'plateau') {
      const { patience, factor, drops } = schedule;
      this.#plateau = plateau({ lr }, { patience, factor, drops });
    }
  }

  /** The rate of the step that begins after `epoch` passes (a fraction within a pass). */
  rate(epoch: number): number {
    return this.lr * this.factor(epoch);
  }

  /** What the schedule multiplies the first rate by at that point. */
  factor(epoch: number): number {
    const { warmup } = this.schedule;
    return epoch < warmup ? epoch / warmup : this.#afterWarmup(epoch);
  }

  #afterWarmup(epoch: number): number {
    const s = this.schedule;
    switch (s.kind) {
      case 'constant':
        return 1;
      case 'plateau':
        return s.factor ** this.state().drops;
      case 'steps':
        return s.factor ** s.at.filter((at) => at <= epoch).length;
      case 'cosine': {
        const t = Math.min(1, (epoch - s.warmup) / Math.max(this.epochs - s.warmup, Number.MIN_VALUE));
        return s.final + ((1 - s.final) * (1 + Math.cos(Math.PI * t))) / 2;
      }
    }
  }

  /**
   * Takes the error of an evaluation, made after `epoch` passes. Under the plateau rule the rate drops when the error has not improved for
   * `patience` evaluations, and at the passes `latest` in any case.
   * @returns false when it stops improving after the last drop: the run has ended.
   */
  observe(validationError: number, epoch: number): boolean {
    const s = this.schedule;
    if (s.kind !== 'plateau' || !this.#plateau) return true;
    const goOn = this.#plateau.step(validationError);
    const { drops, best } = this.#plateau.state();
    const due = Math.min(s.drops, s.latest.filter((at) => at <= epoch).length);
    if (drops < due) this.#plateau.load({ drops: due, best, waited: 0 });
    return goOn;
  }

  state(): PlateauState {
    return this.#plateau?.state() ?? { drops: 0, best: null, waited: 0 };
  }

  load(state: PlateauState): void {
    this.#plateau?.load(state);
  }
}
