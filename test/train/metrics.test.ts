import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  addSoftmax,
  count,
  emptyTally,
  type MetricsLine,
  MetricsLog,
  means,
  readMetrics,
} from '../../lib/train/metrics';

test('errors count the rank of the right class; of ties the first class is ahead; NaN is never right', () => {
  const tally = emptyTally();
  const rows = [
    [9, 1, 2, 3, 4, 5, 6], // label 0: first
    [9, 1, 2, 3, 4, 5, 6], // label 1: last of seven, not among five
    [9, 1, 2, 3, 4, 5, 6], // label 3: fifth
    [2, 2, 2, 2, 2, 2, 2], // label 0: ties, first in order
    [2, 2, 2, 2, 2, 2, 2], // label 6: ties, six ahead
    [Number.NaN, 0, 0, 0, 0, 0, 0], // label 0
  ];
  count(tally, Float32Array.from(rows.flat()), Int32Array.from([0, 1, 3, 0, 6, 0]), 2);
  expect(tally).toEqual({ images: 6, loss: 12, wrong1: 4, wrong5: 3 });
  expect(means(tally)).toEqual({ loss: 2, top1: 4 / 6, top5: 3 / 6 });
});

test('batches weigh by their images', () => {
  const tally = emptyTally();
  count(tally, new Float32Array(3), new Int32Array(3), 1);
  count(tally, new Float32Array(1), new Int32Array(1), 5);
  expect(means(tally).loss).toBe(2);
});

test('softmax does not overflow and adds up', () => {
  const into = new Float64Array(4);
  addSoftmax(into, Float32Array.from([1000, 1000, -1000, 0]), 2);
  addSoftmax(into, Float32Array.from([0, 0, 0, 0]), 2);
  [1, 1, 0.5, 1.5].forEach((value, i) => {
    expect(into[i]).toBeCloseTo(value, 12);
  });
});

test('the metrics file drops lines after a step, and a torn one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'convtape-metrics-'));
  const path = join(folder, 'metrics.jsonl');
  const line = (step: number): MetricsLine => ({
    kind: 'train',
    step,
    epoch: 0,
    loss: 1,
    top1: 0,
    top5: 0,
    lr: 1,
    imagesPerSecond: 9,
  });
  expect(readMetrics(path)).toEqual([]);
  const log = new MetricsLog(path);
  for (const step of [1, 2, 3, 4]) log.write(line(step));
  log.close();
  appendFileSync(path, '{"kind":"train","st');
  const resumed = new MetricsLog(path, 2);
  resumed.write(line(3));
  resumed.close();
  expect(readMetrics(path).map((l) => l.step)).toEqual([1, 2, 3]);
  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4);
  rmSync(folder, { recursive: true });
});
