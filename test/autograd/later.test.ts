// Gradients towards weights are left for later where one towards the input crosses to another device first (lib/autograd/walk.ts).
import { defineOp, device, type OpContext, ops, type Tensor, tape, tensor } from '../../lib';
import { collectBeforeEach, devicesIdle } from '../support/memory';

collectBeforeEach();

const [first, second] = [device('cpu:0'), device('cpu:1')];

const values = () => ({
  x: tensor([1, -2, 3, 4], { shape: [2, 2], device: first }),
  w: tensor([1, 2, -3, 5], { shape: [2, 2], device: second }),
});

// L = Σ x·Wᵀ: dW has the sums of x's columns in every row, dx those of W's.
const DW = [
  [4, 2],
  [4, 2],
];
const DX = [
  [-2, 7],
  [-2, 7],
];

test('a layer that reads what came from another device', async () => {
  const { x, w } = values();
  for (const keep of [false, true]) {
    using t = tape();
    const loss = ops.sum(ops.linear(x.to(second), w, null));
    const times = keep ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const { dx, dw } = t.gradients(loss, { dx: x, dw: w }, { keep });
      expect([await dx.array(), await dw.array()]).toEqual([DX, DW]);
    }
  }
});

test('the weight came from another device as well, or from a call', async () => {
  const { x, w } = values();
  const there = tensor([1, 2, -3, 5], { shape: [2, 2], device: first });
  using t = tape();
  const moved = ops.linear(x.to(second), there.to(second), null);
  const made = ops.linear(x.to(second), ops.mul(w, 1), null);
  const loss = ops.add(ops.sum(moved), ops.sum(made));
  const g = t.gradients(loss, { x, there, w });
  expect([await g.x.array(), await g.there.array(), await g.w.array()]).toEqual([
    DX.map((row) => row.map((v) => 2 * v)),
    DW,
    DW,
  ]);
  expect([g.there.device, g.w.device]).toEqual([first, second]);
});

test('three layers with one weight, and a term that is still on its way when the next one comes', async () => {
  const { x, w } = values();
  using t = tape();
  const [a, b] = [x.to(second), x.to(second)];
  const loss = [a, b, a].map((v) => ops.sum(ops.linear(v, w, null))).reduce((p, q) => ops.add(p, q) as Tensor<[]>);
  const all = ops.add(loss.to(first), ops.sum(x));
  const { dx, dw } = t.gradients(all, { dx: x, dw: w });
  expect(await dw.array()).toEqual(DW.map((row) => row.map((v) => 3 * v)));
  expect(await dx.array()).toEqual(DX.map((row) => row.map((v) => 3 * v + 1)));
});

const broken = defineOp(
  'broken',
  (ctx: OpContext, x: Tensor<[2, 2]>): Tensor<[2, 2]> => {
    ctx.save(x);
    return ops.mul(x, 2) as Tensor<any>;
  },
  () => {
    throw new RangeError('broken: on purpose');
  },
);

test('where the walk fails, what was left for later is freed', async () => {
  const { x, w } = values();
  const allocated = () => [first, second].map((d) => d.memory().allocated);
  await devicesIdle();
  const before = allocated();
  {
    using t = tape();
    using made = broken(x as Tensor<any>);
    using there = made.to(second);
    using y = ops.linear(there, w, null);
    using loss = ops.sum(y);
    expect(() => t.gradients(loss, { x, w })).toThrow('broken: on purpose');
  }
  await devicesIdle();
  expect(allocated()).toEqual(before);
});
