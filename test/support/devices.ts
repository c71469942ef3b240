import { type Device, devices } from '../../lib';
import type { DeviceKind } from '../../lib/tensor/device';

// CONVTAPE_TEST_KINDS narrows them down: `sim` alone where the tests have run on `cpu` already.
const wanted = (process.env['CONVTAPE_TEST_KINDS'] ?? 'cpu,sim,cuda').split(',') as DeviceKind[];

/** The first device of every kind there is: operator tests run on each. */
export const kinds: readonly Device[] = wanted.flatMap((kind) => devices(kind).slice(0, 1));
if (kinds.length === 0) throw new Error(`no device of the kinds ${wanted.join(', ')} is here`);

/** Pairs of devices of a kind, for what crosses from one to the other. */
export const pairs: readonly (readonly [Device, Device])[] = wanted
  .map((kind) => devices(kind))
  .filter((list) => list.length > 1)
  .map((list) => [list[0]!, list[1]!]);
