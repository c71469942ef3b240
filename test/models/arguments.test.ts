// What a net says of wrong arguments, and that a call that throws has changed nothing.
import { device, devices, manualSeed, models, randn, scope, type Tensor, tensor, zeros } from '../../lib';
import { nextSeed } from '../../lib/tensor/random';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

const cpus = devices('cpu').slice(0, 2);
const small = { width: 0.02, seed: 1 } as const;
const gone = zeros([2, 1, 28, 28]);
gone.dispose();

const allocated = async () => {
  for (const d of cpus) await d.synchronize();
  return cpus.map((d) => d.memory().allocated);
};

/** The error of a call, as text. */
const thrown = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    return String(error);
  }
  return 'nothing was thrown';
};

describe('forward', () => {
  const net = models.alexnetSmall(small) as any;
  const x = randn([2, 1, 28, 28], { seed: 1 });
  afterAll(() => {
    net.dispose();
    x.dispose();
  });
  const seed = (got: string) => `RangeError: alexnetSmall: seed must be an integer between 0 and 2^53 − 1, got ${got}`;

  test.each<[string, unknown, object | undefined, string]>([
    ['a text as seed', x, { seed: 'x' }, "TypeError: alexnetSmall: seed must be a number, got 'x'"],
    ['NaN as seed', x, { seed: Number.NaN }, seed('NaN')],
    ['half a seed', x, { seed: 1.5 }, seed('1.5')],
    ['null as seed', x, { seed: null }, 'TypeError: alexnetSmall: seed must be a number, got null'],
    ['a seed below 0', x, { seed: -1 }, seed('-1')],
    ['a seed of 2^60', x, { seed: 2 ** 60 }, seed(String(2 ** 60))],
    ['a text as train', x, { train: 'yes' }, "TypeError: alexnetSmall: train must be true or false, got 'yes'"],
    [
      'a number as masks',
      x,
      { dropoutSeeds: 5 },
      'TypeError: alexnetSmall: dropoutSeeds must be an array of 2 seeds, got 5',
    ],
    [
      'null as masks',
      x,
      { dropoutSeeds: null },
      'TypeError: alexnetSmall: dropoutSeeds must be an array of 2 seeds, got null',
    ],
    [
      'a mask too few',
      x,
      { dropoutSeeds: [1] },
      'RangeError: alexnetSmall: dropoutSeeds must hold 2 seeds, one a hidden layer, got [1]',
    ],
    [
      'a bad mask',
      x,
      { dropoutSeeds: [1, -2] },
      'RangeError: alexnetSmall: dropoutSeeds[1] must be an integer between 0 and 2^53 − 1, got -2',
    ],
    ['an unknown option', x, { sed: 1 }, "TypeError: alexnetSmall: unknown option 'sed'"],
    ['null as images', null, undefined, 'TypeError: alexnetSmall: the input must be a tensor, got null'],
    ['disposed images', gone, undefined, 'Error: alexnetSmall: the tensor [2, 1, 28, 28] has been disposed'],
    [
      'bytes as images',
      zeros([1, 1, 28, 28], { dtype: 'u8' }),
      undefined,
      'TypeError: alexnetSmall: the input must be f32, got u8 [1,1,28,28]',
    ],
  ])('%s', (_, images, options, message) => {
    manualSeed(7);
    const first = nextSeed();
    manualSeed(7);
    expect(thrown(() => net.forward(images, options))).toContain(message);
    if (options === undefined) expect(thrown(() => net.features(images))).toContain(message);
    expect(nextSeed()).toBe(first); // nothing was drawn
  });
});

describe('load', () => {
  const net = models.alexnetSmall(small);
  const other = models.alexnetSmall({ ...small, seed: 2 });
  afterAll(() => {
    net.dispose();
    other.dispose();
  });
  const last = 'fc8.bias';

  test.each<[string, unknown, string]>([
    ['null', null, 'TypeError: load: params must be a record of tensors, got null'],
    ['a number', 5, 'TypeError: load: params must be a record of tensors, got 5'],
    ['nothing', {}, 'RangeError: load: the names differ; missing conv1.weight'],
    ['a number for a tensor', { ...other.params, [last]: 5 }, `TypeError: load: '${last}' must be a tensor, got 5`],
    [
      'a disposed tensor',
      { ...other.params, [last]: gone },
      'Error: load: the tensor [2, 1, 28, 28] has been disposed',
    ],
    [
      'integers',
      { ...other.params, [last]: zeros([10], { dtype: 'i32' }) },
      `TypeError: load: '${last}' must be f32, got i32`,
    ],
    ['another shape', { ...other.params, [last]: zeros([9]) }, `RangeError: load: '${last}' is [10], got [9]`],
    ['one too many', { ...other.params, toString: zeros([9]) }, 'RangeError: load: the names differ; unknown toString'],
  ])('%s', async (_, params, message) => {
    const weight = net.params['conv1.weight']!;
    const before = await weight.data();
    expect(thrown(() => net.load(params as never))).toContain(message);
    expect(await weight.data()).toEqual(before);
  });

  test('into a net that has been disposed of', () => {
    const dead = models.alexnetSmall(small);
    dead.dispose();
    expect(thrown(() => dead.load(other.params))).toMatch(/^Error: load: the tensor \[.*\] has been disposed/);
  });
});

