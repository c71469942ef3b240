// A sample call of an operator on a device, held against cpu:0.
import { deepStrictEqual } from 'node:assert';
import { createHash } from 'node:crypto';
import { type Device, device } from '../../lib';
import type { Case } from '../../lib/ops/cases';
import { type OperatorName, registry } from '../../lib/ops/registry';
import { type Outcome, outcome, SELFTEST_TOLERANCE } from '../../lib/selftest/selftest';
import { expectClose } from './close';

/** A digest of every bit of an outcome. */
function digest({ y, gradients }: Outcome): string {
  const hash = createHash('sha1');
  for (const values of [y, ...Object.values(gradients)])
    hash.update(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  return hash.digest('hex');
}

const run = (name: OperatorName, c: Case, on: Device) => outcome(name, c, on, registry[name].rule?.gradient != null);

/** A digest of the bits of a call's values and gradients. */
export const bits = async (name: OperatorName, c: Case, on: Device): Promise<string> => digest(await run(name, c, on));

/** The same of a call whose values and gradients must be those of cpu:0. */
export async function bitsLikeCpu(name: OperatorName, c: Case, on: Device): Promise<string> {
  const first = await run(name, c, on);
  const reference = await run(name, c, device('cpu:0'));
  deepStrictEqual(first.shape, reference.shape);
  expectClose(first.y, reference.y, SELFTEST_TOLERANCE, `${name}, ${c.name}: values`);
  deepStrictEqual(Object.keys(first.gradients), Object.keys(reference.gradients));
  for (const [key, g] of Object.entries(first.gradients))
    expectClose(g, reference.gradients[key]!, SELFTEST_TOLERANCE, `${name}, ${c.name}: gradient of ${key}`);
  return digest(first);
}
