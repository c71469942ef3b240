import { device, manualSeed, nn, ones, ops, randn, type Tensor, tape, zeros } from '../../lib';
import { kinds } from '../support/devices';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

const values = async (t: Tensor<any>) => [...(await t.data())];

/** Mean and standard deviation. */
async function moments(t: Tensor<any>): Promise<[number, number]> {
  const x = await values(t);
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  return [mean, Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length)];
}

describe.each(kinds)('on $name', (d) => {
  const x = randn([2, 4, 7, 6], { seed: 1, device: d });

  const convolution = nn.conv2d(4, 6, [3, 2], { stride: [2, 1], padding: [1, 0], groups: 2, seed: 2, device: d });
  const plain = nn.conv2d(4, 6, 3, { bias: false, seed: 3, device: d });
  const dense = nn.linear(6, 5, { seed: 4, biasValue: 0.5, device: d });
  const pool = { kernel: 3, stride: 2, padding: 1, ceil: true } as const;
  test.each<[string, Tensor<any>, Tensor<any>]>([
    [
      'conv2d',
      convolution.forward(x),
      ops.conv2d(x, convolution.params.weight, convolution.params.bias, {
        stride: [2, 1],
        padding: [1, 0],
        groups: 2,
      }),
    ],
    ['conv2d without bias', plain.forward(x), ops.conv2d(x, plain.params.weight, null)],
    ['linear', dense.forward(x), ops.linear(x, dense.params.weight, dense.params.bias)],
    ['relu', nn.relu().forward(x), ops.relu(x)],
    ['tanh', nn.tanh().forward(x), ops.tanh(x)],
    ['sigmoid', nn.sigmoid().forward(x), ops.sigmoid(x)],
    ['softmax', nn.softmax(1).forward(x), ops.softmax(x, 1)],
    ['logSoftmax', nn.logSoftmax().forward(x), ops.logSoftmax(x)],
    ['flatten', nn.flatten().forward(x), ops.flatten(x)],
    ['maxPool2d', nn.maxPool2d(pool).forward(x), ops.maxPool2d(x, pool)],
    ['avgPool2d', nn.avgPool2d(pool).forward(x), ops.avgPool2d(x, pool)],
    [
      'localResponseNorm',
      nn.localResponseNorm({ groups: 2, alpha: 1 }).forward(x),
      ops.localResponseNorm(x, { groups: 2, alpha: 1 }),
    ],
    [
      'spatialResponseNorm',
      nn.spatialResponseNorm({ size: 3, alpha: 1, beta: 0.75 }).forward(x),
      ops.spatialResponseNorm(x, { size: 3, alpha: 1, beta: 0.75 }),
    ],
    ['elementwise', nn.elementwise('square', ops.square).forward(x), ops.square(x)],
  ])('%s is the operator of its name', async (_, layer, operator) => {
    expect(layer.shape).toEqual(operator.shape);
    expect(layer.device).toBe(d);
    expect(await values(layer)).toEqual(await values(operator));
  });

  test('parameters lie on the device', () => {
    for (const p of [...Object.values(convolution.params), ...Object.values(dense.params)]) expect(p.device).toBe(d);
    expect(Object.keys(convolution.params)).toEqual(['weight', 'bias']);
    expect(Object.keys(plain.params)).toEqual(['weight']);
    expect(convolution.params.weight.shape).toEqual([6, 2, 3, 2]);
  });
});

describe('initial values', () => {
  // 18,000 and 20,000 numbers: the mean is within 4/√n standard deviations, the standard deviation within 4/√(2n) of itself.
  test('weights are N(0, 2/n) for n inputs of an output, biases 0', async () => {
    const { weight, bias } = nn.conv2d(40, 50, 3, { seed: 1 }).params;
    const [mean, std] = await moments(weight);
    const expected = Math.sqrt(2 / (40 * 9));
    expect(Math.abs(mean)).toBeLessThan(0.03 * expected);
    expect(Math.abs(std / expected - 1)).toBeLessThan(0.022);
    expect(new Set(await values(bias))).toEqual(new Set([0]));
  });

  test('weightStd and biasValue', async () => {
    const { weight, bias } = nn.linear(200, 100, { weightStd: 0.01, biasValue: 1, seed: 1 }).params;
    const [mean, std] = await moments(weight);
    expect(Math.abs(mean)).toBeLessThan(0.03 * 0.01);
    expect(Math.abs(std / 0.01 - 1)).toBeLessThan(0.021);
    expect(new Set(await values(bias))).toEqual(new Set([1]));
  });

  test('the same seed gives the same weights; manualSeed rules where none is given', async () => {
    const draw = (seed?: number) => values(nn.linear(3, 4, { seed }).params.weight);
    expect(await draw(7)).toEqual(await draw(7));
    expect(await draw(7)).not.toEqual(await draw(8));
    manualSeed(3);
    const first = [await draw(), await draw()];
    expect(first[0]).not.toEqual(first[1]);
    manualSeed(3);
    expect([await draw(), await draw()]).toEqual(first);
  });
});

