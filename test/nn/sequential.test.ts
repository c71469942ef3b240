import { device, gradcheck, nn, ones, ops, randn, type Shape, scope, type Tensor, tape, zeros } from '../../lib';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

const cpu = device('cpu:0');
const values = async (t: Tensor<any>) => [...(await t.data())];

// What a test leaves undisposed goes at its end: collected in the middle of a later test, it would change what that one measures.
let left: Disposable;
beforeEach(() => {
  left = scope();
});
afterEach(() => left[Symbol.dispose]());

class Scale<C extends number> extends nn.Layer<nn.SameShape> {
  readonly params: { readonly gain: Tensor<[C, 1, 1]> };
  constructor(channels: C) {
    super('scale');
    this.params = { gain: ones([channels, 1, 1]) };
  }
  protected run(x: Tensor<Shape>) {
    return ops.neg(ops.mul(x, this.params.gain));
  }
}

/** Returns a parameter itself. */
class Constant extends nn.Layer {
  readonly params = { table: ones([2, 3]) };
  protected run() {
    return this.params.table;
  }
}

const make = () =>
  nn.sequential(
    ['conv', nn.conv2d(2, 4, 3, { seed: 1 })],
    nn.tanh(),
    nn.maxPool2d({ kernel: 2 }),
    nn.sequential(nn.flatten(), ['fc', nn.linear(16, 3, { seed: 2 })]),
  );

test('the layers run one after another', async () => {
  using net = make();
  const x = randn([3, 2, 6, 6], { seed: 3 });
  const p = net.params;
  const y = net.forward(x);
  const conv = ops.tanh(ops.conv2d(x, p['conv.weight'], p['conv.bias']));
  const expected = ops.linear(ops.flatten(ops.maxPool2d(conv, { kernel: 2 })), p['3.fc.weight'], p['3.fc.bias']);
  expect(y.shape).toEqual([3, 3]);
  expect(await values(y)).toEqual(await values(expected));
});

test('parameters are named by layer: its name, or its position', () => {
  using net = make();
  expect(Object.keys(net.params)).toEqual(['conv.weight', 'conv.bias', '3.fc.weight', '3.fc.bias']);
  expect(net.params['conv.weight']).toBe((net.layers[0] as nn.Conv2d<2, 4, 3, 1, 0, 1, true>).params.weight);
});

test('gradients are those of finite differences, for every parameter and the input', async () => {
  using net = make();
  const x = randn([2, 2, 6, 6], { seed: 3 });
  // gradcheck moves copies of the parameters: the net is run with them in its own parameters' place.
  const run = (inputs: Readonly<Record<string, Tensor<any>>>) => {
    const conv = ops.tanh(ops.conv2d(inputs.x!, inputs['conv.weight']!, inputs['conv.bias']!));
    const flat = ops.flatten(ops.maxPool2d(conv, { kernel: 2 }));
    return ops.linear(flat, inputs['3.fc.weight']!, inputs['3.fc.bias']!);
  };
  const inputs = { x, ...net.params };
  await gradcheck(run, inputs, { maxElements: 16 });
  const gradients = async (forward: () => Tensor<any>) => {
    using t = tape();
    return Promise.all(Object.values(t.gradients(ops.sum(ops.square(forward())), inputs)).map(values));
  };
  expect(await gradients(() => net.forward(x))).toEqual(await gradients(() => run(inputs)));
});

test('what a layer hands to the next is freed as soon as it is used', () => {
  const megabyte = 2 ** 20;
  const x = zeros([megabyte / 4]);
  const net = nn.sequential(...Array.from({ length: 20 }, () => nn.elementwise('next', (t) => ops.add(t, 1))));
  const before = cpu.memory().allocated;
  cpu.resetPeak();
  const y = net.forward(x);
  expect(cpu.memory().allocated - before).toBe(megabyte);
  // The input of a layer and its output; and the scalar that is added.
  expect(cpu.memory().peak - before).toBeLessThan(2 * megabyte + 4096);
  y.dispose();
  expect(cpu.memory().allocated).toBe(before);
  x.dispose();
});

test('a tape keeps what it needs, and no more', async () => {
  const x = randn([100, 100], { seed: 1 });
  using net = nn.sequential(nn.linear(100, 100, { seed: 2 }), nn.sigmoid(), nn.linear(100, 100, { seed: 3 }));
  const before = cpu.memory().allocated;
  {
    using t = tape();
    using y = net.forward(x);
    using loss = ops.sum(y);
    const gradients = t.gradients(loss, net.params);
    for (const g of Object.values(gradients)) {
      expect((await values(g)).some((v) => v !== 0)).toBe(true);
      g.dispose();
    }
  }
  expect(cpu.memory().allocated).toBe(before);
  x.dispose();
});

