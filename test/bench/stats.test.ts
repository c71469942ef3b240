import fc from 'fast-check';
import { compare } from '../../lib/bench/compare';
import { digits, markdownTable, seconds, withoutEmpty } from '../../lib/bench/format';
import { places } from '../../lib/bench/samples';
import { parseResult } from '../../lib/bench/schema';
import { noise, quantile, relativeError, spread } from '../../lib/bench/stats';
import { machine, result, row } from './support';

describe('statistics', () => {
  test('quantiles of few values lie between them', () => {
    expect(quantile([1, 2, 3, 4], 0.25)).toBeCloseTo(1.75);
    expect(quantile([1, 2, 3, 4], 0.5)).toBeCloseTo(2.5);
    expect(quantile([5], 0.75)).toBe(5);
    expect(spread([3, 1, 2])).toEqual({ min: 1, q1: 1.5, median: 2, q3: 2.5, max: 3 });
    expect(noise(spread([3, 1, 2]))).toBeCloseTo(0.25);
    expect(noise(spread([0, 0]))).toBe(0);
  });

  test('any times: in order, within the extremes, whatever order they came in', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (times) => {
        const s = spread(times);
        expect(s.min).toBe(Math.min(...times));
        expect(s.max).toBe(Math.max(...times));
        const slack = 1e-9 * s.max;
        expect(s.min <= s.q1 + slack && s.q1 <= s.median + slack).toBe(true);
        expect(s.median <= s.q3 + slack && s.q3 <= s.max + slack).toBe(true);
        expect(spread([...times].reverse())).toEqual(s);
      }),
    );
  });

  test('what is no time is refused', () => {
    expect(() => spread([])).toThrow('there are no values');
    expect(() => spread([1, Number.NaN])).toThrow('a time must be a number from 0, got NaN');
    expect(() => spread([-1])).toThrow('got -1');
  });

  test('relative error', () => {
    expect(relativeError([1, 2], [1, 2])).toBe(0);
    expect(relativeError([0, 0], [3, 4])).toBe(1);
    expect(relativeError([3, 4], [0, 0])).toBe(5);
    expect(relativeError([1], [1, 2])).toBeNaN();
    expect(relativeError([Number.NaN], [1])).toBeNaN();
  });

  test('places to look at hold both ends, and are what was asked for', () => {
    expect(places(1, 64)).toEqual([0]);
    expect(places(3, 64).sort()).toEqual([0, 1, 2]);
    const many = places(1e7, 64);
    expect(many).toEqual(expect.arrayContaining([0, 1e7 - 1]));
    expect(new Set(many).size).toBe(64);
    expect(many.every((i) => Number.isInteger(i) && i >= 0 && i < 1e7)).toBe(true);
  });
});

describe('comparison', () => {
  const base = result([row('a', [1, 1.01, 1.02])]);
  const verdict = (times: number[]) => compare(base, result([row('a', times)])).changes[0]!.verdict;

  test('twice as slow is slower, half is faster, a little is neither', () => {
    expect(verdict([2, 2.02, 2.04])).toBe('slower');
    expect(verdict([0.5, 0.51, 0.52])).toBe('faster');
    expect(verdict([1.02, 1.03, 1.04])).toBe('same');
  });

  test('what is beyond the floor but within the noise has not moved', () => {
    const noisy = result([row('a', [0.6, 1, 1.6])]);
    expect(compare(noisy, result([row('a', [0.9, 1.3, 1.5])])).changes[0]).toMatchObject({
      verdict: 'same',
      ratio: 1.3,
    });
    expect(verdict([1, 1.3, 1.6])).toBe('same');
  });

  test('processor time is compared by its least, and needs half again', () => {
    const by = { by: 'cpu' } as const;
    const now = (cpu: number) => compare(base, result([row('a', [1, 1, 1], cpu)]), by).changes[0]!;
    expect(now(2.2)).toMatchObject({ verdict: 'slower', ratio: 2.2, before: 1 });
    expect(now(1.4).verdict).toBe('same');
    expect(now(0.5).verdict).toBe('faster');
  });

  test('what only one run has is named, and another machine is', () => {
    const other = result([row('b', [1, 1, 1])], { ...machine, threads: 1, readBytes: 1e9, copyBytes: 1e9 });
    const c = compare(base, other);
    expect(c).toMatchObject({ changes: [], gone: ['a'], added: ['b'] });
    expect(c.warnings.join('\n')).toMatch(/threads: 2 before, 1 now[\s\S]*memory rate is 0\.0[0-9]+ times/);
    expect(compare(base, base).warnings).toEqual([]);
  });
});

describe('format', () => {
  test('times and numbers keep three digits', () => {
    expect([1.234, 0.0456, 7.89e-6, 12e-9, 123.4].map(seconds)).toEqual([
      '1.23 s',
      '45.6 ms',
      '7.89 µs',
      '12.0 ns',
      '123 s',
    ]);
    expect([413.4, 38.24, 0.00512, 1234567].map(digits)).toEqual(['413', '38.2', '0.00512', '1234567']);
  });

  test('empty columns go, Markdown tables have a rule', () => {
    expect(
      withoutEmpty(
        ['a', 'b', 'c'],
        [
          ['1', '', '3'],
          ['2', '', ''],
        ],
      ),
    ).toEqual({
      head: ['a', 'c'],
      rows: [
        ['1', '3'],
        ['2', ''],
      ],
    });
    expect(markdownTable(['a', 'b'], [['1', 2]])).toBe('| a | b |\n| --- | --- |\n| 1 | 2 |\n');
  });
});

describe('the JSON', () => {
  test('survives writing and reading', () => {
    const r = result([row('a', [1, 2, 3])]);
    expect(parseResult(JSON.parse(JSON.stringify(r)), 'x')).toEqual(r);
  });

  test.each([
    ['version', (r: any) => (r.version = 2), /^old\.json is no result of convtape bench: version: /],
    ['a negative time', (r: any) => (r.rows[0].timing.min = -1), /rows\.0\.timing\.min: /],
    ['no check', (r: any) => delete r.rows[0].check, /rows\.0\.check: /],
    ['no peak', (r: any) => (r.machine.fma = []), /machine\.fma: /],
    ['another thing', () => {}, /format: /],
  ])('%s is refused', (what, spoil, message) => {
    const r: any = what === 'another thing' ? {} : structuredClone(result([row('a', [1, 2, 3])]));
    spoil(r);
    expect(() => parseResult(r, 'old.json')).toThrow(message);
  });
});