describe('what a failed call has made is freed', () => {
  test.each([
    ['one device', ['cpu:0']],
    ['two devices', ['cpu:0', 'cpu:1']],
  ])('a net whose last layer does not fit, on %s', async (_, where) => {
    const before = await allocated();
    expect(thrown(() => models.alexnetSmall({ classes: 1e12, devices: where }))).toMatch(/out of memory on cpu:0/);
    expect(await allocated()).toEqual(before);
    // Before anything is made: no tensor has so many elements.
    expect(thrown(() => models.alexnetSmall({ classes: 2 ** 50, devices: where }))).toContain(
      'RangeError: alexnetSmall: fc8.weight [1125899906842624, 512] has 2^53 elements or more',
    );
    expect(await allocated()).toEqual(before);
  });

  test('a net made in a scope belongs to the scope, as before', async () => {
    const before = await allocated();
    {
      using s = scope();
      models.alexnetSmall({ ...small, devices: cpus });
      void s;
    }
    expect(await allocated()).toEqual(before);
    using net = models.alexnetSmall({ ...small, devices: cpus });
    expect(Object.values(net.params).some((p) => p.disposed)).toBe(false);
  });
});

describe('mergeColumns and splitColumns', () => {
  const two = zeros([2, 3]);
  const three = zeros([3]);
  const scalar = tensor(1);
  afterAll(() => {
    for (const t of [two, three, scalar]) (t as Tensor<any>).dispose();
  });
  const { mergeColumns, splitColumns } = models as any;

  test.each<[string, () => unknown, string]>([
    ['null', () => splitColumns(null, cpus), 'TypeError: splitColumns: params must be a record of tensors, got null'],
    ['a tensor', () => mergeColumns(two), 'TypeError: mergeColumns: params must be a record of tensors, got Tensor'],
    [
      'a number',
      () => splitColumns({ 'a.bias': 5 }, cpus),
      "TypeError: splitColumns: 'a.bias' must be a tensor, got 5",
    ],
    [
      'a name without an ending',
      () => splitColumns({ 'a.weight': two, conv1: two }, cpus),
      "RangeError: splitColumns: names must be like 'conv1.weight' or 'conv1.bias', got 'conv1'",
    ],
    ['another ending', () => mergeColumns({ 'conv1a.gain': two }), "mergeColumns: names must be like 'conv1.weight'"],
    ['an odd half', () => splitColumns({ 'a.weight': two, 'a.bias': three }, cpus), "'a.bias' [3] has an odd number"],
    ['a scalar', () => splitColumns({ 'a.bias': scalar }, cpus), "splitColumns: 'a.bias' is a scalar"],
    ['a disposed tensor', () => mergeColumns({ 'a.bias': gone }), 'mergeColumns: the tensor [2, 1, 28, 28] has been'],
    ['no devices', () => splitColumns({ 'a.bias': two }), 'splitColumns: devices must be two devices, got undefined'],
    ['devices that are none', () => splitColumns({ 'a.bias': two }, [1, 2]), 'device: name must be a string like'],
    [
      'halves of other shapes',
      () => mergeColumns({ 'fc8.bias': three, 'conv1a.bias': two, 'conv1b.bias': three }),
      "RangeError: mergeColumns: 'conv1a.bias' is f32 [2,3], its counterpart 'conv1b.bias' f32 [3]",
    ],
  ])('%s', async (_, call, message) => {
    const before = await allocated();
    expect(thrown(call)).toContain(message);
    expect(await allocated()).toEqual(before);
  });
});

test.each<[string, () => unknown, string]>([
  [
    'rows that are none',
    () => models.formatRows(null as any),
    'TypeError: formatRows: rows must be an array of rows, got null',
  ],
  [
    'a row that is none',
    () => models.formatRows([5] as any),
    'TypeError: formatRows: rows[0] must be a row of describe, got 5',
  ],
  [
    'a row without a shape',
    () => models.formatRows([{ layer: 'fc8', device: 'cpu:0', parameters: 1, flops: 1 }] as any),
    'TypeError: formatRows: rows[0].shape must be an array of integers, got undefined',
  ],
  [
    'a text for channels',
    () => models.alexnetSmall({ channels: 'x' } as any),
    "channels must be a positive integer, got 'x'",
  ],
  [
    'a text for conv6',
    () => models.alexnet({ conv6: 'x' } as any),
    "TypeError: alexnet: conv6 must be true or false, got 'x'",
  ],
  ['a device that is none', () => device(5 as any), "TypeError: device: name must be a string like 'cpu:0', got 5"],
])('%s', (_, call, message) => {
  expect(thrown(call)).toContain(message);
});

test('a net that is refused draws no seed', () => {
  manualSeed(7);
  const first = nextSeed();
  manualSeed(7);
  expect(() => models.alexnetSmall({ classes: 0 })).toThrow('classes');
  expect(() => models.alexnetSmall({ devices: ['cpu:9'] })).toThrow('cpu:9');
  expect(nextSeed()).toBe(first);
});