describe('dropout', () => {
  const x = ones([1000]);

  test('paper: a 0/1 mask when training, times 1 − p when testing', async () => {
    const layer = nn.dropout({ p: 0.25, seed: 1 });
    const trained = await values(layer.forward(x, { train: true }));
    expect(new Set(trained)).toEqual(new Set([0, 1]));
    expect(trained.filter((v) => v === 0).length).toBeGreaterThan(190); // 250 ± 4.4 standard deviations of 13.7
    expect(trained.filter((v) => v === 0).length).toBeLessThan(310);
    expect(new Set(await values(layer.forward(x)))).toEqual(new Set([0.75]));
    expect(new Set(await values(layer.forward(x, { train: false })))).toEqual(new Set([0.75]));
  });

  test('inverted: mask/(1 − p) when training, nothing when testing', async () => {
    const layer = nn.dropout({ p: 0.75, mode: 'inverted', seed: 1 });
    expect(new Set(await values(layer.forward(x, { train: true })))).toEqual(new Set([0, 4]));
    const y = layer.forward(x);
    expect(await values(y)).toEqual(await values(x));
    y.dispose();
    expect(x.disposed).toBe(false);
  });

  test('every pass has a mask of its own, by the seed of the pass, of the layer, or of manualSeed', async () => {
    const mask = (layer: nn.FunctionLayer<any>, seed?: number) => values(layer.forward(x, { train: true, seed }));
    const [a, b] = [nn.dropout({ seed: 5 }), nn.dropout({ seed: 5 })];
    const masks = [await mask(a), await mask(a), await mask(a)];
    expect(new Set(masks.map(String)).size).toBe(3);
    expect([await mask(b), await mask(b), await mask(b)]).toEqual(masks);
    expect(await mask(a, 9)).toEqual(await mask(nn.dropout(), 9));
    expect(await mask(a, 9)).not.toEqual(await mask(a, 10));
    manualSeed(1);
    const free = nn.dropout();
    const drawn = [await mask(free), await mask(free)];
    expect(drawn[0]).not.toEqual(drawn[1]);
    manualSeed(1);
    expect([await mask(free), await mask(free)]).toEqual(drawn);
  });

  test('the gradient has the mask of the forward', async () => {
    const layer = nn.dropout({ seed: 5 });
    using t = tape();
    const y = layer.forward(x, { train: true });
    const [dx] = t.gradients(ops.sum(y), [x]);
    expect(await values(dx)).toEqual(await values(y));
  });
});

describe('wrong arguments', () => {
  const any = nn as any;
  test.each<[string, () => unknown, string]>([
    ['channels', () => any.conv2d(0, 3, 3), 'nn.conv2d: inChannels must be an integer of at least 1, got 0'],
    ['channels', () => any.conv2d(3, '8', 3), "nn.conv2d: outChannels must be a number, got '8'"],
    ['a kernel', () => any.conv2d(3, 8, [3]), 'nn.conv2d: kernel must be a number or a pair'],
    ['a stride', () => any.conv2d(3, 8, 3, { stride: 0 }), 'nn.conv2d: stride must hold integers of at least 1'],
    ['groups', () => any.conv2d(3, 8, 3, { groups: 2 }), 'nn.conv2d: 2 groups do not divide 3 and 8 channels'],
    ['an option', () => any.conv2d(3, 8, 3, { strides: 2 }), "nn.conv2d: unknown option 'strides'"],
    ['bias', () => any.conv2d(3, 8, 3, { bias: 1 }), 'nn.conv2d: bias must be true or false, got 1'],
    ['features', () => any.linear(2.5, 3), 'nn.linear: inputs must be an integer of at least 1, got 2.5'],
    ['weightStd', () => any.linear(2, 3, { weightStd: -1 }), 'nn.linear: weightStd must not be negative, got -1'],
    ['weightStd', () => any.linear(2, 3, { weightStd: Number.NaN }), 'nn.linear: weightStd must be finite, got NaN'],
    ['p', () => any.dropout({ p: 1 }), 'nn.dropout: p must be in [0, 1), got 1'],
    ['mode', () => any.dropout({ mode: 'x' }), "nn.dropout: mode must be 'paper' or 'inverted', got 'x'"],
    ['a seed', () => any.dropout({ seed: -1 }), 'nn.dropout: seed must be an integer'],
    ['pooling options', () => any.maxPool2d(3), 'nn.maxPool2d: options must be an object, got 3'],
    ['an axis', () => any.flatten(-1), 'nn.flatten: startAxis must be an integer of at least 0, got -1'],
    ['a function', () => any.elementwise('f', 3), 'nn.elementwise: takes a function, got 3'],
    ['no tensor', () => any.relu().forward([1]), 'relu: x must be a Tensor, got [1]'],
    [
      'pass options',
      () => any.relu().forward(zeros([1]), { train: 'yes' }),
      "relu: train must be true or false, got 'yes'",
    ],
    ['pass options', () => any.relu().forward(zeros([1]), null), 'relu: options must be an object, got null'],
    ['a pass seed', () => any.dropout().forward(zeros([1]), { seed: 0.5 }), 'dropout: seed must be an integer'],
    ['a shape', () => any.linear(2, 3).forward(zeros([4, 3])), 'linear: the last axis of x [4,3]'],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });

  test('a refused layer leaves no memory behind', () => {
    const cpu = device('cpu:0');
    const before = cpu.memory().allocated;
    expect(() => nn.linear(10, 10, { biasValue: 'x' as never })).toThrow('nn.linear: biasValue must be a number');
    expect(() => nn.conv2d(10, 10, 3, { seed: -1 })).toThrow('seed');
    expect(cpu.memory().allocated).toBe(before);
  });
});
