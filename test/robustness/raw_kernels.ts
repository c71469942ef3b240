// Every native operator's parameters, and the operands that fit them, so that hostile calls get past the first check. The formulas are
// those of native/core/ops/*.h, written a second time.
import fc from 'fast-check';
import type { DType } from '../../lib/native/addon';

export type Spec = readonly [dtype: DType, count: number];

interface Kernel {
  fields(size: fc.Arbitrary<number>): Record<string, fc.Arbitrary<unknown>>;
  operands(p: any): { inputs: (Spec | null)[]; outputs: (Spec | null)[] };
}

const f32 = (...sizes: number[]): Spec => ['f32', sizes.reduce((a, b) => a * b, 1)];
const i32 = (...sizes: number[]): Spec => ['i32', sizes.reduce((a, b) => a * b, 1)];
const product = (list: readonly number[]) => list.reduce((a, b) => a * b, 1);
const anyType = fc.constantFrom('f32', 'i32', 'u8', 'bf16');
const real = fc.constantFrom(0, 0.5, 1, -1, 1e-4, Number.NaN, Number.POSITIVE_INFINITY, 1e300);
const unary = fc.constantFrom('relu', 'tanh', 'sigmoid', 'neg', 'exp', 'log', 'sqrt', 'square', 'abs');

/** Fields that are sizes, and others. */
const fields =
  (names: string, more: Record<string, fc.Arbitrary<unknown>> = {}) =>
  (size: fc.Arbitrary<number>) => ({
    ...Object.fromEntries(
      names
        .split(' ')
        .filter(Boolean)
        .map((name) => [name, size]),
    ),
    ...more,
  });

/** A shape and the strides of a contiguous tensor over it, some of them 0. */
const walk = (size: fc.Arbitrary<number>) =>
  fc
    .record({ shape: fc.array(size, { maxLength: 4 }), flat: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }) })
    .map(({ shape, flat }) => {
      const strides = shape.map((_, i) => product(shape.slice(i + 1)));
      return { shape, strides, some: strides.map((s, i) => (flat[i] ? 0 : s)) };
    });
const reach = (shape: readonly number[], strides: readonly number[]) =>
  shape.includes(0) ? 0 : 1 + shape.reduce((sum, n, i) => sum + (n - 1) * strides[i]!, 0);

const conv =
  'batch channels height width filters kernelHeight kernelWidth strideHeight strideWidth paddingHeight paddingWidth groups';
const convCounts = (p: any) => {
  const out = (n: number, k: number, s: number, pad: number) => Math.floor((n + 2 * pad - k) / s) + 1;
  return {
    x: f32(p.batch, p.channels, p.height, p.width),
    weight: f32(p.filters, Math.floor(p.channels / p.groups), p.kernelHeight, p.kernelWidth),
    y: f32(
      p.batch,
      p.filters,
      out(p.height, p.kernelHeight, p.strideHeight, p.paddingHeight),
      out(p.width, p.kernelWidth, p.strideWidth, p.paddingWidth),
    ),
  };
};
/** Mostly sizes that make a window fit: `groups` divides, kernels are small. */
const convFields =
  (more: Record<string, fc.Arbitrary<unknown>> = {}) =>
  (size: fc.Arbitrary<number>) => {
    const small = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(1, 2, 3) }, { weight: 1, arbitrary: size });
    return {
      ...fields(conv)(size),
      ...Object.fromEntries(
        ['batch', 'kernelHeight', 'kernelWidth', 'strideHeight', 'strideWidth', 'paddingHeight', 'paddingWidth'].map(
          (n) => [n, small],
        ),
      ),
      groups: fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: size }),
      ...more,
    };
  };

