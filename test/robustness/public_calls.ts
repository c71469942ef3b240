// A process that throws hostile calls at the package's public functions: node public_calls.ts SEED RUNS TRACE.
import fc from 'fast-check';
import * as convtape from '../../lib';
import { anything, check, checkError, describe, fail, isInstance, Planted, settings, size } from './values';

const { device, models, nn, ops, optim, scope, tape, Tensor, tensor, zeros, randn } = convtape;
const { seed, runs, trace } = settings();

type Make = () => unknown;
type Argument = fc.Arbitrary<Make>;
/** How often an argument is what it should be. */
const mostly = (good: Argument, odds = 5): Argument =>
  fc.oneof({ weight: odds, arbitrary: good }, { weight: 2, arbitrary: anything });
const of = (...values: unknown[]): Argument => fc.constantFrom(...values.map((v) => () => v));

const disposed = () => {
  const t = zeros([2, 3]);
  t.dispose();
  return t;
};
const anyTensor: Argument = fc.constantFrom<Make>(
  () => tensor(3),
  () => zeros([3]),
  () => randn([2, 3]),
  () => randn([3, 2]),
  () => randn([2, 3], { device: 'cpu:1' }),
  () => randn([1, 4, 5, 5]),
  () => randn([2, 4, 3, 3]),
  () => randn([2, 2, 1, 1]),
  () => tensor([0, 1], { dtype: 'i32', shape: [2] }),
  () => tensor([0, 9, -1], { dtype: 'i32', shape: [3] }),
  () => zeros([2, 3], { dtype: 'u8' }),
  disposed,
);
const t = mostly(anyTensor, 8);
const number = mostly(size.map((n) => () => n));
const shape = mostly(fc.array(size, { maxLength: 7 }).map((list) => () => list));
const axis = mostly(of(0, 1, -1, 2, -5, 0.5));
const pair = mostly(
  fc.oneof(
    size.map((n) => () => n),
    fc.tuple(size, size).map((p) => () => p),
  ),
);
const dtype = mostly(of('f32', 'i32', 'u8'));
const on = mostly(of('cpu:0', 'cpu:1', device('cpu:1')), 8);
const flag = mostly(of(true, false));
const real = mostly(of(0, 0.5, 1, 1e-4, -1, 1e30));
const whole = mostly(of(0, 1, 7, 2 ** 53));

/** An options object with some of the fields, now and then with a getter that throws, or with a field that nobody knows. */
function options(fields: Record<string, Argument>): Argument {
  const some = fc.record(fields, { requiredKeys: [] });
  const trick = fc.oneof(
    { weight: 8, arbitrary: fc.constant('none') },
    { weight: 3, arbitrary: fc.constantFrom('throw', 'unknown', 'dispose') },
  );
  const record = fc.tuple(some, trick, fc.nat(9)).map(([chosen, what, at]) => () => {
    const made: Record<string, unknown> = Object.fromEntries(Object.entries(chosen).map(([k, make]) => [k, make!()]));
    const name = Object.keys(fields)[at % Object.keys(fields).length]!;
    const value = made[name];
    const get = () => {
      if (what === 'throw') throw new Planted('planted');
      for (const x of living) x.dispose();
      return value;
    };
    if (what === 'unknown') made.nobody = 1;
    else if (what !== 'none') Object.defineProperty(made, name, { get, enumerable: true });
    return made;
  });
  return fc.oneof(
    { weight: 3, arbitrary: of(undefined) },
    { weight: 6, arbitrary: record },
    { weight: 1, arbitrary: anything },
  );
}

interface Call {
  readonly names: readonly string[];
  readonly run: (...args: any[]) => unknown;
  readonly args: readonly Argument[];
}
const calls: Call[] = [];
const add = (names: string, run: (...args: any[]) => unknown, ...args: Argument[]) =>
  calls.push({ names: [...names.split(' '), 'device', 'out of memory on cpu:0', 'out of memory on cpu:1'], run, args });

