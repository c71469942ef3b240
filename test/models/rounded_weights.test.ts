// Forward passes with the fully-connected weights rounded to bf16: what they compute, and the copies that a net keeps for them.
import { type Device, device, models, noGrad, ops, optim, scope, type Tensor, tape, tensor, uniform } from '../../lib';
import type { ColumnNet } from '../../lib/models';
import { addon } from '../../lib/native/addon';
import { expectClose } from '../support/close';
import { kinds, pairs } from '../support/devices';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

const half = { weights: 'bf16' } as const;
const places: readonly (readonly Device[])[] = [...kinds.map((d) => [d]), ...pairs];
const forms = places.map((devices) => [devices.map((d) => d.name).join(' and '), devices] as const);

const netOn = (devices: readonly Device[], seed = 3) => models.alexnetSmall({ width: 0.1, seed, devices }) as ColumnNet;
const imagesOn = (devices: readonly Device[], count = 1) =>
  uniform([count, 1, 28, 28], { low: -1, high: 1, seed: 2, device: devices[0]! }) as Tensor<any>;
const isFullyConnected = ([, p]: [string, Tensor]) => p.rank === 2;
const fullyConnected = (net: ColumnNet) => Object.entries(net.params).filter(isFullyConnected);

/** The bytes in use on the devices, when all that was asked of them is done. */
async function allocated(devices: readonly Device[]): Promise<number[]> {
  for (const d of devices) await d.synchronize();
  return devices.map((d) => d.memory().allocated);
}

/** The native operators that `call` queues. */
function launched(call: () => void): string[] {
  const spy = jest.spyOn(addon, 'launch');
  try {
    call();
    return spy.mock.calls.map(([operator]) => addon.operators[operator]!);
  } finally {
    spy.mockRestore();
  }
}

/** A net of f32 alone that holds the rounded weights of `net`. */
function rounded(net: ColumnNet): ColumnNet {
  const other = netOn(net.devices, 99);
  using s = scope();
  const round = (p: Tensor) => ops.cast(ops.cast(p, 'bf16'), 'f32');
  const params = Object.entries(net.params).map(([name, p]) => [name, p.rank === 2 ? round(p) : p]);
  other.load(Object.fromEntries(params));
  void s;
  return other;
}

async function expectSame(a: Tensor<any>, b: Tensor<any>): Promise<void> {
  const [got, expected] = [await a.data(), await b.data()];
  if (a.device.kind === 'cpu') expect(got).toEqual(expected);
  else expectClose(got, expected, 1e-5);
  a.dispose();
  b.dispose();
}

/** Fails unless `net` computes what its weights of now are, rounded. */
async function expectRounded(net: ColumnNet, x: Tensor<any>): Promise<void> {
  using other = rounded(net);
  await expectSame(net.forward(x, half), other.forward(x));
}

