import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { devices } from '../../lib/tensor/device';

setFlagsFromString('--expose-gc');
const gc: () => void = runInNewContext('gc');

/**
 * For tests that compare how much memory is allocated before and after: tensors that earlier tests did not dispose of are collected
 * before each test, not at some moment in the middle of it.
 */
export function collectBeforeEach(): void {
  beforeEach(async () => {
    gc();
    // Finalisers run in turns of the event loop after the collection.
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
    await devicesIdle();
  });
}

/** What calls have let go of is free once the devices have gone on. */
export async function devicesIdle(): Promise<void> {
  await Promise.allSettled(devices('cpu').map((device) => device.synchronize()));
}
