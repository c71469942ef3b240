// The definitions that benchmarks check against, held against the operators: and each sees a single wrong value where it looks.
import { ops, randn, tape } from '../../lib';
import { pooling, responseNorm, softmaxAt } from '../../lib/bench/op_samples';
import { compareAt, convolution, fullyConnected } from '../../lib/bench/samples';

const every = 1e9;

function expectSame(actual: ArrayLike<number>, expected: (i: number) => number): void {
  const check = compareAt(actual, expected, 'the operator', 1e-5, every);
  expect(check.error).toBeLessThanOrEqual(check.tolerance);
  const spoiled = Array.from(actual);
  spoiled[spoiled.length - 1]! += 1;
  const seen = compareAt(spoiled, expected, 'the operator');
  expect(seen.error).toBeGreaterThan(seen.tolerance);
}

async function gradients(f: (...xs: any[]) => any, inputs: any[]) {
  using t = tape();
  const y = f(...inputs);
  const dy = randn([...y.shape], { seed: 9 });
  const g = t.gradients(y, inputs, { seed: dy as any }) as any[];
  const read = async (x: any) => Array.from((await x.data()) as ArrayLike<number>);
  return {
    y: await read(y),
    dy: await read(dy),
    inputs: await Promise.all(inputs.map(read)),
    g: await Promise.all(g.map(read)),
  };
}

test('convolution: groups, stride, padding', async () => {
  const r = await gradients(
    (x, w, b) => ops.conv2d(x, w, b, { stride: 2, padding: 1, groups: 2 }),
    [randn([2, 4, 7, 7], { seed: 1 }), randn([6, 2, 3, 3], { seed: 2 }), randn([6], { seed: 3 })],
  );
  const sizes = { batch: 2, channels: 4, size: 7, filters: 6, kernel: 3, stride: 2, padding: 1, groups: 2, out: 4 };
  const book = convolution(sizes, r.inputs[0]!, r.inputs[1]!, r.inputs[2]!, r.dy);
  expectSame(r.y, book.forward);
  expectSame(r.g[0]!, book.gradInput);
  expectSame(r.g[1]!, book.gradWeight);
});

test('fully connected', async () => {
  const r = await gradients(
    (x, w, b) => ops.linear(x, w, b),
    [randn([3, 5], { seed: 1 }), randn([4, 5], { seed: 2 }), randn([4], { seed: 3 })],
  );
  const book = fullyConnected(3, 5, 4, r.inputs[0]!, r.inputs[1]!, r.inputs[2]!, r.dy);
  expectSame(r.y, book.forward);
  expectSame(r.g[0]!, book.gradInput);
  expectSame(r.g[1]!, book.gradWeight);
});

test('response normalisation and pooling', async () => {
  const maps = { images: 2, channels: 8, size: 7 };
  const norm = { size: 5, alpha: 0.1, beta: 0.75, k: 2, groups: 2 };
  const x = randn([2, 8, 7, 7], { seed: 1 });
  const n = await gradients((t) => ops.localResponseNorm(t, norm), [x]);
  const book = responseNorm(maps, norm, n.inputs[0]!, n.dy);
  expectSame(n.y, book.forward);
  expectSame(n.g[0]!, book.gradient);
  for (const kind of ['max', 'avg'] as const) {
    const options = { kernel: 3, stride: 2 };
    const p = await gradients((t) => (kind === 'max' ? ops.maxPool2d(t, options) : ops.avgPool2d(t, options)), [x]);
    const pool = pooling(maps, kind, p.inputs[0]!, p.dy);
    expectSame(p.y, pool.forward);
    expectSame(p.g[0]!, pool.gradient);
  }
});

test('softmax', async () => {
  const s = await gradients((t) => ops.softmax(t), [randn([3, 6], { seed: 1, std: 3 })]);
  expectSame(s.y, softmaxAt(6, s.inputs[0]!));
});

test('a value that is none fails', () => {
  expect(compareAt([Number.NaN], () => 1, 'x').error).toBeGreaterThan(1);
});
