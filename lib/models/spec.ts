// AlexNet as data: what the layers are, in which order things follow them, and how they start. The text is A. Krizhevsky, I. Sutskever,
// G. Hinton, "ImageNet classification with deep convolutional neural networks", 2012 (preset `paper`); what its authors' own code of that
// year did differently is the configuration `layers-145` (preset of that name).

import { geometry } from './geometry';

/** What follows a convolution, in order. */
export type Step = 'relu' | 'norm' | 'spatialNorm' | 'pool';

export interface ConvSpec {
  readonly name: string;
  /** Maps of the layer, of both columns together. */
  readonly filters: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** `image`: both columns see the input; `own`: a column sees its own maps; `both`: a column sees the maps of both. */
  readonly reads: 'image' | 'own' | 'both';
  readonly after: readonly Step[];
  readonly weightStd: number;
  readonly bias: number;
}

/** A hidden fully-connected layer: reads both columns; ReLU and dropout follow. */
export interface HiddenSpec {
  readonly name: string;
  readonly units: number;
  readonly weightStd: number;
  readonly bias: number;
}

export interface NetSpec {
  readonly channels: number;
  /** Heights and widths of images the net takes; the layers' sizes are those of the first. */
  readonly sizes: readonly number[];
  readonly convs: readonly ConvSpec[];
  readonly hidden: readonly HiddenSpec[];
  readonly output: {
    readonly name: string;
    readonly classes: number;
    readonly weightStd: number;
    readonly bias: number;
  };
  readonly norm: { readonly size: number; readonly alpha: number; readonly beta: number; readonly k: number };
  readonly spatialNorm: { readonly size: number; readonly alpha: number; readonly beta: number; readonly k: number };
  readonly pool: { readonly kernel: number; readonly stride: number };
  /** Sizes round up and the last window hangs over the edge (the 2012 code), instead of rounding down. */
  readonly roundUp: boolean;
  readonly dropout: number;
}

export type Preset = 'paper' | 'layers-145';

export interface AlexNetSpecOptions {
  readonly classes: number;
  readonly preset: Preset;
  readonly conv6: boolean;
  readonly norm: boolean;
  readonly pooling: 'overlapping' | 'plain';
  readonly dropout: number;
  /** Factor of every layer's number of maps or units, the output's aside. */
  readonly width: number;
  /** Maps of every convolution, before `width`; null: the net's own. */
  readonly filters: readonly number[] | null;
  /** Numbers, from 1, of the convolutions whose maps are pooled. */
  readonly pooled: readonly number[];
}

/** The text's net: what its options are where they are not given. */
export const netDefaults = {
  preset: 'paper',
  conv6: false,
  norm: true,
  pooling: 'overlapping',
  dropout: 0.5,
  width: 1,
  filters: null,
  pooled: [1, 2, 5],
} as const satisfies Partial<AlexNetSpecOptions>;

const CONV6 = {
  name: 'conv6',
  kernel: 3,
  stride: 1,
  padding: 1,
  reads: 'both',
  after: ['relu'],
  weightStd: 0.01,
  bias: 1,
} as const;

// Orders of the 2012 code: conv1's normalisation sees values before the ReLU; conv2 has a second normalisation within a map; conv5 is
// pooled before its ReLU.
const AFTER: Record<Preset, readonly (readonly Step[])[]> = {
  paper: [['relu', 'norm', 'pool'], ['relu', 'norm', 'pool'], ['relu'], ['relu'], ['relu', 'pool']],
  'layers-145': [
    ['norm', 'pool', 'relu'],
    ['relu', 'norm', 'spatialNorm', 'pool'],
    ['relu'],
    ['relu'],
    ['pool', 'relu'],
  ],
};

/** So many times `count` maps or units: as many in one column as in the other, and at least one. */
const widened = (count: number, width: number) => 2 * Math.max(1, Math.round((count * width) / 2));

/** What follows a convolution, with pooling or without; where the text has none, it comes last. */
function withPooling(after: readonly Step[], pools: boolean): readonly Step[] {
  if (!pools) return after.filter((step) => step !== 'pool');
  return after.includes('pool') ? after : [...after, 'pool'];
}

