import { device, ops, optim, scope, type Tensor, tape, tensor } from '../../lib';
import { expectClose } from '../support/close';
import { kinds } from '../support/devices';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

const values = async (t: Tensor<any>) => [...(await t.data())];

for (const on of kinds)
  test(`the text's update, three steps, on ${on.kind}`, async () => {
    const w0 = [1, -2, 3, 0.5, -0.25];
    const g = [0.1, 0.2, -0.3, 4, -5];
    const w = tensor(w0, { device: on });
    using opt = optim.sgd({ w }, { lr: 0.01, momentum: 0.9, weightDecay: 0.0005 });
    const expected = [...w0];
    const v = w0.map(() => 0);
    for (let step = 0; step < 3; step++) {
      opt.apply({ w: tensor(g, { device: on }) });
      for (let i = 0; i < v.length; i++) {
        v[i] = 0.9 * v[i]! - 0.0005 * 0.01 * expected[i]! - 0.01 * g[i]!;
        expected[i]! += v[i]!;
      }
    }
    expectClose(await values(w), expected, 3e-7);
    expectClose(await values(opt.state().momentum['w']!), v, 3e-7);
    expect(opt.step).toBe(3);
  });

test('a quadratic is minimised through the tape, and a parameter that was updated can be used again', async () => {
  const w = tensor([3, -4]);
  using opt = optim.sgd([w], { lr: 0.1, momentum: 0.5 });
  for (let i = 0; i < 60; i++) {
    using s = scope();
    using t = tape();
    opt.apply(t.gradients(ops.sum(ops.square(w)), [w]));
    void s;
  }
  for (const x of await values(w)) expect(Math.abs(x)).toBeLessThan(1e-5);
});

test('a gradient asked for after the update is refused: the values it was for are gone', () => {
  const w = tensor([1]);
  using opt = optim.sgd({ w }, { lr: 0.1 });
  using t = tape();
  const loss = ops.sum(ops.square(w));
  opt.apply(t.gradients(loss, { w }, { keep: true }));
  expect(() => t.gradients(loss, { w })).toThrow("gradients: parameter 'w' [1] was overwritten");
});

test('lr is read, set, and used from the next step on', async () => {
  const w = tensor([1]);
  using opt = optim.sgd({ w }, { lr: 0.5, momentum: 0 });
  expect(opt.lr).toBe(0.5);
  opt.lr = 0.25;
  opt.apply({ w: tensor([1]) });
  expect(await values(w)).toEqual([0.75]);
});

test('a null gradient leaves its parameter alone', async () => {
  const [a, b] = [tensor([1]), tensor([1])];
  using opt = optim.sgd({ a, b }, { lr: 0.5, weightDecay: 0.5 });
  opt.apply({ a: null, b: tensor([1]) });
  expect([await values(a), await values(b)]).toEqual([[1], [0.25]]);
});

describe('groups', () => {
  const make = () => ({
    'conv1a.weight': tensor([1]),
    'conv1a.bias': tensor([1]),
    'fc8.weight': tensor([1]),
    'fc8.bias': tensor([1]),
  });
  const after = async (groups: optim.SgdGroup[], lr = 0.5) => {
    const params = make();
    using opt = optim.sgd(params, { lr: 0.25, momentum: 0, groups });
    opt.lr = lr;
    opt.apply({
      'conv1a.weight': tensor([1]),
      'conv1a.bias': tensor([1]),
      'fc8.weight': tensor([1]),
      'fc8.bias': tensor([1]),
    });
    return Promise.all(Object.values(params).map(async (p) => (await p.data())[0]));
  };

  test('by name, pattern, regular expression; later ones decide', async () => {
    expect(await after([{ match: 'fc8.bias', lrScale: 0.5 }])).toEqual([0.5, 0.5, 0.5, 0.75]);
    expect(await after([{ match: '*.bias', lr: 0.125 }])).toEqual([0.5, 0.875, 0.5, 0.875]);
    expect(await after([{ match: /^conv/g, frozen: true }])).toEqual([1, 1, 0.5, 0.5]);
    expect(await after([{ match: ['conv1a.*', 'fc8.weight'], weightDecay: 1 }])).toEqual([0, 0, 0, 0.5]);
    expect(
      await after([
        { match: '*', lr: 0 },
        { match: 'fc8.*', lrScale: 1 },
      ]),
    ).toEqual([1, 1, 0.5, 0.5]);
  });

  test('a dot in a pattern is a dot', () => {
    expect(() => optim.sgd({ ab: tensor([1]) }, { lr: 1, groups: [{ match: 'a.' }] })).toThrow('matches none');
  });

  test('can be replaced on the way: the first layer frozen', async () => {
    const params = make();
    using opt = optim.sgd(params, { lr: 0.25, momentum: 0 });
    const g = { ...make() };
    opt.apply(g);
    opt.setGroups([{ match: 'conv1a.*', frozen: true }]);
    opt.apply({ 'fc8.weight': g['fc8.weight'], 'fc8.bias': g['fc8.bias'] } as unknown as typeof g);
    expect(await values(params['conv1a.weight'])).toEqual([0.75]);
    expect(await values(params['fc8.weight'])).toEqual([0.5]);
  });
});

