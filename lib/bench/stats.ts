// What several measurements of one thing say.

/** Of one call, in seconds. Others on the machine only ever add to a time: the minimum is the machine's, the quartiles are its day's. */
export interface Spread {
  readonly min: number;
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly max: number;
}

/** The value below which the fraction `p` of the sorted values lies, interpolated between neighbours (Hyndman and Fan's type 7). */
export function quantile(sorted: readonly number[], p: number): number {
  if (sorted.length === 0) throw new RangeError('quantile: there are no values');
  const at = (sorted.length - 1) * p;
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}

export function spread(values: readonly number[]): Spread {
  const bad = values.find((v) => !Number.isFinite(v) || v < 0);
  if (bad !== undefined) throw new RangeError(`spread: a time must be a number from 0, got ${bad}`);
  const sorted = [...values].sort((a, b) => a - b);
  return {
    min: quantile(sorted, 0),
    q1: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    q3: quantile(sorted, 0.75),
    max: quantile(sorted, 1),
  };
}

/** Half the middle half of the values over their median: 0.05 reads "give or take 5%". */
export const noise = (s: Spread): number => (s.median > 0 ? (s.q3 - s.q1) / 2 / s.median : 0);

/** ‖a − b‖ / ‖b‖ in float64; NaN where a value is none. Where b is zero, ‖a‖. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return Math.sqrt(norm > 0 ? difference / norm : difference);
}
