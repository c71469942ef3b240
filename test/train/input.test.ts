import { ops, tensor } from '../../lib';
import { MemorySplit } from '../../lib/data/dataset';
import { testLoader } from '../../lib/train/input';
import { resolveRecipe } from '../../lib/train/recipe';

test('ten crops of images of the size the net reads are windows of the border that training windows reached into', async () => {
  const pixels = Uint8Array.from({ length: 784 }, (_, i) => 1 + (i % 251));
  const facts = { classes: ['a'], channels: 1, height: 28, width: 28, size: 28, scale: 1, mean: new Float32Array(1) };
  const views = async (pad: number, crop = true) => {
    const { augmentation } = resolveRecipe({ data: 'x', model: 'alexnet-small', augmentation: { pad, crop } });
    const loader = testLoader(facts, new MemorySplit('x', pixels, [0]), 128, augmentation);
    for await (const { images, windows, views: n } of loader.epoch(0)) {
      using x = tensor(images as Uint8Array, { shape: [1, 1, 28, 28], dtype: 'u8' });
      using where = tensor(windows!, { shape: [n, 3], dtype: 'i32' });
      using crops = ops.cropImages(x, where, { size: 28, views: n });
      const values = await crops.data();
      return Array.from({ length: n }, (_, v) => values.slice(v * 784, (v + 1) * 784));
    }
    return [];
  };
  const moved = await views(2);
  expect(moved.length).toBe(10);
  expect(new Set(moved.map(String)).size).toBe(10);
  // The first view begins two rows and columns before the image, the fifth is the image itself, the tenth its mirror image.
  expect([moved[0]![0], moved[0]![2 * 28 + 2], moved[4]![0], moved[9]![27]]).toEqual([0, 1, 1, 1]);
  // Without a border there is one window and its mirror image, each once.
  for (const still of [await views(0), await views(2, false)]) {
    expect(still.length).toBe(2);
    expect(new Set(still.map(String)).size).toBe(2);
  }
});
