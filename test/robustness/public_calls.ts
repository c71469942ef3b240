// A process that throws hostile calls at the package's public functions: node public_calls.ts SEED RUNS TRACE.
import fc from 'fast-check';
import * as convtape from '../../lib';
import {
  type Argument,
  anyTensor,
  axis,
  dtype,
  flag,
  list,
  living,
  type Make,
  mostly,
  number,
  of,
  on,
  options,
  pair,
  real,
  record,
  shape,
  t,
  whole,
} from './arguments';
import { dataCalls } from './data_calls';
import { anything, check, checkError, describe, fail, isInstance, Planted, settings } from './values';

const { device, models, nn, ops, optim, scope, tape, Tensor, zeros } = convtape;
const { seed, runs, trace } = settings();

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
  (x, dtype) => zeros([2, 3], { dtype }).copyFrom(x),
  mostly(fc.oneof(anyTensor, of(new Float32Array(6), new Int32Array(6)))),
  of('f32', 'bf16'),
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
add('concat', ops.concat as any, mostly(list(t)), axis);
const corner = mostly(fc.array(fc.constantFrom(0, 1, 2, 3, -1, 0.5), { maxLength: 4 }).map((c) => () => c));
add('slice', ops.slice as any, t, corner, corner);
add('topK', ops.topK as any, t, number);
add('cast', ops.cast, t, dtype);
add('copyTo', ops.copyTo, t, on);

// The tape.
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
  'defineOp op relu cpu:0',
  (name, f, x) =>
    typeof name === 'string' && name.length > 8
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
  'nn.conv2d conv2d randn full',
  nn.conv2d as any,
  number,
  number,
  pair,
  options({ stride: pair, padding: pair, groups: number, bias: flag, ...init }),
);
add('nn.linear linear randn full', nn.linear as any, number, number, options({ bias: flag, ...init }));
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
const ofTwo = (run: (one: convtape.optim.Sgd<any>, arg: any) => unknown) => (arg: unknown) => {
  using one = optim.sgd({ a: zeros([2, 3]), b: zeros([3]) }, { lr: 1 });
  return run(one, arg);
};
add(
  'sgd',
  ofTwo((one, state) => one.load(state)),
  options({ step: whole, lr: real, momentum: mostly(record(t)) }),
);
const match = mostly(of('a', '*', /a/, ['b', /./]));
const group = options({ match, lr: real, lrScale: real, momentum: real, weightDecay: real, frozen: flag });
add(
  'sgd',
  ofTwo((one, groups) => one.setGroups(groups)),
  mostly(list(mostly(group))),
);
add(
  'plateau',
  (state) => optim.plateau({ lr: 1 }, { patience: 1 }).load(state),
  options({ drops: whole, best: fc.oneof(real, of(null)), waited: whole }),
);
add(
  'optim.plateau plateau',
  (p, o, e) => optim.plateau(p, o).step(e),
  mostly(of({ lr: 1 })),
  options({ factor: real, patience: number, drops: number }),
  real,
);
add(
  'alexnetSmall randn full',
  (o, x) => models.alexnetSmall({ ...o, size: 28 }).forward(x, { train: true }),
  options({ devices: mostly(list(on)), classes: anything, preset: anything, seed: whole, norm: flag }),
  t,
);
const weights = mostly(of('f32', 'bf16'));
const net = (two: unknown) =>
  models.alexnetSmall({ width: 0.02, seed: 1, devices: two === true ? ['cpu:0', 'cpu:1'] : ['cpu:0'] }) as any;
const image = fc.constantFrom<Make>(...[28, 28, 27].map((n) => () => convtape.randn([2, 1, n, n])));
add(
  'alexnetSmall',
  (two, x, o) => net(two).forward(x, o),
  flag,
  mostly(fc.oneof(image, t)),
  options({ train: flag, seed: whole, dropoutSeeds: mostly(list(whole)), weights }),
);
add('alexnetSmall', (two, x, o) => net(two).features(x, o), flag, mostly(fc.oneof(image, t)), options({ weights }));
add(
  'load copyFrom',
  (two, change, all) => {
    const one = net(two);
    return one.load(all ? { ...one.params, ...change } : change) && null;
  },
  flag,
  mostly(record(t)),
  flag,
);
add(
  'formatRows',
  models.formatRows,
  mostly(list(mostly(options({ layer: of('fc8'), device: of('cpu:0'), shape, parameters: number, flops: number })))),
);
add('numThreads', (n) => convtape.numThreads(typeof n === 'number' && n >= 2 ? 0 : n), anything);
add('precision', convtape.precision as any, of('f32', 'f16', 5, null, '', Symbol('s'), undefined));
add('alexnet randn full', models.alexnet as any, anything);
add('mergeColumns concat copyTo', models.mergeColumns as any, mostly(record(t)));
add('splitColumns slice copyTo', models.splitColumns as any, mostly(record(t)), mostly(list(on)));
for (const [names, run, ...args] of dataCalls) add(names, run, ...args);

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
