// Calls at the package's functions that read data: names that may begin an error's message, the function, its arguments.
import fc from 'fast-check';
import { data } from '../../lib';
import { type Argument, flag, list, type Make, mostly, number, of, options, pair, real, whole } from './arguments';
import { anything } from './values';

type Call = readonly [names: string, run: (...args: any[]) => unknown, ...args: Argument[]];

/** Splits of images of 12 bytes, and of images that are none. */
const split = mostly(
  fc.constantFrom<Make>(
    () => new data.MemorySplit('train', new Uint8Array(36), [0, 1, 2]),
    () => new data.MemorySplit('train', new Uint8Array(0), []),
    () => ({ length: 2, label: () => 0, source: String, pixels: async () => new Uint8Array(12) }),
    () => ({ length: 2, label: () => 0, source: String, pixels: () => null }),
    () => ({ length: 2, label: () => 0, source: String, pixels: (i: number) => new Uint8Array(i) }),
    () => ({ length: -1, label: () => 0, source: String, pixels: () => new Uint8Array(12) }),
    () => ({ length: 2, mean: 5, label: () => 0, pixels: () => new Uint8Array(12) }),
  ),
);
const bytes = mostly(of(new Uint8Array(12), new Uint8Array(0), new Float32Array(12)));
const classes = mostly(of([0, 1, 2], [], new Uint8Array(4), [0.5], { length: 1, 0: 2 }));
const vectors = mostly(list(mostly(list(real, 3)), 4));
const components = options({ vectors, deviations: mostly(list(real, 4)), magnitudes: anything });
const batch = mostly(of(1, 2, 3, 8, 0, 0.5, 2 ** 53));
const colour = options({ vectors, magnitudes: mostly(list(real, 3)), std: real, until: whole });

const loaderOptions = options({
  batch,
  seed: whole,
  shuffle: flag,
  last: mostly(of('keep', 'drop')),
  size: pair,
  pad: number,
  view: mostly(of('random', 'centre', 'ten-crop')),
  crop: flag,
  mirror: flag,
  share: number,
  colour,
  mean: mostly(of([1, 2, 3], new Float32Array(12))),
  scale: real,
  dtype: mostly(of('f32', 'u8')),
  views: mostly(of('host', 'device')),
  prefetch: whole,
});

export const dataCalls: readonly Call[] = [
  [
    'openDataset folder fashion-mnist cifar10 --data',
    (s, o) => data.openDataset(s, o),
    mostly(of('mnist', 'folder:/nowhere', 'cifar10:', 'folder', ':', 'fashion-mnist:/nowhere')),
    options({ size: number, memory: real, splits: mostly(list(of('train', 'val'))), log: anything, download: flag }),
  ],
  [
    'fetchFashionMnist',
    // A path would be made, and an address asked.
    (dir, o) => data.fetchFashionMnist(typeof dir === 'string' && dir !== '' ? (null as any) : dir, o),
    anything,
    options({ sources: anything, patience: real, log: anything }),
  ],
  ['MemorySplit', (...args) => new (data.MemorySplit as any)(...args), mostly(of('train')), bytes, classes],
  ['limitSplit', data.limitSplit, split, number],
  ['sliceSplit', data.sliceSplit, split, number, number],
  ['meanImage', data.meanImage, split, mostly(of(undefined))],
  ['channelMeans', data.channelMeans, mostly(of(new Float32Array(12), [1, 2, 3])), number],
  ['colourComponents', data.colourComponents, split, number],
  ['colourNoise', data.colourNoise, mostly(components), mostly(of('paper', 'layers-145'))],
  [
    'Loader',
    async (set, s, o, epoch, start) => {
      const loader = new data.Loader(set, s, o);
      loader.order(epoch);
      if (loader.batch < 9) await loader.epoch(epoch, start).next();
      return null;
    },
    mostly(
      of({ channels: 3, height: 2, width: 2 }, { channels: 0, height: 2, width: 2 }, { channels: 3, height: 2 }, {}),
    ),
    split,
    mostly(fc.oneof(loaderOptions, of({ batch: 2 }, { batch: 2, view: 'random' }, { batch: 3, shuffle: true }))),
    whole,
    whole,
  ],
];
