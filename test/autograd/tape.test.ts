import { device, noGrad, ops, scope, type Tape, type Tensor, tape, tensor } from '../../lib';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

const cpu = device('cpu:0');
const values = async (t: Tensor<any> | null) => (t ? [...(await t.data())] : null);

test('a gradient goes through every layer: TypeScript, N-API, stream, kernel and back', async () => {
  const x = tensor([-1, 2, 3]);
  using t = tape();
  const y = ops.relu(x);
  const { x: dx } = t.gradients(y, { x }, { seed: tensor([10, 20, 30]) });
  expect(await values(y)).toEqual([0, 2, 3]);
  expect(await values(dx)).toEqual([0, 20, 30]);
});

test('a disposed tensor says so', () => {
  const x = tensor([1]);
  x.dispose();
  expect(() => ops.relu(x)).toThrow('relu: the tensor [1] has been disposed');
});

describe('structure', () => {
  test('a record gives a record, an array an array, with the same shapes', async () => {
    const [a, b] = [tensor([1, 2]), tensor([[3], [4]])];
    using t = tape();
    const loss = ops.sum(ops.mul(a, b));
    const record = t.gradients(loss, { a, b }, { keep: true });
    expect(await values(record.a)).toEqual([7, 7]);
    expect(await values(record.b)).toEqual([3, 3]);
    expect([record.a.shape, record.b.shape]).toEqual([[2], [2, 1]]);
    const list = t.gradients(loss, [b, a]);
    expect(Array.isArray(list)).toBe(true);
    expect(await values(list[0])).toEqual([3, 3]);
    expect(await values(list[1])).toEqual([7, 7]);
  });

  test('one tensor under two names has two handles of its gradient', async () => {
    const a = tensor([1, 2]);
    using t = tape();
    const g = t.gradients(ops.sum(ops.square(a)), { first: a, second: a });
    g.first.dispose();
    expect(await values(g.second)).toEqual([2, 4]);
  });

  test('gradients have memory of their own, even where a rule passes dy on to several inputs', async () => {
    const [a, b] = [tensor([1, 2]), tensor([3, 4])];
    const seed = tensor([1, 1]);
    using t = tape();
    const g = t.gradients(ops.add(a, b), { a, b }, { seed });
    g.a.copyFrom(new Float32Array([9, 9]));
    expect(await values(g.b)).toEqual([1, 1]);
    expect(await values(seed)).toEqual([1, 1]);
  });

  test('the loss itself, and a value in the middle, may be asked for', async () => {
    const a = tensor([1, 2]);
    using t = tape();
    const middle = ops.square(a);
    const loss = ops.sum(middle);
    const g = t.gradients(loss, { a, middle, loss });
    expect(await values(g.loss)).toEqual([1]);
    expect(await values(g.middle)).toEqual([1, 1]);
    expect(await values(g.a)).toEqual([2, 4]);
  });

  test('uses add up, in the order of the tape backwards', async () => {
    const x = tensor([0.1, 0.2, 0.3]);
    const run = async () => {
      using t = tape();
      let y: Tensor<any> = x;
      for (let i = 0; i < 20; i++) y = ops.add(ops.mul(y, x), ops.tanh(x));
      return values(t.gradients(ops.sum(y), [x])[0]!);
    };
    expect(await run()).toEqual(await run());
  });

  test('a long chain does not overflow the stack', async () => {
    const x = tensor([1]);
    using s = scope();
    using t = tape();
    let y: Tensor<any> = x;
    for (let i = 0; i < 12_000; i++) y = ops.neg(y);
    expect(await values(t.gradients(y, [x])[0]!)).toEqual([1]);
    void s;
  });

  test('gradients are on the device of their parameter', async () => {
    const w0 = tensor([2, 3], { device: 'cpu:0' });
    const w1 = tensor([5, 7], { device: 'cpu:1' });
    using t = tape();
    const loss = ops.sum(ops.mul(ops.square(w0).to('cpu:1'), w1));
    const g = t.gradients(loss, { w0, w1 });
    expect([g.w0.device.name, g.w1.device.name]).toEqual(['cpu:0', 'cpu:1']);
    expect(await values(g.w0)).toEqual([20, 42]);
    expect(await values(g.w1)).toEqual([4, 9]);
  });
});