// Tensors.
const placed = { dtype, device: on };
add(
  'tensor',
  convtape.tensor,
  mostly(of(3, [1, 2], [[1], [2]], [[1], [2, 3]], new Float32Array(6), new Uint8Array(0), new Int32Array(3))),
  options({ shape, ...placed }),
);
add('zeros', convtape.zeros, shape, options(placed));
add('ones', convtape.ones, shape, options(placed));
add('full', convtape.full, shape, real, options(placed));
add('arange', convtape.arange, number, options(placed));
add('randn', convtape.randn, shape, options({ mean: real, std: real, seed: whole, device: on }));
add('uniform', convtape.uniform, shape, options({ low: real, high: real, seed: whole, device: on }));
add('device', convtape.device, on);
add('devices', convtape.devices, of('cpu', 'gpu', 'sim', 3));
add('manualSeed', convtape.manualSeed, whole);
add('peerAccess', (d) => device('cpu:0').peerAccess(d), on);
const live = () => zeros([2, 3]);
add(
  'copyFrom copyTo',
  (x) => live().copyFrom(x),
  mostly(fc.oneof(anyTensor, of(new Float32Array(6), new Int32Array(6)))),
);
add('copyTo', (d) => live().to(d), on);
add('reshape', (s) => live().reshape(s), shape);
for (const name of ['data', 'item', 'array', 'dataSync'] as const)
  add(`${name} data`, (x) => (isInstance(x, Tensor) ? x[name]() : live()[name]()), t);

// Operators.
for (const name of ['relu', 'tanh', 'sigmoid', 'neg', 'exp', 'log', 'sqrt', 'square', 'abs', 'flatten'] as const)
  add(name, ops[name] as any, t);
for (const name of ['add', 'sub', 'mul', 'div', 'maximum'] as const) add(name, ops[name], t, fc.oneof(t, real));
for (const name of ['sum', 'mean', 'max'] as const)
  add(name, ops[name] as any, t, options({ axis: fc.oneof(axis, mostly(of([0], [0, 1], [0, 0]))), keepDims: flag }));
for (const name of ['softmax', 'logSoftmax', 'argmax'] as const) add(name, ops[name] as any, t, axis);
const activation = mostly(of('relu', undefined));
add(
  'conv2d',
  ops.conv2d,
  t,
  t,
  fc.oneof(of(null), t),
  options({ stride: pair, padding: pair, groups: number, activation }),
);
add('linear', ops.linear, t, t, fc.oneof(of(null), t), options({ activation }));
add('matmul', ops.matmul, t, t, options({ transposeA: flag, transposeB: flag }));
add(
  'localResponseNorm',
  ops.localResponseNorm,
  t,
  options({ size: number, alpha: real, beta: real, k: real, groups: number }),
);
add('spatialResponseNorm', ops.spatialResponseNorm, t, options({ size: number, alpha: real, beta: real, k: real }));
for (const name of ['maxPool2d', 'avgPool2d'] as const)
  add(name, ops[name] as any, t, options({ kernel: pair, stride: pair, padding: pair, ceil: flag }));
add('dropout', ops.dropout as any, t, options({ p: real, mode: mostly(of('paper', 'inverted')), seed: whole }));
add('crossEntropy', ops.crossEntropy as any, t, t, options({ reduction: mostly(of('mean', 'sum', 'none')) }));
add('reshape', ops.reshape, t, shape);
add('transpose', ops.transpose as any, t, mostly(of([0, 1], [1, 0], [0, 0], [3, 2, 1, 0], undefined)));
const list = (item: Argument, maxLength = 3): Argument =>
  fc.array(item, { maxLength }).map((makers) => () => makers.map((make) => make()));
add('concat', ops.concat as any, mostly(list(t)), axis);
const corner = mostly(fc.array(fc.constantFrom(0, 1, 2, 3, -1, 0.5), { maxLength: 4 }).map((c) => () => c));
add('slice', ops.slice as any, t, corner, corner);
add('topK', ops.topK as any, t, number);
add('cast', ops.cast, t, dtype);
add('copyTo', ops.copyTo, t, on);

// The tape.
const record = (item: Argument): Argument =>
  fc.oneof(
    list(item),
    fc
      .dictionary(fc.constantFrom('a', 'b', 'conv1.weight', 'length'), item, { maxKeys: 3 })
      .map((d) => () => Object.fromEntries(Object.entries(d).map(([k, make]) => [k, make()]))),
  );
add(
  'gradients',
  (x, loss, params, o) => {
    using one = tape();
    const y = isInstance(x, Tensor) && !x.disposed && x.dtype === 'f32' ? ops.sum(ops.square(x as any)) : loss;
    return one.gradients(y as any, params ?? [x], o);
  },
  t,
  t,
  fc.oneof(of(undefined), mostly(record(t))),
  options({ seed: t, allowUnused: flag, keep: flag }),
);
const fn = mostly(
  fc.constantFrom<Make>(
    () =>
      (...a: any[]) =>
        ops.relu(a.at(-1)),
    () => () => null,
    () => async () => 1,
    () => (x: any) => x,
    () => () => {
      throw new Planted('planted');
    },
  ),
);
add('noGrad relu', (f) => convtape.noGrad(f), fn);
add(
  'gradcheck relu gradients',
  convtape.gradcheck as any,
  fn,
  mostly(record(t)),
  options({ eps: real, atol: real, rtol: real, maxElements: number }),
);
add(
  'defineOp op relu',
  (name, f, x) =>
    typeof name === 'string' && name.length > 9
      ? null
      : typeof f !== 'function'
        ? convtape.defineOp(name, f === undefined ? null : f, null as any)
        : convtape.defineOp(
            name,
            (...a: any[]) => f(...a),
            () => [null],
          )(x),
  mostly(of('op')),
  fn,
  t,
);
add(
  'scope',
  (x) => {
    using s = scope();
    return s.keep(x);
  },
  t,
);

