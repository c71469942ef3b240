import { defineOp, device, gradcheck, type OpContext, ops, scope, type Tensor, tape, tensor } from '../../lib';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

type Shape = readonly number[];

/** x·sigmoid(βx) */
const swish = defineOp(
  'swish',
  <S extends Shape>(ctx: OpContext, x: Tensor<S>, beta: number): Tensor<S> => {
    const v: Tensor = x; // inside, shapes are known at run time only
    const s = ops.sigmoid(ops.mul(v, beta));
    ctx.save(v, s);
    ctx.beta = beta;
    return ops.mul(v, s) as Tensor<any>;
  },
  // dy·(s + βx·s·(1 − s))
  ({ saved: [x, s], beta }, dy) => {
    const slope = ops.mul(ops.mul(x!, beta as number), ops.mul(s!, ops.sub(1, s!)));
    return [ops.mul(dy, ops.add(s!, slope))];
  },
);

/** a·b + b, written so that a gradient is skipped where it is not needed */
let asked: readonly boolean[] = [];
const mulAdd = defineOp(
  'mulAdd',
  <S extends Shape>(ctx: OpContext, a: Tensor<S>, b: Tensor<NoInfer<S>>): Tensor<S> => {
    ctx.save(a, b);
    const [u, v]: [Tensor, Tensor] = [a, b];
    return ops.add(ops.mul(u, v), v) as Tensor<any>;
  },
  ({ saved: [a, b], needs }, dy) => {
    asked = needs;
    return [needs[0] ? ops.mul(dy, b!) : null, needs[1] ? ops.mul(dy, ops.add(a!, 1)) : null];
  },
);

test('an operator of two tensors, one of a tensor and a number: gradient checks pass', async () => {
  const x = tensor([
    [-1, 0.5, 2],
    [0.1, -0.3, 1.5],
  ]);
  await gradcheck((x) => swish(x, 1.5), [x]);
  await gradcheck(mulAdd, [x, ops.neg(x)]);
  await gradcheck(({ a, b }) => mulAdd(swish(a, 0.5), b), { a: x, b: ops.exp(x) });
});

test('the type of the forward is kept, generics included', () => {
  const x = tensor([1, 2, 3], { shape: [3] });
  const y: Tensor<readonly [3]> = swish(x, 1);
  expect(y.shape).toEqual([3]);
  // @ts-expect-error: it is [3]
  const wrong: Tensor<readonly [4]> = y;
  expect(wrong).toBe(y);
  // @ts-expect-error: beta is missing
  expect(() => swish(x)).toThrow();
  // @ts-expect-error: shapes differ
  expect(() => mulAdd(x, tensor([1, 2], { shape: [2] }))).toThrow('mul');
});

test('needs says which gradients are wanted', () => {
  const [a, b] = [tensor([1]), tensor([2])];
  using t = tape();
  t.gradients(mulAdd(a, b), { b });
  expect(asked).toEqual([false, true]);
});

test('what the forward makes besides its result is freed, and what it saves lives until the walk', async () => {
  const cpu = device('cpu:0');
  const x = tensor([1, 2]);
  await cpu.synchronize();
  const before = cpu.memory().allocated;
  swish(x, 1).dispose();
  expect(cpu.memory().allocated).toBe(before);
  {
    using s = scope();
    using t = tape();
    const [g] = t.gradients(ops.sum(swish(x, 1)), [x]);
    expect(await g.data()).toHaveLength(2);
    void s;
  }
  expect(cpu.memory().allocated).toBe(before);
});

test('tensors in other fields of ctx than saved are gone by the backward, and say so', () => {
  const careless = defineOp(
    'careless',
    (ctx, x: Tensor<any>) => {
      ctx.y = ops.exp(x);
      return ops.neg(ctx.y);
    },
    (ctx, dy) => [ops.mul(dy, ctx.y)],
  );
  using t = tape();
  const x = tensor([1]);
  const y = careless(x);
  expect(() => t.gradients(y, [x])).toThrow('mul: the tensor [1] has been disposed');
});

test('an operator may return its input', async () => {
  const straightThrough = defineOp(
    'straightThrough',
    (_ctx, x: Tensor<any>) => x,
    (_ctx, dy) => [ops.mul(dy, 2)],
  );
  const x = tensor([1, 2]);
  using t = tape();
  const y = straightThrough(x);
  expect(y).not.toBe(x);
  const [g] = t.gradients(ops.sum(y), [x]);
  y.dispose();
  expect([...(await x.data())]).toEqual([1, 2]);
  expect([...(await g.data())]).toEqual([2, 2]);
});