const window = (size: fc.Arbitrary<number>) => {
  const small = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(1, 2, 3) }, { weight: 1, arbitrary: size });
  const pad = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(0, 0, 1) }, { weight: 1, arbitrary: size });
  return {
    planes: size,
    height: size,
    width: size,
    outHeight: size,
    outWidth: size,
    kernelHeight: small,
    kernelWidth: small,
    strideHeight: small,
    strideWidth: small,
    paddingHeight: pad,
    paddingWidth: pad,
    fit: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  };
};
/** The output sizes that fit, where asked for; they are written into `p`, which the call is then made with. */
const windowCounts = (p: any) => {
  if (p.fit) {
    p.outHeight = Math.floor((p.height + 2 * p.paddingHeight - p.kernelHeight) / p.strideHeight) + 1;
    p.outWidth = Math.floor((p.width + 2 * p.paddingWidth - p.kernelWidth) / p.strideWidth) + 1;
  }
  const small = p.kernelHeight <= 256 && p.kernelWidth <= 256 && p.kernelHeight * p.kernelWidth <= 256;
  const out = product([p.planes, p.outHeight, p.outWidth]);
  return { x: f32(p.planes, p.height, p.width), y: f32(out), index: [small ? 'u8' : 'i32', out] as Spec };
};
const lrn = fields('outer channels pixels size', {
  groups: fc.constantFrom(1, 1, 1, 2, 0, -1),
  alpha: real,
  beta: fc.constantFrom(0.75, 0.5, 1, Number.NaN),
  k: real,
});
const spatial = fields('planes height width size', { alpha: real, beta: fc.constantFrom(0.75, 0.5), k: real });
const softmax = fields('outer axis inner', { log: fc.boolean() });
const softmaxCount = (p: any) => f32(p.outer, p.axis, p.inner);
const loss = fields('rows classes', { reduction: fc.constantFrom('mean', 'sum', 'none') });
const losses = (p: any) => (p.reduction === 'none' ? p.rows : 1);

