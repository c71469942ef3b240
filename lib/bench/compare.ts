// Two runs side by side: what moved, and whether by more than the measurements themselves do.
import type { BenchResult, Row } from './schema';
import { noise } from './stats';

export type Verdict = 'faster' | 'slower' | 'same';

export interface Change {
  readonly id: string;
  /** Seconds a call, before and now. */
  readonly before: number;
  readonly now: number;
  /** now / before: 2 is twice as slow. */
  readonly ratio: number;
  /** A ratio within 1 ± this says nothing. */
  readonly margin: number;
  readonly verdict: Verdict;
}

export interface Comparison {
  readonly changes: Change[];
  /** Ids that only one of the runs has. */
  readonly gone: string[];
  readonly added: string[];
  /** How the machine differs: then times are not of one kind. */
  readonly warnings: string[];
}

export interface CompareOptions {
  /**
   * What is compared. `wall` (default): the median time, as it passed. `cpu`: the least processor time of all threads, which other work on
   * the machine hardly changes, but which does not see waiting.
   */
  by?: 'wall' | 'cpu';
  /** Changes below this are never told. Default 0.05. */
  floor?: number;
}

/** Medians of samples whose middle halves do not touch, and that differ by more than three times the wider spread, have moved. */
export function compare(before: BenchResult, now: BenchResult, options: CompareOptions = {}): Comparison {
  const old = new Map(before.rows.map((row) => [row.id, row]));
  const ids = new Set(now.rows.map((row) => row.id));
  return {
    changes: now.rows.flatMap((row) => {
      const was = old.get(row.id);
      return was ? [change(was, row, options)] : [];
    }),
    gone: before.rows.map((row) => row.id).filter((id) => !ids.has(id)),
    added: [...ids].filter((id) => !old.has(id)),
    warnings: machineWarnings(before, now),
  };
}

function change(was: Row, row: Row, { by = 'wall', floor = 0.05 }: CompareOptions): Change {
  const [a, b] = by === 'cpu' ? [was.timing.cpu, row.timing.cpu] : [was.timing.median, row.timing.median];
  const margin = Math.max(floor, 3 * Math.max(noise(was.timing), noise(row.timing)));
  // Processor time comes with no quartiles of its own; half again is well beyond what it varies by.
  const limit = by === 'cpu' ? Math.max(floor, 0.5) : margin;
  const ratio = a > 0 ? b / a : b > 0 ? Number.POSITIVE_INFINITY : 1;
  const apart = by === 'cpu' || row.timing.q1 > was.timing.q3 || row.timing.q3 < was.timing.q1;
  const beyond = ratio > 1 + limit ? 'slower' : ratio < 1 / (1 + limit) ? 'faster' : 'same';
  return { id: row.id, before: a, now: b, ratio, margin: limit, verdict: apart ? beyond : 'same' };
}

function machineWarnings(before: BenchResult, now: BenchResult): string[] {
  const a = before.machine;
  const b = now.machine;
  const warnings: string[] = [];
  for (const key of ['processor', 'threads', 'isa', 'node'] as const)
    if (a[key] !== b[key]) warnings.push(`${key}: ${a[key]} before, ${b[key]} now`);
  const peak = (m: typeof a) => m.fma.find((f) => f.threads === m.threads)?.flops ?? m.fma.at(-1)!.flops;
  const rates = [
    ['FMA peak', peak(a), peak(b)],
    ['memory rate', Math.max(a.readBytes, a.copyBytes), Math.max(b.readBytes, b.copyBytes)],
  ] as const;
  for (const [what, was, is] of rates)
    if (Math.abs(is / was - 1) > 0.1)
      warnings.push(`the machine's ${what} is ${(is / was).toFixed(2)} times what it was: busy, or another machine`);
  return warnings;
}
