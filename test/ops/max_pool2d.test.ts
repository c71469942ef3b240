import fc from 'fast-check';
import { ops, type Tensor, tape, tensor, zeros } from '../../lib';
import { hostRandom } from '../../lib/autograd/gradcheck';
import type { Pool2dOptions } from '../../lib/ops/pool2d';
import { kinds } from '../support/devices';
import { testLiterals } from '../support/literals';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

testLiterals('max_pool2d', ({ x }, options) => ops.maxPool2d(x, options as Pool2dOptions), 0);

interface Geometry {
  size: [number, number];
  kernel: [number, number];
  stride: [number, number];
  padding: [number, number];
  ceil: boolean;
}

/** The definition, loop by loop: y, and dx for dy = 1, 2, 3, … */
function reference(x: Float32Array, planes: number, g: Geometry, out: readonly [number, number]) {
  const y = new Float32Array(planes * out[0] * out[1]);
  const dx = new Float32Array(x.length);
  for (let o = 0; o < y.length; o++) {
    const plane = Math.floor(o / (out[0] * out[1]));
    const top = (Math.floor(o / out[1]) % out[0]) * g.stride[0] - g.padding[0];
    const left = (o % out[1]) * g.stride[1] - g.padding[1];
    let winner = -1;
    for (let h = Math.max(0, top); h < Math.min(g.size[0], top + g.kernel[0]); h++)
      for (let w = Math.max(0, left); w < Math.min(g.size[1], left + g.kernel[1]); w++) {
        const at = (plane * g.size[0] + h) * g.size[1] + w;
        if (winner < 0 || x[at]! > x[winner]! || Number.isNaN(x[at])) winner = at;
      }
    y[o] = x[winner]!;
    dx[winner]! += o + 1;
  }
  return { y, dx };
}

