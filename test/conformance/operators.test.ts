// Every operator's sample calls on every kind of device: the values of cpu:0, the gradient of finite differences, and the same bits
// whenever and on however many threads they are computed.
import { type Device, device, gradcheck, numThreads, scope } from '../../lib';
import { type Case, drawInputs } from '../../lib/ops/cases';
import { operatorNames, registry } from '../../lib/ops/registry';
import { outcome } from '../../lib/selftest/selftest';
import { bits, bitsLikeCpu } from '../support/conformance';
import { kinds } from '../support/devices';

/** How many elements of an input are moved. A simulated GPU takes a second for a matrix product, and its gradients are compared with the CPU's besides: fewer there. */
function places(c: Case, on: Device): number | undefined {
  return on.kind === 'sim' ? Math.ceil((c.elements ?? 128) / 8) : c.elements;
}

for (const on of kinds)
  describe(on.kind, () => {
    for (const name of operatorNames)
      for (const c of registry[name].cases) {
        const differentiable = registry[name].rule?.gradient != null;
        test(`${name}, ${c.name}: values, bits`, async () => {
          const first = await bitsLikeCpu(name, c, on);
          expect(await bits(name, c, on)).toBe(first);
          const threads = numThreads();
          try {
            // The threads are the CPU's.
            for (const n of on.kind === 'cpu' ? [1, 2, 3] : []) {
              numThreads(n);
              expect(await bits(name, c, on)).toBe(first);
            }
          } finally {
            numThreads(threads);
          }
        });
        if (differentiable)
          test(`${name}, ${c.name}: gradient`, async () => {
            using s = scope();
            const inputs = drawInputs(c, on);
            const { elements } = await gradcheck(c.run, inputs, { maxElements: places(c, on) });
            expect(elements).toBeGreaterThan(0);
            void s;
          }, 240_000);
      }
  });

test('every f32 value of every sample is finite', async () => {
  for (const name of operatorNames)
    for (const c of registry[name].cases) {
      const { y } = await outcome(name, c, device('cpu:0'), false);
      expect({ name, case: c.name, bad: Array.from(y).findIndex((v) => !Number.isFinite(v)) }).toMatchObject({
        bad: -1,
      });
    }
});
