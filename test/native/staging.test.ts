// Values written while the device is busy must not land in memory that queued work still uses.
import { ops, scope, tensor, uniform } from '../../lib';

test('values written to a busy device arrive as they were', async () => {
  using a = uniform([512, 512], { seed: 1 });
  for (let round = 0; round < 20; round++) {
    using s = scope();
    const values = Float32Array.from({ length: 512 * 512 }, (_, i) => i + round);
    // A queue of work whose intermediates are freed at once, in the order of calls, long before they have been used.
    let x = ops.matmul(a, a);
    for (let i = 0; i < 4; i++) {
      const next = ops.relu(x);
      x.dispose();
      x = next;
    }
    x.dispose();
    const t = tensor(values, { shape: [512, 512] });
    values.fill(-1);
    const data = await s.keep(t).data();
    t.dispose();
    expect(data[0]).toBe(round);
    expect(data.every((v, i) => v === i + round)).toBe(true);
  }
});
