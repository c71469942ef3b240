import { addon, type DType, type NativeStorage } from '../native/addon';
import type { Device } from './device';

/** Memory shared by the tensors that view it (a reshape, a tape that remembers it); freed when the last of them lets go. */
export class Storage {
  readonly native: NativeStorage;
  /** Raised by every overwrite, so that a tape notices that what it remembers has changed. */
  version = 0;
  #references = 1;

  constructor(
    readonly device: Device,
    readonly count: number,
    readonly dtype: DType,
  ) {
    this.native = new addon.Storage(device.position, count, dtype);
  }

  get shared(): boolean {
    return this.#references > 1;
  }

  retain(): this {
    this.#references++;
    return this;
  }

  release(): void {
    if (--this.#references === 0) this.native.dispose();
  }
}
