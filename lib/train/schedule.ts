import type { Schedule } from './recipe';

/** What a schedule must remember over a resume. */
export interface ScheduleState {
  /** Drops of the rate so far. */
  drops: number;
  /** The smallest validation error so far; null before the first. */
  best: number | null;
  /** Evaluations since then. */
  waited: number;
}

/**
 * The learning rate of a run: a function of how far it has come, in passes, and (the plateau rule) of the validation errors seen.
 */
export class RateSchedule {
  #state: ScheduleState = { drops: 0, best: null, waited: 0 };

  constructor(
    private readonly schedule: Schedule,
    private readonly lr: number,
    /** Passes of the whole run. */
    private readonly epochs: number,
  ) {}

  /** The rate of the step that begins after `epoch` passes (a fraction within a pass). */
  rate(epoch: number): number {
    const s = this.schedule;
    switch (s.kind) {
      case 'constant':
        return this.lr;
      case 'plateau':
        return this.lr * s.factor ** this.#state.drops;
      case 'steps':
        return this.lr * s.factor ** s.at.filter((at) => at <= epoch).length;
      case 'cosine': {
        if (epoch < s.warmup) return this.lr * (epoch / s.warmup);
        const t = Math.min(1, (epoch - s.warmup) / Math.max(this.epochs - s.warmup, Number.MIN_VALUE));
        return this.lr * (s.final + ((1 - s.final) * (1 + Math.cos(Math.PI * t))) / 2);
      }
    }
  }

  /**
   * Takes the error of an evaluation. Under the plateau rule the rate drops when the error has not improved for `patience` evaluations.
   * @returns false when it stops improving after the last drop: the run has ended.
   */
  observe(validationError: number): boolean {
    if (this.schedule.kind !== 'plateau') return true;
    const s = this.#state;
    if (s.best === null || validationError < s.best) {
      this.#state = { ...s, best: validationError, waited: 0 };
      return true;
    }
    if (s.waited + 1 < this.schedule.patience) {
      this.#state = { ...s, waited: s.waited + 1 };
      return true;
    }
    if (s.drops >= this.schedule.drops) return false;
    this.#state = { ...s, drops: s.drops + 1, waited: 0 };
    return true;
  }

  state(): ScheduleState {
    return { ...this.#state };
  }

  load(state: ScheduleState): void {
    this.#state = { ...state };
  }
}