test('state and load carry a run over: the same bits as without a break', async () => {
  const run = async (breakAt: number | null) => {
    let w: Tensor<any> = tensor([1, 2, 3]);
    let opt = optim.sgd({ w }, { lr: 0.1, momentum: 0.9, weightDecay: 0.01 });
    for (let step = 0; step < 6; step++) {
      if (step === breakAt) {
        const { momentum, ...rest } = opt.state();
        const saved = { ...rest, momentum: { w: tensor(await momentum['w']!.data()) } };
        const kept = await w.data();
        opt.dispose();
        w = tensor(kept);
        opt = optim.sgd({ w }, { lr: 99, momentum: 0.9, weightDecay: 0.01 });
        opt.load(saved);
        expect([opt.step, opt.lr]).toEqual([step, step < 3 ? 0.1 : 0.05]);
      }
      if (step === 3) opt.lr = 0.05;
      opt.apply({ w: ops.square(w) });
    }
    return values(w);
  };
  expect(await run(4)).toEqual(await run(null));
});

test('the momentum belongs to the optimiser, not to the scope it was made in', async () => {
  const cpu = device('cpu:0');
  const w = tensor(new Float32Array(1000));
  await cpu.synchronize();
  const before = cpu.memory().allocated;
  let opt: optim.Sgd<any>;
  {
    using s = scope();
    opt = optim.sgd({ w }, { lr: 0.1 });
    void s;
  }
  opt.apply({ w });
  expect(cpu.memory().allocated).toBeGreaterThan(before);
  opt.dispose();
  expect(cpu.memory().allocated).toBe(before);
  expect(() => opt.apply({ w })).toThrow('sgd: this optimiser has been disposed');
});

