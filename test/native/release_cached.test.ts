// A device is a stream of work: memory that the caller has let go of may still be used by work that is queued.
import { full, ops, scope, type Tensor, uniform } from '../../lib';
import { kinds } from '../support/devices';

/** Keeps a stream busy for longer than it takes to queue a few calls. */
function delay(on: (typeof kinds)[number]): void {
  using s = scope();
  const a = uniform([512, 512], { low: 0, high: 1 / 256, seed: 1, device: on });
  let b: Tensor = a;
  for (let i = 0; i < 10; i++) b = ops.matmul(a, b as Tensor<[number, number]>);
  void s;
}

describe.each(kinds)('on %s', (on) => {
  test('giving cached memory back leaves alone what queued work reads', async () => {
    const x = full([2_400_000], 1, { device: on });
    await on.synchronize();
    delay(on);
    const y = ops.exp(x);
    x.dispose();
    on.releaseCached();
    const values = (await y.data()) as Float32Array;
    y.dispose();
    expect(values.every((v) => Math.abs(v - Math.E) < 1e-6)).toBe(true);
  });
});
