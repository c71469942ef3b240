// conv2d, linear and matmul, forward and gradients, against float64 references: the sizes at which the kernels' blocking turns, and
// random ones. Kernels step along k by 384 to 768, take tiles of up to 9×48 and 240 rows at a time, keep 4 panels of 48 columns in
// cache, pack the columns once for all where there are several blocks of rows, and cut the sum of a weight gradient into parts from
// 3072 pixels on. Convolutions with stride 1, kernels of 3×3 or 5×5 and enough channels, maps and pixels go by tiles of 2×2
// outputs, and so do those that are such a one when the image is folded by their stride (native/cpu/winograd.h).
import { numThreads, ones, ops, scope, tape, tensor } from '../../lib';
import { hostRandom } from '../../lib/autograd/gradcheck';
import type { ConvSizes } from '../../lib/native/kernels';
import { expectClose } from '../support/close';
import { kinds } from '../support/devices';
import { convReference, productReference } from '../support/reference';

// Sums of up to 4000 products in float32: √4000 roundings of 6e-8 at the worst of orders, against a norm that grows alike.
const tolerance = 2e-6;

const draw = (random: () => number, count: number) => Float32Array.from({ length: count }, () => random() * 2 - 1);
const sizes = (
  [batch, channels, height, width]: number[],
  [filters, kernelHeight, kernelWidth]: number[],
  { stride = [1, 1], padding = [0, 0], groups = 1 } = {},
): ConvSizes => ({
  batch: batch!,
  channels: channels!,
  height: height!,
  width: width!,
  filters: filters!,
  kernelHeight: kernelHeight!,
  kernelWidth: kernelWidth!,
  strideHeight: stride[0]!,
  strideWidth: stride[1]!,
  paddingHeight: padding[0]!,
  paddingWidth: padding[1]!,
  groups,
});

function randomSizes(random: () => number): ConvSizes {
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  for (;;) {
    const groups = random() < 0.5 ? 1 : between(2, 3);
    const s = sizes(
      [between(1, 4), groups * between(1, 12), between(1, 20), between(1, 40)],
      [groups * between(1, 20), between(1, 6), between(1, 6)],
      { groups, stride: [between(1, 5), between(1, 5)], padding: [between(0, 4), between(0, 4)] },
    );
    if (s.kernelHeight <= s.height + 2 * s.paddingHeight && s.kernelWidth <= s.width + 2 * s.paddingWidth) return s;
  }
}

