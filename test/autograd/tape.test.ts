import { device, ops, tape, tensor } from '../../lib';

test('a gradient goes through every layer: TypeScript, N-API, stream, kernel and back', async () => {
  const x = tensor([-1, 2, 3], { shape: [3] });
  using t = tape();
  const y = ops.relu(x);
  const { x: dx } = t.gradients(y, { x }, { seed: tensor([10, 20, 30], { shape: [3] }) });
  expect([...(await y.data())]).toEqual([0, 2, 3]);
  expect([...(await dx.data())]).toEqual([0, 20, 30]);
});

test('a disposed tensor says so', () => {
  const x = tensor([1], { shape: [1] });
  x.dispose();
  expect(() => ops.relu(x)).toThrow('relu: the tensor [1] has been disposed');
  expect(device('cpu:0').memory().allocated).toBeGreaterThan(0);
});