// Layers, optimisers, models.
const layer: Argument = fc.constantFrom<Make>(
  () => nn.relu(),
  () => nn.flatten(),
  () => nn.linear(3, 2),
  () => nn.conv2d(4, 2, 3),
);
const init = { seed: whole, device: on };
add(
  'nn.conv2d conv2d',
  nn.conv2d as any,
  number,
  number,
  pair,
  options({ stride: pair, padding: pair, groups: number, bias: flag, ...init }),
);
add('nn.linear linear', nn.linear as any, number, number, options({ bias: flag, ...init }));
for (const name of [
  'localResponseNorm',
  'maxPool2d',
  'avgPool2d',
  'dropout',
  'spatialResponseNorm',
  'softmax',
] as const)
  add(
    `nn.${name} ${name}`,
    (o, x) => (nn as any)[name](o).forward(x, { train: true }),
    options({ kernel: pair, size: number, p: real, seed: whole, groups: number }),
    t,
  );
add(
  'nn.sequential sequential relu flatten reshape linear conv2d',
  (l, x, o) => (nn.sequential as any)(...(Array.isArray(l) && l.length < 9 ? l : [l])).forward(x, o),
  mostly(list(mostly(layer))),
  t,
  options({ train: flag, seed: whole }),
);
add(
  'optim.sgd sgd',
  (p, o, g) => optim.sgd(p, o).apply(g),
  mostly(record(t)),
  options({ lr: real, momentum: real, weightDecay: real, groups: anything }),
  mostly(record(t)),
);
add(
  'optim.plateau plateau',
  (p, o, e) => optim.plateau(p, o).step(e),
  mostly(of({ lr: 1 })),
  options({ factor: real, patience: number, drops: number }),
  real,
);
add(
  'models.alexnetSmall alexnetSmall alexnet models.alexnet',
  (o, x) => models.alexnetSmall({ ...o, size: 28 }).forward(x, { train: true }),
  options({ devices: mostly(list(on)), classes: anything, preset: anything, seed: whole, norm: flag }),
  t,
);
add('models.alexnet alexnet', models.alexnet as any, anything);
add('mergeColumns models.mergeColumns concat copyTo', models.mergeColumns as any, mostly(record(t)));
add('splitColumns models.splitColumns slice copyTo', models.splitColumns as any, mostly(record(t)), mostly(list(on)));
add(
  'openDataset folder fashion-mnist cifar10 --data',
  (s) => convtape.data.openDataset(s),
  mostly(of('mnist', 'folder:/nowhere', 'cifar10:', 'folder', ':', 'fashion-mnist:/nowhere')),
);

const living: convtape.Tensor<any, any>[] = [];
const counts = { returned: 0, refused: 0 };

async function one({ call, makers }: { call: Call; makers: Make[] }): Promise<void> {
  using s = scope();
  living.length = 0;
  const args = makers.map((make) => make());
  for (const a of args) if (isInstance(a, Tensor)) living.push(a);
  const text = `${call.names[0]}(${args.map((a) => describe(a)).join(', ')})`;
  trace.call(text);
  try {
    const result = await call.run(...args);
    counts.returned++;
    if (isInstance(result, Tensor) && result.size < 1e5 && !result.disposed) {
      const values = await result.data();
      if (values.length !== result.size) throw new Error(`${text} gave ${values.length} values for ${result}`);
    }
  } catch (error) {
    counts.refused++;
    checkError(error, call.names, text);
  }
  void s;
}

async function main() {
  const drawn = fc
    .constantFrom(...calls)
    .chain((call) => fc.tuple(...call.args).map((makers) => ({ call, makers: makers as Make[] })));
  await check(fc.asyncProperty(drawn, one), seed, runs);
  for (const d of convtape.devices('cpu')) await d.synchronize().catch(() => {});
  living.length = 0;
  let values: number[];
  {
    using y = convtape.full([2], 3);
    values = [...(await y.data())];
  }
  process.stdout.write(
    `${JSON.stringify({ ...counts, values, allocated: convtape.devices('cpu').map((d) => d.memory().allocated) })}\n`,
  );
}

main().catch(fail);
