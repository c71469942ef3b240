/** Training's time, images and waiting since the last logged line; pauses (evaluations, waiting for a checkpoint) left out. */
export class Meter {
  #since = performance.now();
  #images = 0;
  #waited = 0;

  restart(): void {
    this.#since = performance.now();
    this.#images = 0;
    this.#waited = 0;
  }

  images(count: number): void {
    this.#images += count;
  }

  /** @param ms in which the devices had nothing to do because no batch was ready */
  waited(ms: number): void {
    this.#waited += ms;
  }

  pause(ms: number): void {
    this.#since += ms;
  }

  read(): { imagesPerSecond: number; dataWait: number } {
    const ms = Math.max(performance.now() - this.#since, Number.MIN_VALUE);
    return { imagesPerSecond: (1000 * this.#images) / ms, dataWait: Math.min(1, this.#waited / ms) };
  }
}