describe.each(kinds)('maxPool2d on $kind', (device) => {
  test('any geometry gives the numbers of the definition, ties and NaN among them', async () => {
    const axis = fc.record({
      size: fc.integer({ min: 1, max: 40 }),
      kernel: fc.integer({ min: 1, max: 7 }),
      stride: fc.integer({ min: 1, max: 5 }),
      padding: fc.integer({ min: 0, max: 3 }),
    });
    const geometry = fc.record({
      height: axis,
      width: axis,
      ceil: fc.boolean(),
      planes: fc.integer({ min: 1, max: 3 }),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(geometry, async ({ height: h, width: w, ceil, planes, seed }) => {
        fc.pre(2 * h.padding <= h.kernel && 2 * w.padding <= w.kernel);
        fc.pre(h.size + 2 * h.padding >= h.kernel && w.size + 2 * w.padding >= w.kernel);
        const g: Geometry = {
          size: [h.size, w.size],
          kernel: [h.kernel, w.kernel],
          stride: [h.stride, w.stride],
          padding: [h.padding, w.padding],
          ceil,
        };
        const random = hostRandom(seed);
        const values = Float32Array.from({ length: planes * h.size * w.size }, () =>
          random() < 0.02 ? Number.NaN : Math.floor(random() * 4) - 8,
        );
        using x = tensor(values, { shape: [planes, 1, h.size, w.size], device });
        using t = tape();
        using y = ops.maxPool2d(x, g.ceil ? { ...options(g), ceil } : options(g));
        const expected = reference(values, planes, g, [y.shape[2], y.shape[3]]);
        using dy = tensor(
          Float32Array.from({ length: y.size }, (_, i) => i + 1),
          { shape: y.shape, device },
        );
        const { dx } = t.gradients(y, { dx: x }, { seed: dy });
        expect(await y.data()).toEqual(expected.y);
        expect(await (dx as Tensor).data()).toEqual(expected.dx);
        (dx as Tensor).dispose();
      }),
      { numRuns: 150 },
    );
  });

  test('a plane of −infinity: padding is not chosen', async () => {
    const x = tensor(new Array(16).fill(Number.NEGATIVE_INFINITY), { shape: [1, 1, 4, 4], device });
    using t = tape();
    const y = ops.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 });
    const { dx } = t.gradients(ops.sum(ops.maximum(y, zeros([1], { device }))), { dx: x });
    expect(await y.data()).toEqual(new Float32Array(4).fill(Number.NEGATIVE_INFINITY));
    expect((await dx.data()).every((v) => v === 0)).toBe(true);
    using again = tape();
    const z = ops.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 });
    const seed = tensor([1, 2, 3, 4], { shape: [1, 1, 2, 2], device });
    const gradient = await again.gradients(z, { dx: x }, { seed }).dx.data();
    expect(Array.from(gradient)).toEqual([1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('the index is kept only while a tape needs it', () => {
    using x = zeros([1, 1, 6, 6], { device });
    const before = device.memory().allocated;
    ops.maxPool2d(x, { kernel: 3, stride: 2 }).dispose();
    expect(device.memory().allocated).toBe(before);
    {
      using t = tape();
      ops.maxPool2d(x, { kernel: 3, stride: 2 }).dispose();
      expect(device.memory().allocated).toBeGreaterThan(before);
      void t;
    }
    expect(device.memory().allocated).toBe(before);
  });
});

function options({ kernel, stride, padding }: Geometry) {
  return { kernel, stride, padding };
}

test('maxPool2d refuses what does not fit and names it', () => {
  const x = zeros([2, 3, 5, 7]) as Tensor<any>;
  const pool = (o: unknown, t: Tensor<any> = x) => ops.maxPool2d(t, o as Pool2dOptions);
  expect(() => pool({ kernel: 8 })).toThrow(
    new RangeError('maxPool2d: the window [8,8] is larger than x [2,3,5,7] with padding [0,0]'),
  );
  expect(() => pool({ kernel: 3, padding: 2 })).toThrow(
    new RangeError('maxPool2d: padding [2,2] must be at most half the kernel [3,3], x is [2,3,5,7]'),
  );
  expect(() => pool({ kernel: 0 })).toThrow('maxPool2d: kernel must hold integers of at least 1, got 0');
  expect(() => pool({ kernel: 2.5 })).toThrow(RangeError);
  expect(() => pool({ kernel: [2, 2, 2] })).toThrow('maxPool2d: kernel must be a number or a pair [height, width]');
  expect(() => pool({ kernel: 'three' })).toThrow(TypeError);
  expect(() => pool({ kernel: 2, stride: 0 })).toThrow('maxPool2d: stride must hold integers of at least 1, got 0');
  expect(() => pool({ kernel: 2, stride: Number.NaN })).toThrow(RangeError);
  expect(() => pool({ kernel: 2, padding: -1 })).toThrow('maxPool2d: padding must hold integers of at least 0, got -1');
  expect(() => pool({ kernel: 2, ceil: 1 })).toThrow('maxPool2d: ceil must be true or false, got 1');
  expect(() => pool({ kernel: 2, size: 1 })).toThrow("maxPool2d: unknown option 'size'");
  expect(() => pool(undefined)).toThrow('maxPool2d: kernel must be a number or a pair');
  expect(() => pool({ kernel: 2 }, zeros([3, 5, 7]))).toThrow('maxPool2d: x must be N×C×H×W, got [3,5,7]');
  expect(() => pool({ kernel: 2 }, zeros([1, 1, 4, 4], { dtype: 'i32' }) as never)).toThrow(
    'maxPool2d: x must be f32, got i32 [1,1,4,4]',
  );
  expect(() => pool({ kernel: 2 }, 3 as never)).toThrow('maxPool2d: x must be a Tensor');
  expect(() => pool({ kernel: 1, stride: 2 ** 40 })).toThrow('maxPool2d: stride must be at most 1048576');
  expect(pool({ kernel: 1, stride: 2 ** 20 }).shape).toEqual([2, 3, 1, 1]);
});
