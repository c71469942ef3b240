import { average } from '../../lib/train/evaluate';

test('candidates count alike, whatever number of views each has of an image', () => {
  const sure = [100, -100];
  const other = [-100, 100];
  // Two images of two classes: one candidate with two views of each, one with one.
  const logits = [Float32Array.from([[0, 0], sure, other, other].flat()), Float32Array.from([other, sure].flat())];
  const close = (values: Float64Array, wanted: number[]) => {
    expect(values.length).toBe(wanted.length);
    for (const [i, p] of wanted.entries()) expect(values[i]).toBeCloseTo(p, 12);
  };
  close(average(logits, 2, [2, 1]), [0.375, 0.625, 0.5, 0.5]);
  close(average(logits.slice(0, 1), 2, [2]), [0.75, 0.25, 0, 1]);
});