export const kernels: Record<string, Kernel> = {
  unary: {
    fields: fields('count', { function: unary }),
    operands: (p) => ({ inputs: [f32(p.count)], outputs: [f32(p.count)] }),
  },
  unaryGrad: {
    fields: fields('count', { function: unary }),
    operands: (p) => ({ inputs: [f32(p.count), f32(p.count)], outputs: [f32(p.count)] }),
  },
  binary: {
    fields: (size) => ({ function: fc.constantFrom('add', 'sub', 'mul', 'div', 'maximum'), w: walk(size) }),
    operands: (p) => {
      Object.assign(p, { shape: p.w.shape, aStrides: p.w.strides, bStrides: p.w.some });
      return { inputs: [f32(...p.shape), f32(reach(p.shape, p.bStrides))], outputs: [f32(...p.shape)] };
    },
  },
  binaryGrad: {
    fields: (size) => ({ partial: fc.constantFrom('divB', 'maximumA', 'maximumB'), w: walk(size) }),
    operands: (p) => {
      Object.assign(p, { shape: p.w.shape, aStrides: p.w.some, bStrides: p.w.strides });
      return {
        inputs: [f32(...p.shape), f32(reach(p.shape, p.aStrides)), f32(...p.shape)],
        outputs: [f32(...p.shape)],
      };
    },
  },
  fill: {
    fields: fields('count', { value: real, dtype: anyType }),
    operands: (p) => ({ inputs: [], outputs: [[p.dtype, p.count]] }),
  },
  random: {
    fields: fields('count', {
      distribution: fc.constantFrom('normal', 'uniform'),
      seed: fc.constantFrom(0, 1, 2 ** 53),
      a: real,
      b: real,
    }),
    operands: (p) => ({ inputs: [], outputs: [f32(p.count)] }),
  },
  reduce: {
    fields: reducedFields({ function: fc.constantFrom('sum', 'mean', 'max') }),
    operands: (p) => ({ inputs: [reducedInput(p)], outputs: [f32(...p.shape)] }),
  },
  maxGrad: {
    fields: reducedFields({}),
    operands: (p) => {
      const x = reducedInput(p);
      return { inputs: [f32(...p.shape), x, f32(...p.shape)], outputs: [x] };
    },
  },
  stridedCopy: {
    fields: (size) => ({
      w: walk(size),
      fromOffset: fc.constantFrom(0, 0, 1, -1, 2 ** 53),
      toOffset: fc.constantFrom(0, 0, 2, 2 ** 31),
      dtype: anyType,
      flat: fc.boolean(),
      turned: fc.boolean(),
    }),
    operands: (p) => {
      const { shape, strides, some } = p.w;
      const turned =
        p.turned && shape.length > 1 ? strides.map((_: number, i: number) => product(shape.slice(0, i))) : strides;
      Object.assign(p, { shape, fromStrides: p.flat ? some : turned, toStrides: strides });
      return {
        inputs: [[p.dtype, p.fromOffset + reach(shape, p.fromStrides)]],
        outputs: [[p.dtype, p.toOffset + reach(shape, strides)]],
      };
    },
  },
  topK: {
    fields: fields('rows n k'),
    operands: (p) => ({ inputs: [f32(p.rows, p.n)], outputs: [f32(p.rows, p.k), i32(p.rows, p.k)] }),
  },
  topKGrad: {
    fields: fields('rows n k'),
    operands: (p) => ({ inputs: [f32(p.rows, p.k), i32(p.rows, p.k)], outputs: [f32(p.rows, p.n)] }),
  },
  argmax: {
    fields: fields('outer n inner'),
    operands: (p) => ({ inputs: [f32(p.outer, p.n, p.inner)], outputs: [i32(p.outer, p.inner)] }),
  },
  cast: {
    fields: fields('count', { from: anyType, to: anyType }),
    operands: (p) => ({ inputs: [[p.from, p.count]], outputs: [[p.to, p.count]] }),
  },
  matmul: {
    fields: (size) => ({
      ...fields('m n k')(size),
      batch: fc.oneof(fc.constant(1), size),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      relu: fc.boolean(),
      bias: fc.boolean(),
      half: fc.boolean(), // fits where b alone is transposed
    }),
    operands: (p) => ({
      inputs: [
        f32(p.batch, p.m, p.k),
        [p.half && p.transposeB ? 'bf16' : 'f32', product([p.batch, p.k, p.n])],
        p.bias ? f32(p.n) : null,
      ],
      outputs: [f32(p.batch, p.m, p.n)],
    }),
  },
  conv2d: {
    fields: convFields({ relu: fc.boolean() }),
    operands: (p) => {
      const { x, weight, y } = convCounts(p);
      return { inputs: [x, weight, p.relu ? f32(p.filters) : null], outputs: [y] };
    },
  },
  conv2dGradInput: {
    fields: convFields(),
    operands: (p) => {
      const { x, weight, y } = convCounts(p);
      return { inputs: [y, weight], outputs: [x] };
    },
  },
  conv2dGradWeight: {
    fields: convFields(),
    operands: (p) => {
      const { x, weight, y } = convCounts(p);
      return { inputs: [y, x], outputs: [weight] };
    },
  },
  biasGrad: {
    fields: fields('outer channels inner', { relu: fc.boolean() }),
    operands: (p) => {
      const n = f32(p.outer, p.channels, p.inner);
      return p.relu ? { inputs: [n, n], outputs: [f32(p.channels), n] } : { inputs: [n], outputs: [f32(p.channels)] };
    },
  },
  localResponseNorm: {
    fields: lrn,
    operands: (p) => ({ inputs: [f32(p.outer, p.channels, p.pixels)], outputs: [f32(p.outer, p.channels, p.pixels)] }),
  },
  localResponseNormGrad: {
    fields: lrn,
    operands: (p) => {
      const n = f32(p.outer, p.channels, p.pixels);
      return { inputs: [n, n], outputs: [n] };
    },
  },
  spatialResponseNorm: {
    fields: spatial,
    operands: (p) => {
      const n = f32(p.planes, p.height, p.width);
      return { inputs: [n], outputs: [n] };
    },
  },
  spatialResponseNormGrad: {
    fields: spatial,
    operands: (p) => {
      const n = f32(p.planes, p.height, p.width);
      return { inputs: [n, n], outputs: [n] };
    },
  },
  maxPool2d: {
    fields: window,
    operands: (p) => {
      const { x, y, index } = windowCounts(p);
      return { inputs: [x], outputs: [y, p.planes % 2 ? index : null] };
    },
  },
  maxPool2dGrad: {
    fields: window,
    operands: (p) => {
      const { x, y, index } = windowCounts(p);
      return { inputs: [y, index], outputs: [x] };
    },
  },
  avgPool2d: {
    fields: window,
    operands: (p) => {
      const { x, y } = windowCounts(p);
      return { inputs: [x], outputs: [y] };
    },
  },
  avgPool2dGrad: {
    fields: window,
    operands: (p) => {
      const { x, y } = windowCounts(p);
      return { inputs: [y], outputs: [x] };
    },
  },
  dropout: {
    fields: fields('count columns', {
      seed: fc.constantFrom(0, 7, 2 ** 53, -1),
      keep: fc.constantFrom(0.5, 1, 0, 2, Number.NaN),
      scale: real,
      pitch: fc.constantFrom(0, 5, 2 ** 40),
      offset: fc.constantFrom(0, 3, 2 ** 53),
    }),
    operands: (p) => ({ inputs: [f32(p.count)], outputs: [f32(p.count)] }),
  },
  softmax: { fields: softmax, operands: (p) => ({ inputs: [softmaxCount(p)], outputs: [softmaxCount(p)] }) },
  softmaxGrad: {
    fields: softmax,
    operands: (p) => ({ inputs: [softmaxCount(p), softmaxCount(p)], outputs: [softmaxCount(p)] }),
  },
  crossEntropy: {
    fields: loss,
    operands: (p) => ({
      inputs: [f32(p.rows, p.classes), i32(p.rows)],
      outputs: [f32(losses(p)), p.classes % 2 ? f32(p.rows, 2) : null],
    }),
  },
  crossEntropyGrad: {
    fields: loss,
    operands: (p) => ({
      inputs: [f32(losses(p)), f32(p.rows, p.classes), i32(p.rows), f32(p.rows, 2)],
      outputs: [f32(p.rows, p.classes)],
    }),
  },
  cropImages: {
    fields: fields('batch channels height width views outHeight outWidth', {
      mean: fc.constantFrom('none', 'channel', 'image'),
      scale: real,
    }),
    operands: (p) => ({
      inputs: [
        ['u8', product([p.batch, p.channels, p.height, p.width])],
        i32(p.batch, p.views, 3),
        p.mean === 'none' ? null : f32(p.channels, ...(p.mean === 'image' ? [p.height, p.width] : [])),
        f32(p.batch, p.channels),
      ],
      outputs: [f32(p.batch, p.views, p.channels, p.outHeight, p.outWidth)],
    }),
  },
  sgd: {
    fields: fields('count', { lr: real, momentum: real, weightDecay: real }),
    operands: (p) => ({ inputs: [f32(p.count)], outputs: [f32(p.count), f32(p.count)] }),
  },
};

function reducedFields(more: Record<string, fc.Arbitrary<unknown>>) {
  return (size: fc.Arbitrary<number>) => ({ ...more, w: walk(size), kept: fc.nat(4) });
}

function reducedInput(p: any): Spec {
  const { shape, strides } = p.w;
  Object.assign(p, {
    shape: shape.slice(0, p.kept),
    strides: strides.slice(0, p.kept),
    reduced: shape.slice(p.kept),
    reducedStrides: strides.slice(p.kept),
  });
  return f32(...shape);
}