test('a misfit says where, and leaves nothing behind', () => {
  const x = zeros([2, 8]);
  const narrow = zeros([2, 7]);
  using net = nn.sequential(nn.relu(), ['head', nn.sequential(nn.relu(), nn.linear(8, 4), nn.flatten(2))]);
  const untyped: nn.Layer<any> = nn.sequential(
    nn.relu(),
    nn.linear(8, 4),
    nn.elementwise('odd', (t) => t.reshape([3, 3])),
  );
  const before = cpu.memory().allocated;
  expect(() => untyped.forward(x)).toThrow("[3, 3] has 9 (layer '2' of a sequential)");
  expect(() => (net as nn.Layer<any>).forward(narrow)).toThrow(
    /^linear: .*\[2,7\].* \(layer '1' of a sequential\) \(layer 'head' of a sequential\)$/,
  );
  expect(cpu.memory().allocated).toBe(before);
  expect(x.disposed).toBe(false);
});

describe('a layer of one’s own', () => {
  test('is a class with parameters and a function; what it makes on the way is freed', async () => {
    using net = nn.sequential(['scale', new Scale(4)], nn.relu());
    const x = ops.neg(ones([1, 4, 2, 2]));
    const before = cpu.memory().allocated;
    const y: Tensor<[1, 4, 2, 2]> = net.forward(x);
    // One block of the allocator: y. The product before the negation is gone.
    expect(cpu.memory().allocated - before).toBe(256);
    expect(await values(y)).toEqual(Array(16).fill(1));
    using t = tape();
    const { 'scale.gain': gain } = t.gradients(ops.sum(net.forward(x)), net.params);
    expect(await values(gain)).toEqual([4, 4, 4, 4]);
  });

  test('may return its input or a parameter: the result is another handle of it', async () => {
    const constant = new Constant('constant');
    using net = nn.sequential(
      nn.elementwise('same', (x) => x),
      constant,
      nn.relu(),
    );
    const x = zeros([2, 3]);
    for (let i = 0; i < 2; i++) {
      using y = net.forward(x);
      expect(await values(y)).toEqual(Array(6).fill(1));
    }
    expect(x.disposed).toBe(false);
    expect(constant.params.table.disposed).toBe(false);
    using t = tape();
    const { '1.table': gradient } = t.gradients(ops.sum(net.forward(x)), net.params);
    expect(await values(gradient)).toEqual(Array(6).fill(1));
  });

  test('that returns no tensor is an error', () => {
    expect(() => nn.elementwise('broken', () => 3 as never).forward(zeros([1]))).toThrow(
      'broken: run must return a Tensor, got 3',
    );
  });
});

test('the seed of a pass gives every dropout a mask of its own, the same ones every time', async () => {
  const x = ones([500]);
  const first = nn.sequential(nn.dropout());
  const both = nn.sequential(nn.dropout(), nn.dropout());
  const pass = (net: nn.Layer<any>, seed: number) => values(net.forward(x, { train: true, seed }));
  expect(await pass(both, 1)).toEqual(await pass(both, 1));
  expect(await pass(both, 1)).not.toEqual(await pass(both, 2));
  expect(await pass(both, 1)).not.toEqual(await pass(first, 1));
});

test('dispose frees all parameters; a scope keeps a net by `keep`', () => {
  const before = cpu.memory().allocated;
  const net = make();
  expect(cpu.memory().allocated).toBeGreaterThan(before);
  net.dispose();
  expect(cpu.memory().allocated).toBe(before);
  let kept: ReturnType<typeof make>;
  {
    using s = scope();
    kept = s.keep(make());
  }
  for (const p of Object.values(kept.params)) expect(p.disposed).toBe(false);
  kept.dispose();
  expect(cpu.memory().allocated).toBe(before);
});

test('names must be strings of their own, and layers layers', () => {
  const sequential = nn.sequential as (...steps: unknown[]) => unknown;
  expect(() => sequential(nn.relu(), 3)).toThrow(
    'nn.sequential: layer 1 must be a layer or a pair [name, layer], got 3',
  );
  expect(() => sequential(['a', nn.relu()], ['a', nn.tanh()])).toThrow("no other layer has, got 'a'");
  expect(() => sequential(['1', nn.relu()], nn.tanh())).toThrow("no other layer has, got '1'");
  expect(() => sequential(['a.b', nn.relu()])).toThrow("string without dots that no other layer has, got 'a.b'");
  expect(() => sequential(['', nn.relu()])).toThrow('nn.sequential: the name of layer 0');
});