test('a tensor that backward returns but did not make stays its owner’s', async () => {
  const constant = tensor([3, 4]);
  const op = defineOp(
    'constant',
    (_ctx, x: Tensor<any>) => ops.neg(x),
    () => [constant],
  );
  const x = tensor([1, 2]);
  using t = tape();
  const [g] = t.gradients(ops.sum(op(x)), [x]);
  g.copyFrom(new Float32Array([0, 0]));
  expect([...(await constant.data())]).toEqual([3, 4]);
});

describe('errors start with the operator’s name', () => {
  const x = tensor([1, 2]);
  const make = (backward: (ctx: OpContext, dy: any) => any, forward: any = (_: OpContext, x: any) => ops.neg(x)) =>
    defineOp('custom', forward, backward) as (...inputs: any[]) => any;
  const run = (op: (...inputs: any[]) => any, ...inputs: any[]) => {
    using t = tape();
    return t.gradients(ops.sum(op(...inputs)), [x]);
  };

  test.each<[string, () => unknown, string]>([
    [
      'too few gradients',
      () =>
        run(
          make(() => []),
          x,
        ),
      'custom: backward gave 0 gradients for 1 arguments, 1 of them tensors',
    ],
    [
      'too many',
      () =>
        run(
          make((_c, dy) => [dy, dy]),
          x,
        ),
      'custom: backward gave 2 gradients for 1 arguments',
    ],
    [
      'too few for the second tensor',
      () =>
        run(
          make((_c, dy) => [dy]),
          x,
          3,
          x,
        ),
      'custom: backward gave 1 gradients for 3 arguments, 2',
    ],
    [
      'no list',
      () =>
        run(
          make((_c, dy) => dy),
          x,
        ),
      'custom: backward must return an array of gradients, got Tensor',
    ],
    [
      'null',
      () =>
        run(
          make(() => null),
          x,
        ),
      'custom: backward must return an array of gradients, got null',
    ],
    [
      'a gradient that is no tensor',
      () =>
        run(
          make(() => [1]),
          x,
        ),
      'custom: gradient 0 must be a Tensor or null, got 1',
    ],
    [
      'a gradient for a number',
      () =>
        run(
          make((_c, dy) => [dy, dy]),
          x,
          2,
        ),
      'custom: gradient 1 must be null: argument 1 is no tensor',
    ],
    [
      'a shape that is not the input’s',
      () =>
        run(
          make((_c, dy) => [ops.sum(dy)]),
          x,
        ),
      'custom: gave a gradient of shape [] for input 0 of shape [2]',
    ],
    [
      'integers',
      () =>
        run(
          make(() => [tensor([1, 2], { dtype: 'i32' })]),
          x,
        ),
      'custom: gradient 0 must be f32, got i32 [2]',
    ],
    [
      'another device',
      () =>
        run(
          make((_c, dy) => [dy.to('cpu:1')]),
          x,
        ),
      'custom: gave a gradient on cpu:1 for input 0 [2] on cpu:0',
    ],
    [
      'a forward without a result',
      () =>
        run(
          make(
            () => [],
            () => undefined,
          ),
          x,
        ),
      'custom: forward must return a Tensor, got undefined',
    ],
    [
      'an asynchronous forward',
      () =>
        run(
          make(
            () => [],
            async () => x,
          ),
          x,
        ),
      'custom: forward must return a Tensor, got Promise',
    ],
    [
      'no tensor among the arguments',
      () =>
        run(
          make(() => []),
          1,
          2,
        ),
      'custom: needs a tensor among its arguments',
    ],
    [
      'devices that differ',
      () =>
        run(
          make(() => []),
          x,
          tensor([1], { device: 'cpu:1' }),
        ),
      'custom: operands are on different devices: [2] on cpu:0, [1] on cpu:1',
    ],
    [
      'saving what is no tensor',
      () =>
        run(
          make(
            () => [],
            (ctx: OpContext) => ctx.save(1 as any),
          ),
          x,
        ),
      'custom: ctx.save takes tensors, got 1',
    ],
    [
      'saving in the backward',
      () =>
        run(
          make((ctx, dy) => [ctx.save(dy), dy]),
          x,
        ),
      'custom: ctx.save is for the forward',
    ],
    ['no name', () => defineOp('', ((x: any) => x) as any, () => []), "defineOp: name must be a string, got ''"],
    [
      'no backward',
      () => defineOp('custom', ((x: any) => x) as any, null as any),
      'defineOp: custom needs a forward and a backward function',
    ],
  ])('%s', (_name, call, message) => {
    expect(call).toThrow(message);
  });
});