describe('what is recorded', () => {
  test('nested tapes both record', async () => {
    const x = tensor([3]);
    using outer = tape();
    const y = ops.square(x);
    let inner: readonly Tensor<any>[];
    {
      using t = tape();
      const z = ops.mul(y, y);
      inner = t.gradients(z, [y]);
    }
    const loss = ops.mul(y, x);
    expect(await values(inner[0]!)).toEqual([18]);
    expect(await values(outer.gradients(loss, [x])[0]!)).toEqual([27]);
  });

  test('a tape disposed out of order leaves the others recording', async () => {
    const x = tensor([3]);
    const first = tape();
    const second = tape();
    first[Symbol.dispose]();
    const loss = ops.square(x);
    expect(await values(second.gradients(loss, [x])[0]!)).toEqual([6]);
    expect(() => first.gradients(loss, [x])).toThrow('gradients: this tape has been disposed');
  });

  test('noGrad makes constants, and ends on a throw', async () => {
    const x = tensor([3]);
    using t = tape();
    const c = noGrad(() => noGrad(() => ops.square(x)));
    expect(() =>
      noGrad(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(await values(t.gradients(ops.mul(c, x), [x])[0]!)).toEqual([9]);
  });

  test('noGrad refuses what is asynchronous', () => {
    expect(() => noGrad(async () => 1)).toThrow(TypeError);
    expect(() => noGrad(5 as any)).toThrow('noGrad: takes a function, got 5');
  });

  test('a tape that is used up records no more', () => {
    const x = tensor(new Float32Array(1024));
    using s = scope();
    using t = tape();
    t.gradients(ops.sum(x), [x])[0]!.dispose();
    const before = cpu.memory().allocated;
    ops.tanh(x).dispose();
    expect(cpu.memory().allocated).toBe(before);
    void s;
  });
});

describe('gradients refuses', () => {
  const x = tensor([1, 2], { shape: [2] });
  const make = (): { t: Tape; loss: Tensor<any> } => {
    const t = tape();
    return { t, loss: ops.sum(ops.square(x)) };
  };

  test.each<[string, (t: Tape, loss: any) => unknown, string | RegExp]>([
    // @ts-expect-error the compiler refuses it too
    ['a loss that is no scalar', (t) => t.gradients(ops.square(x), [x]), /must be a scalar, got \[2\]/],
    ['a loss that is no tensor', (t) => t.gradients(3 as any, [x]), 'the loss must be a Tensor, got 3'],
    ['an integer loss', (t) => t.gradients(tensor([1], { dtype: 'i32' }) as any, [x]), 'must be f32, got i32 [1]'],
    ['params that are no record', (t, l) => t.gradients(l, null as any), 'a record or an array of tensors, got null'],
    ['a bare tensor', (t, l) => t.gradients(l, x as any), /got Tensor f32 \[2\]/],
    ['a parameter that is none', (t, l) => t.gradients(l, { w: 1 } as any), "parameter 'w' must be a Tensor, got 1"],
    ['integer parameters', (t, l) => t.gradients(l, [tensor([1], { dtype: 'i32' })]), "parameter '0' is i32 [1]"],
    [
      'a seed of another shape',
      // @ts-expect-error the compiler refuses it too
      (t) => t.gradients(ops.square(x), [x], { seed: tensor([1]) }),
      'seed [1] must have the shape of the loss [2]',
    ],
    [
      'a seed elsewhere',
      (t) => t.gradients(ops.square(x), [x], { seed: tensor([1, 2], { device: 'cpu:1' }) }),
      'seed is on cpu:1, the loss on cpu:0',
    ],
    [
      'a seed that is none',
      (t) => t.gradients(ops.square(x), [x], { seed: [1, 1] as any }),
      'seed must be a Tensor, got [1, 1]',
    ],
    ['options that are none', (t, l) => t.gradients(l, [x], 5 as any), 'options must be an object, got 5'],
    [
      'a loss that does not depend on it',
      (t, l) => t.gradients(l, { x, other: tensor([1, 2]) }),
      /does not depend on parameter 'other' \[2\]/,
    ],
    ['an integer path', (t, l) => t.gradients(l, { i: ops.sum(tensor([1])) }), /does not depend on parameter 'i' \[\]/],
  ])('%s', (_name, call, message) => {
    const { t, loss } = make();
    using _ = t;
    expect(() => call(t, loss)).toThrow(message);
    expect(() => call(t, loss)).toThrow(/^gradients: /);
    // A refusal leaves the tape as it was.
    expect(t.gradients(loss, [x])[0]!.shape).toEqual([2]);
  });

  test('all missing parameters are named', () => {
    const { t, loss } = make();
    using _ = t;
    expect(() => t.gradients(loss, { x, p: tensor([1]), q: tensor([2]) })).toThrow(/'p' \[1\] \(and 1 more: q\)/);
  });

  test('allowUnused gives null', async () => {
    const { t, loss } = make();
    using _ = t;
    const g = t.gradients(loss, { x, other: tensor([1]) }, { allowUnused: true });
    expect(g.other).toBeNull();
    expect(await values(g.x)).toEqual([2, 4]);
  });

  test('a second call, unless the first was told to keep', async () => {
    const { t, loss } = make();
    using _ = t;
    const first = t.gradients(loss, [x], { keep: true })[0]!;
    const second = t.gradients(loss, [x])[0]!;
    expect(await values(second)).toEqual(await values(first));
    expect(() => t.gradients(loss, [x])).toThrow('gradients: this tape was used up by an earlier call');
  });

  test.each<[string, () => void]>([
    [
      'through an inner tape',
      () => {
        using outer = tape();
        const y = ops.square(x);
        using inner = tape();
        const [g] = inner.gradients(ops.sum(ops.mul(y, y)), [y]);
        outer.gradients(ops.sum(ops.mul(g, g)), [x]);
      },
    ],
    [
      'on a tape that was kept',
      () => {
        using t = tape();
        const [g] = t.gradients(ops.sum(ops.square(x)), [x], { keep: true });
        t.gradients(ops.sum(ops.mul(g, g)), [x]);
      },
    ],
  ])('a gradient of a gradient %s', (_name, run) => {
    expect(run).toThrow(/^gradients: the loss depends on another call of gradients/);
  });

  test('not, however, a gradient that is meant as a constant', async () => {
    using outer = tape();
    const y = ops.square(x);
    const g = noGrad(() => {
      using inner = tape();
      return inner;
    });
    expect(g).toBeDefined();
    using inner = tape();
    const z = ops.sum(ops.square(y));
    const [dy] = noGrad(() => inner.gradients(z, [y]));
    expect(await values(outer.gradients(ops.sum(ops.mul(dy, x)), [x])[0]!)).toEqual([2, 8]);
  });
});

describe('overwritten values', () => {
  test('what a gradient needs', () => {
    const w = tensor([1, 2]);
    const x = tensor([3, 4]);
    using t = tape();
    const loss = ops.sum(ops.mul(w, x));
    x.copyFrom(new Float32Array([5, 6]));
    expect(() => t.gradients(loss, { w })).toThrow(
      'gradients: a tensor [2] that mul needs for its gradient was overwritten after it was used',
    );
  });

  test('a parameter, by its name', () => {
    const w = tensor([1, 2]);
    using t = tape();
    const loss = ops.sum(w);
    w.copyFrom(new Float32Array([5, 6]));
    expect(() => t.gradients(loss, { w })).toThrow(
      "gradients: parameter 'w' [2] was overwritten after the tape recorded",
    );
  });

  test('through a view of the same memory', () => {
    const w = tensor([1, 2]);
    const x = tensor([[3], [4]]);
    using t = tape();
    const flat = ops.reshape(x, [2]);
    const loss = ops.sum(ops.mul(w, x));
    flat.copyFrom(new Float32Array([5, 6]));
    expect(() => t.gradients(loss, { w })).toThrow('was overwritten');
  });

  test('a result, which then no longer comes from its inputs', async () => {
    const [a, b] = [tensor([1, 2]), tensor([3, 4])];
    using t = tape();
    const y = ops.add(a, b);
    const early = ops.sum(y);
    y.copyFrom(new Float32Array([7, 8]));
    const late = ops.sum(y);
    expect(t.gradients(late, { a }, { allowUnused: true, keep: true }).a).toBeNull();
    expect(await values(t.gradients(early, { a }).a)).toEqual([1, 1]);
  });

  test('after the backward pass, as an optimiser does, is fine', async () => {
    const w = tensor([1, 2]);
    for (let step = 0; step < 3; step++) {
      using t = tape();
      using s = scope();
      const [g] = t.gradients(ops.sum(ops.square(w)), [w]);
      w.copyFrom(ops.sub(w, ops.mul(g, 0.25)));
      void s;
    }
    expect(await values(w)).toEqual([0.125, 0.25]);
  });
});

describe('memory', () => {
  const mega = 1 << 20;
  const ones = () => tensor(new Float32Array(mega / 4).fill(0.5));

  /** Bytes above what was allocated before, at the worst moment of the walk, and after it. */
  function walk(count: number, wanted: 'first' | 'all', keep: boolean): { peak: number; left: number } {
    using s = scope();
    const x = s.keep(ones());
    const all: Tensor<any>[] = [x];
    using t = tape();
    for (let i = 0; i < count; i++) all.push(ops.tanh(all[i]!));
    const loss = ops.sum(all[count]!);
    for (const y of all.slice(1)) if (wanted === 'first') y.dispose();
    cpu.resetPeak();
    const before = cpu.memory().allocated;
    const gradients = t.gradients(loss, wanted === 'all' ? all : [x], { keep });
    const result = { peak: cpu.memory().peak - before, left: cpu.memory().allocated - before };
    for (const g of gradients) g.dispose();
    x.dispose();
    return result;
  }

  test('what the walk has gone by is freed on the way', () => {
    // Saved: 20 outputs of tanh. The worst moment is the first step: one gradient comes in, one goes out, and nothing is freed yet.
    const { peak, left } = walk(20, 'first', false);
    expect(peak).toBeLessThan(2.5 * mega);
    expect(left).toBe(-19 * mega);
  });

  test('with keep, what is saved stays and gradients of the way go', () => {
    const { peak, left } = walk(20, 'first', true);
    expect(peak).toBeLessThan(2.5 * mega);
    expect(left).toBe(mega);
  });

  test('an error in the middle of the walk frees everything', () => {
    const before = cpu.memory().allocated;
    {
      using s = scope();
      using t = tape();
      const x = ones();
      const y = ops.tanh(x);
      const loss = ops.sum(ops.mul(ops.tanh(y), y));
      y.copyFrom(new Float32Array(mega / 4));
      expect(() => t.gradients(loss, [x])).toThrow('overwritten');
      void s;
    }
    expect(cpu.memory().allocated).toBe(before);
  });

  test('a tape disposed without gradients frees what it saved', () => {
    const before = cpu.memory().allocated;
    {
      using s = scope();
      using t = tape();
      ops.tanh(ops.tanh(ones()));
      void [s, t];
    }
    expect(cpu.memory().allocated).toBe(before);
  });
});
