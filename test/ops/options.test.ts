// Every operator that takes options, handed one that it does not have: an error that names it and those there are, never a call that
// goes on without it.
import { device, models, nn, ops, randn, tape, tensor, zeros } from '../../lib';
import type { OperatorName } from '../../lib/ops/registry';

type Options = Record<string, unknown>;
type Taking = readonly [call: (options: Options) => unknown, ...known: string[]];

const x = randn([1, 2, 4, 4], { seed: 1 });
const labels = tensor([0], { dtype: 'i32' });
const bytes = zeros([1, 2, 4, 4], { dtype: 'u8' });
const windows = tensor([0, 0, 0], { shape: [1, 3], dtype: 'i32' });
const any = ops as Record<OperatorName, (...args: unknown[]) => unknown>;
const norm = ['size', 'alpha', 'beta', 'k'];
const pool = ['kernel', 'stride', 'padding', 'ceil'];
const ofX = (name: OperatorName, ...known: string[]): Taking => [(o) => any[name](x, o), ...known];
const reduce = (name: OperatorName) => ofX(name, 'axis', 'keepDims');
const none = null;

// Total over the operators: a new one has to say what options it takes.
const operators: { readonly [K in OperatorName]: Taking | null } = {
  abs: none,
  add: none,
  argmax: none,
  avgPool2d: ofX('avgPool2d', ...pool),
  cast: none,
  concat: none,
  conv2d: [(o) => any.conv2d(x, zeros([2, 2, 3, 3]), null, o), ...['stride', 'padding', 'groups', 'activation']],
  copyTo: none,
  cropImages: [(o) => any.cropImages(bytes, windows, o), 'size', 'views', 'mean', 'shift', 'scale'],
  crossEntropy: [(o) => any.crossEntropy(zeros([1, 3]), labels, o), 'reduction'],
  div: none,
  dropout: ofX('dropout', 'p', 'mode', 'seed', 'layout'),
  exp: none,
  flatten: none,
  linear: [(o) => any.linear(x, zeros([3, 4]), null, o), 'activation'],
  localResponseNorm: ofX('localResponseNorm', ...norm, 'groups'),
  log: none,
  logSoftmax: none,
  matmul: [(o) => any.matmul(x, x, o), 'transposeA', 'transposeB'],
  max: reduce('max'),
  maximum: none,
  maxPool2d: ofX('maxPool2d', ...pool),
  mean: reduce('mean'),
  mul: none,
  neg: none,
  relu: none,
  reshape: none,
  sigmoid: none,
  slice: none,
  softmax: none,
  spatialResponseNorm: ofX('spatialResponseNorm', ...norm),
  sqrt: none,
  square: none,
  sub: none,
  sum: reduce('sum'),
  tanh: none,
  topK: none,
  transpose: none,
};

const taking = Object.entries(operators).filter((entry): entry is [OperatorName, Taking] => entry[1] !== null);

test.each(taking)('%s', (name, [call, ...known]) => {
  const message = `${name}: unknown option 'strid'; the options are ${known.join(', ')}`;
  expect(() => call({ strid: 2 })).toThrow(new TypeError(message));
  for (const bad of [null, 2, 'stride', [2]])
    expect(() => call(bad as never)).toThrow(`${name}: options must be an object, got `);
  // undefined, and options that are undefined, are as if left out
  if (!/Pool2d|ResponseNorm|cropImages/.test(name)) expect(call(undefined as never)).toBeDefined();
});

test('the table has every operator', () => {
  expect(Object.keys(operators).sort()).toEqual(
    Object.keys(ops)
      .filter((name) => typeof any[name as OperatorName] === 'function')
      .sort(),
  );
});

test('a pass through a layer or a network, and the tape', () => {
  expect(() => nn.relu().forward(x, { trian: true } as never)).toThrow(
    "relu: unknown option 'trian'; the options are train, seed",
  );
  using net = models.alexnetSmall({ devices: [device('cpu:0')], channels: 1, size: 28, classes: 2 });
  expect(() => net.forward(zeros([1, 1, 28, 28]), { trian: true } as never)).toThrow(
    "alexnetSmall: unknown option 'trian'; the options are train, seed, dropoutSeeds",
  );
  using t = tape();
  const loss = ops.sum(x);
  expect(() => t.gradients(loss, [x], { allowunused: true } as never)).toThrow(
    "gradients: unknown option 'allowunused'; the options are seed, allowUnused, keep",
  );
});