const random = hostRandom(20);
// By tiles of 2×2 outputs, forward and back: enough channels, maps and pixels that it pays.
const tiled: [string, ConvSizes][] = [
  ['13×13 maps: tiles that reach over the edge', sizes([2, 64, 13, 13], [96, 3, 3], { padding: [1, 1] })],
  ['400 channels: two steps', sizes([2, 400, 8, 8], [40, 3, 3], { padding: [1, 1] })],
  ['5×5: a kernel of 3 beside one of 2', sizes([2, 96, 8, 12], [96, 5, 5], { padding: [2, 2] })],
  ['groups', sizes([2, 128, 8, 10], [140, 3, 3], { padding: [1, 1], groups: 2 })],
  ['numbers of channels and maps that fill no vector', sizes([3, 61, 8, 8], [67, 3, 3], { padding: [1, 1] })],
  ['padding wider than the kernel', sizes([2, 64, 12, 12], [70, 3, 3], { padding: [4, 3] })],
  ['no padding', sizes([2, 64, 10, 12], [70, 3, 3])],
  ['folded by 4: 11×11 of 3 channels are 3×3 of 48', sizes([1, 3, 59, 63], [96, 11, 11], { stride: [4, 4] })],
  [
    'folded by 4, padded, in groups',
    sizes([1, 10, 45, 42], [100, 11, 11], { stride: [4, 4], padding: [2, 3], groups: 2 }),
  ],
  ['folded by 2: 6×6 are 3×3', sizes([1, 17, 23, 26], [90, 6, 6], { stride: [2, 2], padding: [5, 1] })],
  ['folded by 2: 10×10 are 5×5', sizes([1, 16, 25, 20], [48, 10, 10], { stride: [2, 2], padding: [4, 4] })],
  [
    'folded by 3, padding wider than the kernel',
    sizes([1, 6, 27, 33], [64, 9, 9], { stride: [3, 3], padding: [9, 11] }),
  ],
  ['folded, rows and columns that no window reads', sizes([1, 4, 50, 49], [128, 12, 12], { stride: [4, 4] })],
  // Few tiles and many maps: one or two threads make inputs and weights each for itself, more of them together.
  ['one image, in groups', sizes([1, 256, 9, 10], [288, 3, 3], { padding: [1, 1], groups: 2 })],
  ['two images, seven panels', sizes([2, 40, 7, 8], [323, 3, 3], { padding: [1, 1] })],
  ['one image, 5×5, rows of tiles in two steps', sizes([1, 96, 15, 14], [288, 5, 5], { padding: [2, 2], groups: 2 })],
];
// Many tiles: up to so many threads each transforms the inputs of its rows of tiles for itself, more of them together.
const many: [string, ConvSizes][] = [
  ['in groups, rows of tiles across images', sizes([9, 256, 14, 17], [64, 3, 3], { padding: [1, 1], groups: 2 })],
  ['5×5', sizes([5, 64, 17, 18], [32, 5, 5], { padding: [2, 2] })],
  ['11×11 at stride 4, as conv1 of AlexNet', sizes([14, 3, 83, 84], [48, 11, 11], { stride: [4, 4] })],
];
const convolutions: [string, ConvSizes][] = [
  ...tiled,
  ['k of 385 and 400 filters: one step and one more, three groups of panels', sizes([1, 385, 2, 3], [400, 1, 1])],
  ['k of 769', sizes([2, 769, 1, 2], [5, 1, 1])],
  ['channels cut in the middle by a step', sizes([2, 45, 6, 7], [11, 3, 3], { padding: [1, 1] })],
  ['385 pixels, 385 filters', sizes([1, 2, 8, 56], [385, 2, 2])],
  ['73 filters, 250 pixels: two blocks of rows', sizes([2, 3, 5, 25], [73, 1, 1])],
  ['13×13 maps: vectors that touch three rows, across images', sizes([5, 6, 13, 13], [10, 3, 3], { padding: [1, 1] })],
  ['maps of 2×2: vectors over many rows and images', sizes([67, 3, 2, 2], [5, 2, 2], { padding: [1, 1] })],
  ['one pixel an image', sizes([300, 4, 3, 3], [7, 3, 3])],
  ['conv1 of AlexNet, narrow', sizes([1, 3, 67, 83], [10, 11, 11], { stride: [4, 4] })],
  ['windows that lie apart', sizes([2, 3, 31, 29], [4, 2, 3], { stride: [5, 7], padding: [3, 2] })],
  ['weight gradient in parts', sizes([3, 2, 40, 40], [3, 3, 3], { padding: [1, 1] })],
  ['rows of 800 pixels, padded: pieces within a row', sizes([1, 3, 3, 800], [4, 3, 3], { padding: [1, 1] })],
  ['a kernel too large to copy its windows', sizes([2, 2, 1, 700], [3, 1, 700], { padding: [1, 1] })],
  ['a very wide image', sizes([1, 20, 1, 2800], [2, 1, 1])],
  ['padding far wider than the kernel', sizes([1, 2, 3, 3], [3, 2, 2], { padding: [5, 6], stride: [2, 3] })],
  ...Array.from({ length: 25 }, (_, i): [string, ConvSizes] => [`random ${i}`, randomSizes(random)]),
];

