// Every operator's sample calls on every kind of device: the values of cpu:0, the gradient of finite differences, and the same bits
// whenever and on however many threads they are computed.
import { createHash } from 'node:crypto';
import { type Device, device, gradcheck, numThreads, scope, type Tensor, tape } from '../../lib';
import { type Case, drawInputs } from '../../lib/ops/cases';
import { operatorNames, registry } from '../../lib/ops/registry';
import { empty } from '../../lib/tensor/tensor';
import { expectClose } from '../support/close';
import { kinds } from '../support/devices';

interface Outcome {
  shape: readonly number[];
  y: ArrayLike<number>;
  gradients: Record<string, Float32Array>;
}

/** The call's result and, for a fixed dy, its gradients. */
async function outcome(c: Case, on: Device, differentiable: boolean): Promise<Outcome> {
  using s = scope();
  const inputs = drawInputs(c, on);
  using t = tape();
  const y = c.run(inputs);
  let gradients: Record<string, Tensor<any> | null> = {};
  if (differentiable) {
    const wanted = Object.fromEntries(Object.entries(inputs).filter(([, x]) => x.dtype === 'f32'));
    const dy = Float32Array.from({ length: y.size }, (_, i) => ((i * 7) % 13) / 8 - 0.7);
    gradients = t.gradients(y, wanted, { seed: empty(y.shape, on).copyFrom(dy), allowUnused: true });
  }
  void s;
  const values: Record<string, Float32Array> = {};
  for (const [name, g] of Object.entries(gradients)) if (g) values[name] = await g.data();
  return { shape: y.shape, y: await y.data(), gradients: values };
}

/** A digest of every bit of an outcome. */
function bits({ y, gradients }: Outcome): string {
  const hash = createHash('sha1');
  for (const values of [y as Float32Array, ...Object.values(gradients)])
    hash.update(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  return hash.digest('hex');
}

/**
 * Kinds of device differ in the order of their sums and in the last bits of exp and log; the operators' sums in these samples have
 * at most a few thousand terms.
 */
const tolerance = 5e-6;

for (const on of kinds)
  describe(on.kind, () => {
    for (const name of operatorNames)
      for (const c of registry[name].cases) {
        const differentiable = registry[name].rule?.gradient != null;
        test(`${name}, ${c.name}: values, bits`, async () => {
          const first = await outcome(c, on, differentiable);
          const reference = await outcome(c, device('cpu:0'), differentiable);
          expect(first.shape).toEqual(reference.shape);
          expectClose(first.y, reference.y, tolerance, `${name}: values`);
          expect(Object.keys(first.gradients)).toEqual(Object.keys(reference.gradients));
          for (const [key, g] of Object.entries(first.gradients))
            expectClose(g, reference.gradients[key]!, tolerance, `${name}: gradient of ${key}`);
          expect(bits(await outcome(c, on, differentiable))).toBe(bits(first));
          const threads = numThreads();
          try {
            // The threads are the CPU's.
            for (const n of on.kind === 'cpu' ? [1, 2, 3] : []) {
              numThreads(n);
              expect(bits(await outcome(c, on, differentiable))).toBe(bits(first));
            }
          } finally {
            numThreads(threads);
          }
        });
        if (differentiable)
          test(`${name}, ${c.name}: gradient`, async () => {
            using s = scope();
            const inputs = drawInputs(c, on);
            const { elements } = await gradcheck(c.run, inputs, { maxElements: c.elements });
            expect(elements).toBeGreaterThan(0);
            void s;
          });
      }
  });

test('every f32 value of every sample is finite', async () => {
  for (const name of operatorNames)
    for (const c of registry[name].cases) {
      const { y } = await outcome(c, device('cpu:0'), false);
      expect({ name, case: c.name, bad: Array.from(y).findIndex((v) => !Number.isFinite(v)) }).toMatchObject({
        bad: -1,
      });
    }
});
