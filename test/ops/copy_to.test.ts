import { type Device, device, devices, ops, tape, tensor } from '../../lib';
import { testLiterals } from '../support/literals';

const [first, second] = [device('cpu:0'), device('cpu:1')];

testLiterals('copy_to', ({ x }) => ops.copyTo(x, second));

/** From every device that is here to every one, itself too: cpu:0 to sim:1, sim:1 to sim:0 and so on. */
const ways = devices().flatMap((from) => devices().map((to) => [from, to] as const));

describe.each(ways)('from %s to %s', (from, to) => {
  test('and back, values and gradient', async () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { device: from },
    );
    using t = tape();
    const there = ops.copyTo(x, to);
    expect(there.device).toBe(to);
    const weight = tensor(
      [
        [1, 10],
        [100, 1000],
      ],
      { device: to },
    );
    const y = ops.sum(ops.mul(there, weight));
    const { x: dx } = t.gradients(y, { x });
    expect(dx.device).toBe(from);
    expect(await y.item()).toBe(4321);
    expect(await dx.array()).toEqual([
      [1, 10],
      [100, 1000],
    ]);
  });

  test('a value used on both gathers both gradients', async () => {
    const x = tensor([1, 2], { device: to });
    using t = tape();
    const here = ops.square(x);
    const there = ops.square(x.to(from));
    const loss = ops.add(ops.sum(here), ops.sum(there.to(to)));
    expect(await t.gradients(loss, { x }).x.array()).toEqual([4, 8]);
  });

  test('always a copy, of any element type, every bit of it', async () => {
    const bytes = tensor(new Uint8Array([1, 2, 255]), { device: from });
    const copy = bytes.to(to);
    copy.copyFrom(new Uint8Array([7, 8, 9]));
    expect([await bytes.array(), await copy.array()]).toEqual([
      [1, 2, 255],
      [7, 8, 9],
    ]);
    expect(copy.dtype).toBe('u8');
    const labels = tensor(Int32Array.of(-1, 2 ** 31 - 1), { device: from });
    expect(await labels.to(to).data()).toEqual(Int32Array.of(-1, 2 ** 31 - 1));
    const halves = tensor([1.5, -0, 3e38], { dtype: 'bf16', device: from });
    const moved = halves.to(to);
    expect([moved.dtype, await moved.data()]).toEqual(['bf16', await halves.data()]);
    // A word, a page and a little, more than a block of staging memory.
    for (const length of [1, 1025, 300_001]) {
      const values = Float32Array.from({ length }, (_, i) => 1 / (i - length / 2));
      values[0] = -0;
      const there = await tensor(values, { device: from }).to(to).data();
      expect(Buffer.compare(Buffer.from(there.buffer), Buffer.from(values.buffer))).toBe(0);
    }
  });

  test('a copy waits for what is queued on the source, and what is queued on the destination waits for it', async () => {
    // Long chains on both sides: without the event between them the copy would see unfinished values.
    const plusTwenty = <T extends ReturnType<typeof ops.add>>(x: T) => {
      let y = x;
      for (let i = 0; i < 20; i++) y = ops.add(y, 1) as T;
      return y;
    };
    const length = [from, to].some((d: Device) => d.kind === 'sim') ? 10_000 : 300_000;
    const x = plusTwenty(tensor(new Float32Array(length).fill(1), { device: from }));
    const y = plusTwenty(x.to(to));
    const z = ops.add(y.to(from), 1);
    expect(new Set(await z.data())).toEqual(new Set([42]));
  });
});

test('errors', () => {
  const x = tensor([1]);
  for (const copy of [() => ops.copyTo(x, 'cuda:99'), () => x.to('cuda:99')])
    expect(copy).toThrow(/^copyTo: there is no device 'cuda:99'; there are cpu:0, cpu:1/);
  expect(() => ops.copyTo(x, 3 as any)).toThrow(new TypeError("copyTo: device must be a string like 'cpu:0', got 3"));
  expect(() => ops.copyTo([1] as any, first)).toThrow('copyTo: input 0 must be a Tensor');
  x.dispose();
  expect(() => x.to(second)).toThrow('copyTo: the tensor [1] has been disposed');
});