describe('errors start with sgd and name the parameter', () => {
  const w = tensor([1, 2]);
  const b = tensor([1]);
  const opt = optim.sgd({ w, b }, { lr: 0.1 });
  const gone = tensor([1]);
  gone.dispose();

  test.each<[string, () => unknown, string]>([
    ['no lr', () => optim.sgd({ w }, {} as any), 'sgd: lr must be given'],
    ['no options', () => optim.sgd({ w }, undefined as any), 'sgd: lr must be given'],
    ['a negative lr', () => optim.sgd({ w }, { lr: -1 }), 'sgd: lr must be a number of at least 0, got -1'],
    [
      'NaN',
      () => optim.sgd({ w }, { lr: 1, momentum: Number.NaN }),
      'sgd: momentum must be a number of at least 0, got NaN',
    ],
    ['a string', () => optim.sgd({ w }, { lr: '1' as any }), "sgd: lr must be a number, got '1'"],
    [
      'setting lr to infinity',
      () => {
        opt.lr = Number.POSITIVE_INFINITY;
      },
      'sgd: lr must be a number of at least 0, got Infinity',
    ],
    [
      'an unknown option',
      () => optim.sgd({ w }, { lr: 1, learningRate: 2 } as any),
      "sgd: unknown option 'learningRate'",
    ],
    ['no parameters', () => optim.sgd({}, { lr: 1 }), 'sgd: there are no parameters'],
    [
      'a parameter that is none',
      () => optim.sgd({ w: 5 } as any, { lr: 1 }),
      "sgd: parameter 'w' must be a Tensor, got 5",
    ],
    [
      'integers',
      () => optim.sgd([tensor([1], { dtype: 'i32' })] as any, { lr: 1 }),
      "sgd: parameter '0' must be f32, got i32 [1]",
    ],
    ['a disposed one', () => optim.sgd({ gone }, { lr: 1 }), "sgd: parameter 'gone' [1] has been disposed"],
    [
      'one tensor twice',
      () => optim.sgd({ w, again: w.reshape([2, 1]) }, { lr: 1 }),
      "sgd: parameters 'w' and 'again' share their memory",
    ],
    [
      'a group without a match',
      () => optim.sgd({ w }, { lr: 1, groups: [{} as any] }),
      'sgd: groups[0].match must be a name',
    ],
    [
      'a group with two rates',
      () => optim.sgd({ w }, { lr: 1, groups: [{ match: 'w', lr: 1, lrScale: 1 }] }),
      'sgd: groups[0] has both',
    ],
    [
      'a group that matches nothing',
      () => optim.sgd({ w, b }, { lr: 1, groups: [{ match: 'bias' }] }),
      "sgd: groups[0] 'bias' matches none of the parameters w, b",
    ],
    [
      'groups that are none',
      () => optim.sgd({ w }, { lr: 1, groups: 3 as any }),
      'sgd: groups must be an array, got 3',
    ],
    ['a missing gradient', () => opt.apply({ w } as any), "sgd: the gradient of 'b' [1] is missing"],
    [
      'a gradient too many',
      () => opt.apply({ w, b, c: b } as any),
      "sgd: there is a gradient for 'c', which is none of the parameters w, b",
    ],
    [
      'a gradient that is none',
      () => opt.apply({ w: 1, b } as any),
      "sgd: the gradient of 'w' must be a Tensor, got 1",
    ],
    [
      'a gradient of another shape',
      () => opt.apply({ w: b, b } as any),
      "sgd: the gradient of 'w' is f32 [1], the parameter f32 [2]",
    ],
    [
      'a gradient elsewhere',
      () => opt.apply({ w, b: b.to('cpu:1') }),
      "sgd: the gradient of 'b' is on cpu:1, the parameter on cpu:0",
    ],
    ['a disposed gradient', () => opt.apply({ w, b: gone }), 'sgd: the tensor [1] has been disposed'],
    ['gradients that are none', () => opt.apply(w as any), 'sgd: apply takes the gradients as a record'],
    ['a state that is none', () => opt.load(null as any), 'sgd: load takes a state, got null'],
    [
      'a state of other names',
      () => opt.load({ step: 1, lr: 1, momentum: { w, c: b } }),
      "sgd: the state has momentum of 'c'",
    ],
    [
      'a state with one missing',
      () => opt.load({ step: 1, lr: 1, momentum: { w } }),
      "sgd: the state has no momentum of 'b' [1]",
    ],
    [
      'a state of other shapes',
      () => opt.load({ step: 1, lr: 1, momentum: { w: b, b } }),
      "sgd: momentum of 'w' is f32 [1], the parameter f32 [2]",
    ],
    [
      'a state without a step',
      () => opt.load({ lr: 1, momentum: { w, b } } as any),
      "sgd: the state's step must be a whole number",
    ],
    [
      'a state whose momentum is a tensor',
      () => opt.load({ step: 1, lr: 1, momentum: w } as any),
      "sgd: the state's momentum must be a record of tensors, got Tensor",
    ],
    [
      'a state with a disposed tensor, the last',
      () => opt.load({ step: 1, lr: 1, momentum: { w, b: gone } }),
      'sgd: the tensor [1] has been disposed',
    ],
    ['groups that are none', () => opt.setGroups(null as any), 'sgd: groups must be an array, got null'],
    ['groups of holes', () => opt.setGroups(new Array(2 ** 32 - 1)), 'sgd: groups[0] must be an object, got undefined'],
    [
      'a group that matches nothing, after one that does',
      () => opt.setGroups([{ match: 'w', frozen: true }, { match: 'x' }]),
      "sgd: groups[1] 'x' matches none of the parameters w, b",
    ],
  ])('%s', (_name, call, message) => {
    expect(call).toThrow(message);
  });

  test('and nothing has changed', async () => {
    expect(await values(w)).toEqual([1, 2]);
    expect(await values(opt.state().momentum['w']!)).toEqual([0, 0]);
    expect([opt.step, opt.lr]).toEqual([0, 0.1]);
  });
});