/** The network of the text, for 3×227×227 images (the text's 224 is a slip; the 2012 code takes 224 too, by its way of rounding). */
export function alexnetSpec({ classes, preset, conv6, norm, pooling, width, ...options }: AlexNetSpecOptions): NetSpec {
  const { dropout, filters, pooled } = options;
  const original = preset === 'layers-145';
  const after = AFTER[preset];
  // The 2012 configuration starts conv3, conv4 and conv5, and no other layer, from three times wider weights.
  const wide = original ? 0.03 : 0.01;
  const convs: ConvSpec[] = [
    {
      name: 'conv1',
      filters: 96,
      kernel: 11,
      stride: 4,
      padding: 0,
      reads: 'image',
      weightStd: 0.01,
      bias: 0,
      after: after[0]!,
    },
    {
      name: 'conv2',
      filters: 256,
      kernel: 5,
      stride: 1,
      padding: 2,
      reads: 'own',
      weightStd: 0.01,
      bias: 1,
      after: after[1]!,
    },
    {
      name: 'conv3',
      filters: 384,
      kernel: 3,
      stride: 1,
      padding: 1,
      reads: 'both',
      weightStd: wide,
      bias: 0,
      after: after[2]!,
    },
    {
      name: 'conv4',
      filters: 384,
      kernel: 3,
      stride: 1,
      padding: 1,
      reads: 'own',
      weightStd: wide,
      bias: 1,
      after: after[3]!,
    },
    {
      name: 'conv5',
      filters: 256,
      kernel: 3,
      stride: 1,
      padding: 1,
      reads: 'own',
      weightStd: wide,
      bias: 1,
      after: after[4]!,
    },
  ];
  if (conv6) convs.push({ ...CONV6, filters: 256 });
  const kept = (step: Step) => norm || (step !== 'norm' && step !== 'spatialNorm');
  const units = widened(4096, width);
  return {
    channels: 3,
    sizes: original ? [227, 224] : [227],
    convs: convs.map((c, i) => ({
      ...c,
      filters: widened(filters?.[i] ?? c.filters, width),
      after: withPooling(c.after.filter(kept), pooled.includes(i + 1)),
    })),
    hidden: [
      { name: 'fc6', units, weightStd: 0.01, bias: 1 },
      { name: 'fc7', units, weightStd: 0.01, bias: 1 },
    ],
    output: { name: 'fc8', classes, weightStd: 0.01, bias: 0 },
    // The 2012 code divides its coefficients by the number of terms: 0.0001/5 across maps, 0.001/25 within one.
    norm: { size: 5, alpha: original ? 1e-4 / 5 : 1e-4, beta: 0.75, k: 2 },
    spatialNorm: { size: 5, alpha: 0.001 / 25, beta: 0.75, k: 1 },
    pool: { kernel: pooling === 'plain' ? 2 : 3, stride: 2 },
    roundUp: original,
    dropout,
  };
}

/** What the small net's recipes divide pixels by: inputs of about 1, since the bytes spread by some 64 around their mean. */
export const smallPixels = 64;

// A third of the text's, conv1's a quarter: its maps of 28×28 cost the most time each, and 32 of them taught the net no more.
const SMALL_MAPS = [24, 96, 128, 128, 96, 96];

export interface SmallSpecOptions extends AlexNetSpecOptions {
  readonly channels: number;
  readonly size: 28 | 32;
}

/**
 * AlexNet for 28×28 and 32×32 images: everything that makes it AlexNet (two columns that meet at conv3 and in the fully-connected layers,
 * response normalisation, overlapping pooling, dropout), with a first layer of 5×5 at stride 1, a second of 3×3, whose maps are 13×13
 * here, and a third of the width. Weights start with a standard deviation of √(2 / inputs of a unit): with so few inputs, the text's 0.01
 * would let the signal die out. Its inputs are pixels divided by 64, so the α of the text, whose inputs are whole pixels, is multiplied by
 * 64²: without that the sum of squares would vanish beside k, and normalisation would do nothing.
 */
export function alexnetSmallSpec({ channels, size, ...options }: SmallSpecOptions): NetSpec {
  const full = alexnetSpec(options);
  const scaled = <T extends { readonly alpha: number }>(norm: T): T => ({
    ...norm,
    alpha: norm.alpha * smallPixels ** 2,
  });
  const spec: NetSpec = {
    ...full,
    channels,
    sizes: [size],
    convs: full.convs.map((conv, i) => ({
      ...conv,
      ...(i === 0 && { kernel: 5, stride: 1, padding: 2 }),
      ...(i === 1 && { kernel: 3, padding: 1 }),
      filters: widened(options.filters?.[i] ?? SMALL_MAPS[i]!, options.width),
      bias: 0,
    })),
    hidden: full.hidden.map((layer) => ({ ...layer, units: widened(512, options.width), bias: 0 })),
    norm: scaled(full.norm),
    spatialNorm: scaled(full.spatialNorm),
    roundUp: false,
  };
  const stds = geometry(spec).map(({ weight: [, ...inputs] }) => Math.sqrt(2 / inputs.reduce((a, b) => a * b)));
  return {
    ...spec,
    convs: spec.convs.map((conv, i) => ({ ...conv, weightStd: stds[i]! })),
    hidden: spec.hidden.map((layer, i) => ({ ...layer, weightStd: stds[spec.convs.length + i]! })),
  };
}
