import { defineOp, gradcheck, ops, type Tensor, tensor } from '../../lib';

test('gradcheck passes a right gradient and counts what it compared', async () => {
  const x = tensor([-1.5, -0.2, 0.3, 2], { shape: [4] });
  const result = await gradcheck(ops.relu, [x]);
  expect(result.elements).toBe(4);
  expect(result.worst.used).toBeLessThan(1);
});

test('gradcheck names the input, the index and both numbers of a wrong gradient', async () => {
  const wrong = defineOp(
    'wrong',
    (_ctx, x: Tensor<any>) => ops.relu(x),
    (_ctx, dy) => [dy],
  );
  const x = tensor([1, 2, 3, -1], { shape: [2, 2] });
  const message =
    /^gradcheck: input 'x' \[2,2\] at \[1,1\]: finite differences give 0, the tape gives -?\d\.\d+ \(tolerance/;
  await expect(gradcheck(({ x }) => wrong(x), { x })).rejects.toThrow(message);
  await expect(gradcheck(wrong, [x])).rejects.toThrow(/^gradcheck: input 0 \[2,2\] at \[1,1\]/);
});
