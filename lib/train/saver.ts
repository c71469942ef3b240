// Checkpoints beside the training: what a checkpoint holds is read back behind the step it is of, in the devices' own order, and written while
// further steps run.

/** Reads back, behind all that is queued, and returns what writes it: at most once. */
export type Snapshot<P> = () => (progress: P, lr: number) => Promise<void>;

export class Saver<P> {
  #running: Promise<void> = Promise.resolve();
  #failed: { error: unknown } | null = null;

  constructor(private readonly snapshot: Snapshot<P>) {}

  /**
   * Begins a checkpoint of the devices' present state. One is written at a time: waits for the one before.
   * @param progress where the run stands at that point, once that is known; never, where it rejects
   */
  async begin(progress: Promise<P>, lr: number): Promise<void> {
    progress.catch(() => {}); // reported below
    await this.finish();
    const write = this.snapshot();
    this.#running = progress.then((p) => write(p, lr));
    this.#running.catch((error: unknown) => {
      this.#failed = { error };
    });
  }

  /** Throws what made a checkpoint fail since. */
  check(): void {
    if (this.#failed) throw this.#failed.error;
  }

  /** Waits until what was begun is on the disk. @throws what made it fail */
  async finish(): Promise<void> {
    await this.#running;
  }
}
