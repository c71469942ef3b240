/** ‖a − b‖ / ‖b‖, in float64; ‖a − b‖ where b is zero. NaN where either holds one, unless both do at the same place. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i])) {
      if (Number.isFinite(b[i]!)) norm += b[i]! ** 2;
      continue;
    }
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return norm > 0 ? Math.sqrt(difference / norm) : Math.sqrt(difference);
}

/** Fails unless `actual` is within `tolerance` of `expected` by {@link relativeError}. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = 'values',
): void {
  const error = relativeError(actual, expected);
  if (error <= tolerance) return;
  const show = (list: ArrayLike<number>) => Array.from(list).slice(0, 8).join(', ');
  throw new Error(
    `${what}: relative error ${error} > ${tolerance}\n  actual   ${show(actual)}\n  expected ${show(expected)}`,
  );
}