for (const device of kinds)
  describe(device.kind, () => {
    test.each(device.kind === 'cpu' ? [...convolutions, ...many] : convolutions)('conv2d %s', async (_, s) => {
      using memory = scope();
      const shapes = {
        x: [s.batch, s.channels, s.height, s.width],
        weight: [s.filters, s.channels / s.groups, s.kernelHeight, s.kernelWidth],
        bias: [s.filters],
      };
      const data = Object.fromEntries(
        Object.entries(shapes).map(([key, shape]) => [
          key,
          draw(
            random,
            shape.reduce((a, b) => a * b),
          ),
        ]),
      ) as Record<keyof typeof shapes, Float32Array>;
      const [x, weight, bias] = (['x', 'weight', 'bias'] as const).map((key) =>
        tensor(data[key], { shape: shapes[key], device }),
      ) as [any, any, any];
      const options = {
        stride: [s.strideHeight, s.strideWidth],
        padding: [s.paddingHeight, s.paddingWidth],
        groups: s.groups,
      } as const;
      const dyOf = (i: number) => ((i * 5) % 17) / 8 - 1;
      const expected = convReference(s, data.x, data.weight, data.bias, dyOf);
      using t = tape();
      const y = ops.conv2d(x, weight, bias, options);
      expect([...y.shape]).toEqual([s.batch, s.filters, expected.outHeight, expected.outWidth]);
      expectClose(await y.data(), expected.y, tolerance, 'y');
      const dy = tensor(
        Array.from({ length: y.size }, (_, i) => dyOf(i)),
        { shape: y.shape, device },
      );
      const g = t.gradients(y, { x, weight, bias }, { seed: dy });
      expectClose(await g.x.data(), expected.dx, tolerance, 'dx');
      expectClose(await g.weight.data(), expected.dweight, tolerance, 'dweight');
      expectClose(await g.bias.data(), expected.dbias, tolerance, 'dbias');
      const bits = [y, g.x, g.weight, g.bias].map((v) => Buffer.from(v.dataSync().buffer).toString('latin1'));
      const threads = numThreads();
      try {
        for (const n of [1, 2, 8]) {
          numThreads(n);
          using again = tape();
          const y2 = ops.conv2d(x, weight, bias, options);
          const g2 = again.gradients(y2, { x, weight, bias }, { seed: dy });
          const same = [y2, g2.x, g2.weight, g2.bias].map((v) => Buffer.from(v.dataSync().buffer).toString('latin1'));
          expect(same.map((b, i) => b === bits[i])).toEqual([true, true, true, true]);
        }
      } finally {
        numThreads(threads);
      }
      // relu in the same pass: the bits of relu after it, forward and back
      using fused = tape();
      const yr = ops.conv2d(x, weight, bias, { ...options, activation: 'relu' });
      const gr = fused.gradients(yr, { x, weight, bias }, { seed: dy });
      using apart = tape();
      const ya = ops.relu(ops.conv2d(x, weight, bias, options));
      const ga = apart.gradients(ya, { x, weight, bias }, { seed: dy });
      for (const [a, b] of [
        [yr, ya],
        [gr.x, ga.x],
        [gr.weight, ga.weight],
        [gr.bias, ga.bias],
      ] as const)
        expect(Buffer.compare(Buffer.from(a.dataSync().buffer), Buffer.from(b.dataSync().buffer))).toBe(0);
      void memory;
    });

    // The way can be seen from outside: by tiles, an infinity is subtracted from itself.
    if (device.kind === 'cpu')
      test.each([...tiled, ...many])('conv2d %s goes by tiles', async (_, s) => {
        using memory = scope();
        const options = {
          stride: [s.strideHeight, s.strideWidth],
          padding: [s.paddingHeight, s.paddingWidth],
          groups: s.groups,
        } as const;
        const x = ones([s.batch, s.channels, s.height, s.width]) as any;
        const weight = ones([s.filters, s.channels / s.groups, s.kernelHeight, s.kernelWidth]) as any;
        using t = tape();
        const y = ops.conv2d(x, weight, null, options);
        const single = (like: any, n: number) => {
          const data = new Float32Array(like.size);
          data[n] = Number.POSITIVE_INFINITY;
          return tensor(data, { shape: like.shape }) as any;
        };
        // in the middle of the first plane
        const middle = (v: any) => v.shape[3] * (v.shape[2] >> 1) + (v.shape[3] >> 1);
        const y2 = ops.conv2d(single(x, middle(x)), weight, null, options);
        expect((await y2.data()).some(Number.isNaN)).toBe(true);
        const g = t.gradients(y, { x, weight }, { seed: single(y, middle(y)) });
        expect((await g.weight.data()).some(Number.isNaN)).toBe(true);
        // The gradient towards the input goes so where nothing is folded.
        if (s.strideHeight === 1) expect((await g.x.data()).some(Number.isNaN)).toBe(true);
        void memory;
      });

    // Too many tiles for one block of transformed inputs: 2 million numbers.
    test('a batch of convolutions by tiles is that of its images', async () => {
      using memory = scope();
      const [batch, channels, filters] = [12, 256, 96];
      const of = (...shape: number[]) =>
        tensor(
          draw(
            random,
            shape.reduce((a, b) => a * b),
          ),
          { shape, device },
        ) as any;
      const x = of(batch, channels, 13, 13);
      const weight = of(filters, channels, 3, 3);
      const dy = of(batch, filters, 13, 13);
      const step = (x: any, dy: any) => {
        using t = tape();
        const y = ops.conv2d(x, weight, null, { padding: 1 });
        return { y, ...t.gradients(y, { x, weight }, { seed: dy }) };
      };
      const whole = step(x, dy);
      const image = (v: any, n: number) => ops.slice(v, [n, 0, 0, 0], [n + 1, ...v.shape.slice(1)]) as any;
      const each = Array.from({ length: batch }, (_, n) => step(image(x, n), image(dy, n)));
      for (const key of ['y', 'x'] as const) {
        const joined = await ops.concat(each.map((g) => g[key]) as any, 0).data();
        expect(Buffer.compare(Buffer.from(joined.buffer), Buffer.from((await whole[key].data()).buffer))).toBe(0);
      }
      const sum = each.map((g) => g.weight).reduce((a: any, b: any) => ops.add(a, b));
      expectClose(await whole.weight.data(), await sum.data(), tolerance, 'dweight');
      void memory;
    });

    const products = [
      [1, 1, 1],
      [1, 250, 400],
      [2, 31, 77],
      [3, 49, 385],
      [4, 66, 1030],
      [5, 1, 19],
      [10, 241, 768],
      [73, 17, 500],
      [385, 5, 33],
      [129, 255, 130],
      [500, 10, 64],
      ...Array.from({ length: 12 }, () => [1, 2, 3].map(() => 1 + Math.floor(random() * 120))),
    ] as [number, number, number][];
    for (const transposeA of [false, true])
      for (const transposeB of [false, true])
        test.each(products)(
          `matmul %i×%i×%i${transposeA ? ' transposeA' : ''}${transposeB ? ' transposeB' : ''}`,
          async (m, n, k) => {
            using memory = scope();
            const a = draw(random, m * k);
            const b = draw(random, k * n);
            const y = ops.matmul(
              tensor(a, { shape: transposeA ? [k, m] : [m, k], device }),
              tensor(b, { shape: transposeB ? [n, k] : [k, n], device }),
              { transposeA, transposeB },
            );
            const expected = productReference(
              m,
              n,
              k,
              (i, l) => a[transposeA ? l * m + i : i * k + l]!,
              (l, j) => b[transposeB ? j * k + l : l * n + j]!,
            );
            expectClose(await y.data(), expected, tolerance);
            void memory;
          },
        );

    test.each(products)('linear with relu, %i rows to %i from %i', async (rows, outputs, inputs) => {
      using memory = scope();
      const data = {
        x: draw(random, rows * inputs),
        weight: draw(random, outputs * inputs),
        bias: draw(random, outputs),
      };
      const x = tensor(data.x, { shape: [rows, inputs], device });
      const weight = tensor(data.weight, { shape: [outputs, inputs], device });
      const bias = tensor(data.bias, { shape: [outputs], device });
      using t = tape();
      const y = ops.linear(x, weight, bias, { activation: 'relu' });
      const pre = productReference(
        rows,
        outputs,
        inputs,
        (i, l) => data.x[i * inputs + l]!,
        (l, j) => data.weight[j * inputs + l]!,
      ).map((v, i) => v + data.bias[i % outputs]!);
      expectClose(
        await y.data(),
        pre.map((v) => Math.max(0, v)),
        tolerance,
        'y',
      );
      const dyOf = (i: number) => ((i * 5) % 17) / 8 - 1;
      const dy = tensor(
        Array.from({ length: y.size }, (_, i) => dyOf(i)),
        { shape: y.shape, device },
      );
      // The mask is that of the values computed: near 0 the reference may differ in sign.
      const positive = (await y.data()).map((v) => (v > 0 ? 1 : 0));
      const masked = (i: number, o: number) => dyOf(i * outputs + o) * positive[i * outputs + o]!;
      const g = t.gradients(y, { x, weight, bias }, { seed: dy });
      expectClose(
        await g.x.data(),
        productReference(rows, inputs, outputs, masked, (o, l) => data.weight[o * inputs + l]!),
        tolerance,
        'dx',
      );
      expectClose(
        await g.weight.data(),
        productReference(
          outputs,
          inputs,
          rows,
          (o, i) => masked(i, o),
          (i, l) => data.x[i * inputs + l]!,
        ),
        tolerance,
        'dweight',
      );
      expectClose(
        await g.bias.data(),
        productReference(
          1,
          outputs,
          rows,
          () => 1,
          (i, o) => masked(i, o),
        ),
        tolerance,
        'dbias',
      );
      void memory;
    });
  });
