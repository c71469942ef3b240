import { ops, tensor } from '../../lib';
import { kinds } from '../support/devices';

const [batch, channels, height, width] = [3, 2, 6, 5];
const bytes = Uint8Array.from({ length: batch * channels * height * width }, (_, i) => (i * 89) % 256);
const meanImage = Float32Array.from({ length: channels * height * width }, (_, i) => 100 + Math.sin(i) * 40);
const shifts = Float32Array.from({ length: batch * channels }, (_, i) => (i - 2.3) * 7.7);
// inside, at the edges, over each edge, far away; mirrored by turns
const windows = [
  [0, 0, 0],
  [2, 2, 1],
  [-1, 1, 0],
  [3, -2, 1],
  [4, 3, 5],
  [-2147483648, 2147483647, 1],
];

/** The definition, in doubles, rounded once. */
function expected(size: [number, number], mean: Float32Array | null, shift: Float32Array | null, scale: number) {
  const views = windows.length / batch;
  const out: number[] = [];
  windows.forEach(([top, left, mirror], m) => {
    const n = Math.floor(m / views);
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < size[0]; i++)
        for (let j = 0; j < size[1]; j++) {
          const [row, column] = [top! + i, left! + (mirror ? size[1] - 1 - j : j)];
          const near = [Math.min(Math.max(row, 0), height - 1), Math.min(Math.max(column, 0), width - 1)] as const;
          const inside = near[0] === row && near[1] === column;
          const at = (c * height + near[0]) * width + near[1];
          const pixel = inside ? bytes[n * channels * height * width + at]! : 0;
          const taken = mean === null ? 0 : mean[mean.length === channels ? c : at]!;
          out.push(Math.fround((pixel - taken + (shift ? shift[n * channels + c]! : 0)) * scale));
        }
  });
  return Float32Array.from(out);
}

describe.each(kinds)('cropImages on $kind', (device) => {
  test.each<[string, Float32Array | null, Float32Array | null, number, [number, number]]>([
    ['bytes as they are', null, null, 1, [4, 3]],
    ['a mean a pixel', meanImage, null, 1 / 64, [4, 3]],
    ['a mean a channel and a shift', Float32Array.of(101.5, 99.25), shifts, 1 / 1.1, [4, 3]],
    ['all of it', meanImage, shifts, 0.3, [1, 5]],
    ['larger than the image', meanImage, shifts, 1, [9, 8]],
  ])('%s: the bits of the definition', async (_, mean, shift, scale, size) => {
    const x = tensor(bytes, { shape: [batch, channels, height, width], dtype: 'u8', device });
    const w = tensor(windows.flat(), { shape: [windows.length, 3], dtype: 'i32', device });
    const y = ops.cropImages(x, w, {
      size,
      views: 2,
      scale,
      mean: mean && tensor(mean, { shape: mean === meanImage ? [channels, height, width] : [channels], device }),
      shift: shift && tensor(shift, { shape: [batch, channels], device }),
    });
    expect([...y.shape]).toEqual([6, channels, ...size]);
    expect(await y.data()).toEqual(expected(size, mean, shift, scale));
  });
});

test('a misfit is named', () => {
  const x = tensor(new Uint8Array(12), { shape: [1, 1, 3, 4], dtype: 'u8' });
  const w = tensor([0, 0, 0], { shape: [1, 3], dtype: 'i32' });
  const size = 2;
  expect(() => ops.cropImages(ops.cast(x, 'f32') as never, w, { size })).toThrow(
    'cropImages: x must be u8 of batch × channels × height × width, got f32 [1, 1, 3, 4]',
  );
  expect(() => ops.cropImages(x, w, { size, views: 2 })).toThrow(
    'cropImages: windows must be i32 of shape [2, 3], got i32 [1, 3]',
  );
  expect(() => ops.cropImages(x, w, { size, mean: tensor([1, 2]) })).toThrow(
    'cropImages: mean must be f32 of shape [1, 3, 4] or [1], got f32 [2]',
  );
  expect(() => ops.cropImages(x, w, { size, shift: tensor([1]) })).toThrow(
    'cropImages: shift must be f32 of shape [1, 1]',
  );
  expect(() => ops.cropImages(x, w, { size: 0 })).toThrow('cropImages: size must hold integers of at least 1, got 0');
  expect(() => ops.cropImages(x, w, { size, scale: Number.NaN })).toThrow('cropImages: scale must be finite');
  expect(() => ops.cropImages(null as never, w, { size })).toThrow('cropImages: input 0 must be a Tensor, got null');
  expect(() => ops.cropImages(x, w, { size, crop: 1 } as never)).toThrow("cropImages: unknown option 'crop'");
});