describe.each(forms)('on %s', (_, devices) => {
  // One image goes by the kernels for few rows, seven by the others.
  test.each([1, 7])('%i images: what a net computes whose weights are rounded', async (count) => {
    using net = netOn(devices);
    using other = rounded(net);
    using x = imagesOn(devices, count);
    using exact = net.forward(x);
    using y = net.forward(x, half);
    expect([y.shape, y.dtype, y.device]).toEqual([[count, 10], 'f32', devices[0]]);
    expect(await y.data()).not.toEqual(await exact.data());
    await expectSame(net.forward(x, half), other.forward(x));
    await expectSame(net.features(x, half), other.features(x));
    // Not for good.
    await expectSame(net.forward(x), net.forward(x, { weights: 'f32' }));
    expect(await net.forward(x).data()).toEqual(await exact.data());
  });

  test('weights that have changed are rounded anew', async () => {
    using net = netOn(devices);
    using x = imagesOn(devices);
    await expectRounded(net, x);
    const memory = async () => {
      net.forward(x, half).dispose();
      return allocated(devices);
    };
    const held = await memory();

    using sgd = optim.sgd(net.params, { lr: 0.1 });
    {
      using labels = tensor([3], { dtype: 'i32', device: devices[0]! });
      using t = tape();
      using logits = net.forward(x) as Tensor<[1, 10]>;
      using loss = ops.crossEntropy(logits, labels);
      const gradients = t.gradients(loss, net.params);
      sgd.apply(gradients);
      for (const g of Object.values(gradients)) (g as Tensor).dispose();
    }
    await expectRounded(net, x);

    using other = netOn(devices, 4);
    net.load(other.params);
    await expectRounded(net, x);
    await expectSame(net.forward(x, half), other.forward(x, half));

    const weight = net.params['fc8.weight']!;
    weight.copyFrom(new Float32Array(weight.size).fill(1 / 3));
    await expectRounded(net, x);
    using handle = weight.reshape([-1]); // of the same memory
    handle.copyFrom(new Float32Array(weight.size).fill(-1 / 7));
    await expectRounded(net, x);
    other.dispose();
    sgd.dispose();
    expect(await memory()).toEqual(held); // the copies before are gone
  });

  test('copies of half the bytes are made once, and are the net’s until it is disposed of', async () => {
    using x = imagesOn(devices);
    const before = await allocated(devices);
    const net = netOn(devices);
    const own = await allocated(devices);
    {
      using s = scope(); // of a call: the copies outlive it
      net.features(x, half);
      void s;
    }
    const hidden = await allocated(devices);
    const pass = () => net.forward(x, half).dispose();
    pass();
    const all = await allocated(devices);
    devices.forEach((d, i) => {
      const of = fullyConnected(net).filter(([, p]) => p.device === d);
      const bytes = of.reduce((sum, [, p]) => sum + 2 * p.size, 0);
      // Blocks of memory are a little larger than what is in them.
      expect(all[i]! - own[i]!).toBeGreaterThanOrEqual(bytes);
      expect(all[i]! - own[i]!).toBeLessThan(bytes + 1024 * of.length);
    });
    expect(hidden[0]).toBeLessThan(all[0]!); // features need no output layer
    const kernels = launched(() => {
      pass();
      net.features(x, half).dispose();
    });
    expect(kernels).toContain('matmul');
    expect(kernels).not.toContain('cast');
    expect(await allocated(devices)).toEqual(all);
    net.dispose();
    expect(await allocated(devices)).toEqual(before);
  });

  test('a net made in a scope takes its copies with it; one that is kept makes new ones', async () => {
    using x = imagesOn(devices);
    const before = await allocated(devices);
    {
      using s = scope();
      netOn(devices).forward(x, half);
      void s;
    }
    expect(await allocated(devices)).toEqual(before);
    const kept = (() => {
      using s = scope();
      const net = netOn(devices);
      net.forward(x, half);
      return s.keep(net);
    })();
    await expectRounded(kept, x);
    kept.dispose();
    expect(await allocated(devices)).toEqual(before);
  });

  test('gradients reach what lies before the rounded layers, through them', async () => {
    using net = netOn(devices);
    using other = rounded(net);
    using x = imagesOn(devices, 3);
    const wanted = (of: ColumnNet) =>
      Object.fromEntries(Object.entries(of.params).filter((entry) => !isFullyConnected(entry)));
    const run = (of: ColumnNet, options: object) => {
      using t = tape();
      using loss = ops.sum(ops.square(of.forward(x, options)));
      return t.gradients(loss, wanted(of));
    };
    const gradients = run(net, half);
    const expected = run(other, {});
    expect(Object.keys(gradients)).toEqual(expect.arrayContaining(['fc8.bias']));
    for (const [name, g] of Object.entries(gradients)) {
      expect((await g.data()).some((v) => v !== 0)).toBe(true);
      await expectSame(g, expected[name]!);
    }
    using t = tape();
    using loss = ops.sum(net.forward(x, half));
    expect(() => t.gradients(loss, { weight: net.params['fc8.weight']! })).toThrow(
      /^gradients: the loss does not depend on parameter 'weight'/,
    );
  });

  test('no tape remembers the rounding, and a tape’s gradients are those of the copies it saw', async () => {
    using net = netOn(devices);
    using x = imagesOn(devices);
    using before = rounded(net);
    using t = tape();
    using y = ops.sum(net.forward(x, half));
    for (const [, weight] of fullyConnected(net)) weight.copyFrom(new Float32Array(weight.size));
    noGrad(() => net.forward(x, half)).dispose();
    const { x: dx } = t.gradients(y, { x });
    using again = tape();
    using y2 = ops.sum(before.forward(x));
    await expectSame(dx, again.gradients(y2, { x }).x);
  });
});

test('what is refused', () => {
  using net = netOn([device('cpu:0')]);
  using x = imagesOn([device('cpu:0')]);
  const forward = (options: object) => () => net.forward(x, options);
  const features = (options: unknown) => () => net.features(x, options as object);
  for (const [call, kind, message] of [
    [forward({ train: true, ...half }), RangeError, "alexnetSmall: weights 'bf16' are not for training"],
    [forward({ weights: 'f16' }), RangeError, "alexnetSmall: weights must be 'f32' or 'bf16', got 'f16'"],
    [forward({ weights: null }), RangeError, "alexnetSmall: weights must be 'f32' or 'bf16', got null"],
    [features({ weights: 'f16' }), RangeError, "alexnetSmall: weights must be 'f32' or 'bf16', got 'f16'"],
    [features({ weight: 'bf16' }), TypeError, "alexnetSmall: unknown option 'weight'; the options are weights"],
    [features({ train: true }), TypeError, "alexnetSmall: unknown option 'train'"],
    [features(null), TypeError, 'alexnetSmall: options must be an object, got null'],
  ] as const) {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  }
  net.forward(x, { train: true, weights: 'f32' }).dispose();
  net.dispose();
  expect(forward(half)).toThrow(/^\w+: the tensor \[.*\] has been disposed/);
});
