// Results as tables for a terminal and for Markdown.

import type { BenchResult, MachineReport, Row } from './schema';
import { noise } from './stats';

export type Cells = (string | number)[][];

/** `1.23 s`, `45.6 ms`, `7.89 µs` */
export function seconds(t: number): string {
  if (t >= 1) return `${t.toPrecision(3)} s`;
  if (t >= 1e-3) return `${(t * 1e3).toPrecision(3)} ms`;
  return t >= 1e-6 ? `${(t * 1e6).toPrecision(3)} µs` : `${(t * 1e9).toPrecision(3)} ns`;
}

/** Three digits that count, never an exponent: `413`, `38.2`, `0.0051`. */
export const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : String(Number(x.toPrecision(3))));

const percent = (x: number | undefined): string => (x === undefined ? '' : `${(100 * x).toFixed(0)}%`);
const rate = (work: number | undefined, time: number, unit: number): string =>
  work === undefined ? '' : digits(work / time / unit);

export const rowHead = [
  'benchmark',
  'median',
  'min',
  'quartiles',
  'GFLOP/s',
  'of peak',
  'of peak beside',
  'GB/s',
  'of memory',
  'of memory beside',
  'images/s',
  'tensors',
];

export function rowCells(row: Row): string[] {
  const { median, min, q1, q3 } = row.timing;
  return [
    row.id,
    seconds(median),
    seconds(min),
    `${seconds(q1)} – ${seconds(q3)}`,
    rate(row.flops, median, 1e9),
    percent(row.ofPeak),
    percent(row.ofPeakBeside),
    rate(row.bytes, median, 1e9),
    percent(row.ofMemory),
    percent(row.ofMemoryBeside),
    rate(row.images, median, 1),
    row.peakMemory === undefined ? '' : `${(row.peakMemory / 1e9).toFixed(2)} GB`,
  ];
}

/** Leaves out the columns that no row fills. */
export function withoutEmpty(head: readonly string[], rows: Cells): { head: string[]; rows: Cells } {
  const used = head.map((_, c) => rows.some((row) => row[c] !== '' && row[c] !== undefined));
  return { head: head.filter((_, c) => used[c]), rows: rows.map((row) => row.filter((_, c) => used[c])) };
}

/** What the percentages are of. */
export function machineLine(m: MachineReport): string {
  const peaks = m.fma.map(
    ({ threads, flops }) => `${digits(flops / 1e9)} GFLOP/s on ${threads} thread${threads === 1 ? '' : 's'}`,
  );
  return (
    `${m.processor}, ${m.cores} cores; kernels: ${m.isa}; FMA peak (${m.widestIsa}) ${peaks.join(', ')}; ` +
    `memory: ${digits(m.readBytes / 1e9)} GB/s read, ${digits(m.copyBytes / 1e9)} GB/s copied`
  );
}

/** Peers beside our own times: how many times theirs ours is. */
export function peerCells(result: BenchResult): Cells {
  return result.peers.map((peer) => {
    const ours = result.rows.find((row) => row.id === peer.id);
    return [
      peer.id,
      `${peer.system} ${peer.version}`,
      seconds(peer.timing.median),
      ours ? seconds(ours.timing.median) : '',
      ours ? `${digits(peer.timing.median / ours.timing.median)}×` : '',
      peer.peakRssBytes === undefined ? '' : `${(peer.peakRssBytes / 1e9).toFixed(2)} GB`,
    ];
  });
}

export const peerHead = ['benchmark', 'system', 'its median', 'ours', 'we are', 'its memory'];

/** Cases whose samples differ so much that their median says little. */
export function noisy(result: BenchResult, limit = 0.1): string[] {
  return result.rows.filter((row) => noise(row.timing) > limit).map((row) => row.id);
}

export function markdownTable(head: readonly string[], rows: Cells): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}
