import { device, devices, ops, tape, tensor } from '../../lib';
import { testLiterals } from '../support/literals';

const [first, second] = [device('cpu:0'), device('cpu:1')];

testLiterals('copy_to', ({ x }) => ops.copyTo(x, second));

test.each(devices())('to %s and back, values and gradient', async (other) => {
  const x = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { device: first },
  );
  using t = tape();
  const there = ops.copyTo(x, other);
  expect(there.device).toBe(other);
  const weight = tensor(
    [
      [1, 10],
      [100, 1000],
    ],
    { device: other },
  );
  const y = ops.sum(ops.mul(there, weight));
  const { x: dx } = t.gradients(y, { x });
  expect(dx.device).toBe(first);
  expect(await y.item()).toBe(4321);
  expect(await dx.array()).toEqual([
    [1, 10],
    [100, 1000],
  ]);
});

test('a value used on both devices gathers both gradients', async () => {
  const x = tensor([1, 2], { device: second });
  using t = tape();
  const here = ops.square(x);
  const there = ops.square(x.to(first));
  const loss = ops.add(ops.sum(here), ops.sum(there.to('cpu:1')));
  expect(await t.gradients(loss, { x }).x.array()).toEqual([4, 8]);
});

test('always a copy, of any element type', async () => {
  const x = tensor(new Uint8Array([1, 2]), { device: first });
  const y = x.to(first);
  y.copyFrom(new Uint8Array([7, 8]));
  expect(await x.array()).toEqual([1, 2]);
  expect(await x.to(second).array()).toEqual([1, 2]);
  expect(x.to('cpu:1').dtype).toBe('u8');
});

test('a copy waits for what is queued on the source, and what is queued on the destination waits for it', async () => {
  // Long chains on both sides: without the event between them the copy would see unfinished values.
  let x = tensor(new Float32Array(300_000).fill(1), { device: first });
  for (let i = 0; i < 20; i++) x = ops.add(x, 1);
  let y = x.to(second);
  for (let i = 0; i < 20; i++) y = ops.add(y, 1);
  const z = ops.add(y.to(first), 1);
  expect(new Set(await z.data())).toEqual(new Set([42]));
});

test('errors', () => {
  const x = tensor([1]);
  expect(() => x.to('cuda:99')).toThrow("there is no 'cuda:99'; there are cpu:0, cpu:1");
  expect(() => ops.copyTo(x, 3 as any)).toThrow(TypeError);
  expect(() => ops.copyTo([1] as any, first)).toThrow('copyTo: input 0 must be a Tensor');
  x.dispose();
  expect(() => x.to(second)).toThrow('copyTo: the tensor [1] has been disposed');
});
