// What the functions that read data say of wrong arguments.
import { data } from '../../lib';

const {
  channelMeans,
  colourComponents,
  colourNoise,
  fetchFashionMnist,
  limitSplit,
  Loader,
  MemorySplit,
  meanImage,
  openDataset,
  sliceSplit,
} = data as any;

const g = { channels: 1, height: 2, width: 2 };
const split = new MemorySplit('train', new Uint8Array(12), [0, 1, 2]);
const notASplit = 'the split must be an object with length, label and pixels';
/** A split of one image, as `pixels` has it. */
const one = (pixels: unknown) => ({ length: 1, label: () => 0, pixels: () => pixels });

test.each<[() => unknown, string]>([
  [
    () => new Loader(),
    'TypeError: Loader: the data set must be an object with channels, height and width, got undefined',
  ],
  [() => new Loader({}, split, {}), "TypeError: Loader: the data set's channels must be a number, got undefined"],
  [
    () => new Loader({ ...g, width: 0 }, split, {}),
    "RangeError: Loader: the data set's width must be a whole number from 1, got 0",
  ],
  [() => new Loader(g), `TypeError: Loader: ${notASplit}, got undefined`],
  [() => new Loader(g, split), 'TypeError: Loader: batch must be a number, got undefined'],
  [() => new Loader(g, split, null), 'TypeError: Loader: options must be an object, got null'],
  [() => new Loader(g, split, { batch: '2' }), "TypeError: Loader: batch must be a number, got '2'"],
  [
    () => new Loader(g, split, { batch: 2, size: 'x' }),
    "TypeError: Loader: size must be a number or a pair [height, width], got 'x'",
  ],
  [
    () => new Loader(g, split, { batch: 2, pad: 2 ** 40 }),
    'RangeError: Loader: images of 1×2×2 with a border of 1099511627776',
  ],
  [
    () => new Loader(g, split, { batch: 2, seed: -1 }),
    'RangeError: Loader: seed must be a whole number from 0, got -1',
  ],
  [() => new Loader(g, split, { batch: 2, shuffle: 1 }), 'TypeError: Loader: shuffle must be true or false, got 1'],
  [
    () => new Loader(g, split, { batch: 2, view: 'x' }),
    "RangeError: Loader: view must be 'random' or 'centre' or 'ten-crop', got 'x'",
  ],
  [() => new Loader(g, split, { batch: 2, scale: Number.NaN }), 'RangeError: Loader: scale must be finite, got NaN'],
  [() => new Loader(g, split, { batch: 2, mean: 5 }), 'TypeError: Loader: mean must be an array of numbers, got 5'],
  [() => new Loader(g, split, { batch: 2, mean: ['x'] }), "TypeError: Loader: mean[0] must be a number, got 'x'"],
  [
    () => new Loader(g, split, { batch: 2, colour: 5 }),
    'TypeError: Loader: colour must be what colourNoise gives, got 5',
  ],
  [
    () => new Loader(g, split, { batch: 2, colour: {} }),
    'TypeError: Loader: colour must have arrays of vectors and magnitudes, got {}',
  ],
  [
    () => new Loader(g, split, { batch: 2, colour: { vectors: [5], magnitudes: [1] } }),
    "TypeError: Loader: colour's vectors[0] must be an array of numbers, got 5",
  ],
  [() => new Loader(g, split, { batch: 2 }).order('x'), "TypeError: Loader: epoch must be a number, got 'x'"],
  [
    () => new Loader(g, split, { batch: 2 }).epoch(-1).next(),
    'RangeError: Loader: epoch must be a whole number from 0 to 2097151, got -1',
  ],
  [
    () => new Loader(g, split, { batch: 2 }).epoch(0, 0.5).next(),
    'RangeError: Loader: start must be a whole number from 0, got 0.5',
  ],
  [
    () => new Loader(g, split, { batch: 2 ** 50 }).epoch(0).next(),
    'RangeError: Loader: there is no memory for a batch of 1125899906842624 images of 1×2×2',
  ],
  [
    () => new Loader(g, one(null), { batch: 1 }).epoch(0).next(),
    "TypeError: Loader: the split's image 0 must be a Uint8Array, got null",
  ],
  [
    () => new Loader(g, one(new Uint8Array(3)), { batch: 1 }).epoch(0).next(),
    "RangeError: Loader: the split's image 0 has 3 bytes, expected 4",
  ],
  [() => new MemorySplit(), 'TypeError: MemorySplit: name must be a string, got undefined'],
  [() => new MemorySplit('a'), 'TypeError: MemorySplit: pixels must be a Uint8Array, got undefined'],
  [
    () => new MemorySplit('a', new Uint8Array(2)),
    'TypeError: MemorySplit: labels must be an array of classes, got undefined',
  ],
  [
    () => new MemorySplit('a', new Uint8Array(2), {}),
    'TypeError: MemorySplit: the number of labels must be a number, got undefined',
  ],
  [
    () => new MemorySplit('a', new Uint8Array(2), ['x', 1]),
    "TypeError: MemorySplit: labels[0] must be a number, got 'x'",
  ],
  [
    () => new MemorySplit('a', new Uint8Array(3), [0, 1]),
    "RangeError: MemorySplit: 3 bytes of pixels do not divide into 2 images of 'a'",
  ],
  [() => limitSplit(null, 1), `TypeError: limitSplit: ${notASplit}, got null`],
  [() => limitSplit(split, Symbol('n')), 'TypeError: limitSplit: n must be a number, got Symbol(n)'],
  [
    () => sliceSplit({ length: 3 }, 0),
    'TypeError: sliceSplit: the split must have the functions label and pixels, got { length: 3 }',
  ],
  [() => sliceSplit(split, 'x'), "RangeError: sliceSplit: expected 0 ≤ start ≤ end ≤ 3, got 'x' and 3"],
  [() => sliceSplit(split, 0, null), 'RangeError: sliceSplit: expected 0 ≤ start ≤ end ≤ 3, got 0 and null'],
  [() => meanImage(null), `TypeError: meanImage: ${notASplit}, got null`],
  [() => meanImage(5), `TypeError: meanImage: ${notASplit}, got 5`],
  [() => meanImage(split, 5), 'TypeError: meanImage: progress must be a function, got 5'],
  [() => meanImage(one(null)), "TypeError: meanImage: the split's image 0 must be a Uint8Array, got null"],
  [
    () => meanImage({ ...one(0), length: 2, pixels: (i: number) => new Uint8Array(i + 1) }),
    "RangeError: meanImage: the split's image 1 has 2 bytes, expected 1",
  ],
  [() => channelMeans(null), 'TypeError: channelMeans: mean must be an array of numbers, got null'],
  [() => channelMeans(new Float32Array(6)), 'TypeError: channelMeans: channels must be a number, got undefined'],
  [() => channelMeans(new Float32Array(6), 4), 'RangeError: channelMeans: 6 values do not divide into 4 channels'],
  [() => colourNoise(), 'TypeError: colourNoise: components must be what colourComponents gives, got undefined'],
  [() => colourNoise({}), 'TypeError: colourNoise: components must have arrays of vectors and deviations, got {}'],
  [
    () => colourNoise({ vectors: [5], deviations: [1] }),
    'TypeError: colourNoise: vectors[0] must be an array of numbers, got 5',
  ],
  [
    () => colourNoise(data.imagenetComponents, 'x'),
    "RangeError: colourNoise: preset must be 'paper' or 'layers-145', got 'x'",
  ],
  [
    () => colourComponents({}),
    'TypeError: colourComponents: the split must have the functions label and pixels, got {}',
  ],
  [() => colourComponents(split), 'TypeError: colourComponents: channels must be a number, got undefined'],
  [
    () => colourComponents(split, 3),
    'RangeError: colourComponents: the 4 bytes of image 0 do not divide into 3 channels',
  ],
  [() => openDataset('cifar10:x', null), 'TypeError: openDataset: options must be an object, got null'],
  [
    () => openDataset('folder:x', { splits: ['val'] }),
    "RangeError: openDataset: splits[0] must be 'train' or 'validation' or 'test', got 'val'",
  ],
  [() => openDataset('folder:x', { log: 5 }), 'TypeError: openDataset: log must be a function, got 5'],
  [() => openDataset('folder:x', { memory: '1' }), "TypeError: openDataset: memory must be a number, got '1'"],
  [() => fetchFashionMnist(), 'TypeError: fetchFashionMnist: dir must be the path of a folder, got undefined'],
  [() => fetchFashionMnist('/nowhere', null), 'TypeError: fetchFashionMnist: options must be an object, got null'],
  [
    () => fetchFashionMnist('/nowhere', { sources: [5] }),
    'TypeError: fetchFashionMnist: sources[0] must be an address, got 5',
  ],
  [
    () => fetchFashionMnist('/nowhere', { patience: 0 }),
    'RangeError: fetchFashionMnist: patience must be above 0 seconds, got 0',
  ],
])('%s', async (call, message) => {
  const error = await (async () => call())().then(
    () => 'nothing was thrown',
    (e: unknown) => String(e),
  );
  expect(error).toContain(message);
});

test("a loader's options are its own: what the caller changes later is not seen", async () => {
  const mean = [1];
  const options = { batch: 1, mean };
  const loader = new Loader(g, split, options);
  mean[0] = 9;
  options.batch = 3;
  const { value } = await loader.epoch(0).next();
  expect([loader.batch, [...value.images]]).toEqual([1, [-1, -1, -1, -1]]);
});
