import type { Schedule } from '../../lib/train/recipe';
import { RateSchedule } from '../../lib/train/schedule';

test('plateau: the rate drops when the error stops improving, three times, then the run ends', () => {
  const schedule = new RateSchedule(
    { kind: 'plateau', patience: 2, factor: 0.1, drops: 3, latest: [], warmup: 0 },
    0.01,
    90,
  );
  const rates: number[] = [];
  const going: boolean[] = [];
  for (const error of [0.5, 0.4, 0.4, 0.41, 0.39, 0.4, 0.4, 0.4, 0.4, 0.39, 0.5]) {
    going.push(schedule.observe(error, 0));
    rates.push(schedule.rate(0));
  }
  const drop = (n: number) => 0.01 * 0.1 ** n;
  expect(rates).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3].map(drop));
  expect(going).toEqual([true, true, true, true, true, true, true, true, true, true, false]);
});

test('plateau goes on from its state as if nothing had happened', () => {
  const make = () =>
    new RateSchedule({ kind: 'plateau', patience: 3, factor: 0.5, drops: 2, latest: [], warmup: 0 }, 1, 10);
  const errors = [0.3, 0.4, 0.35, 0.31, 0.2, 0.25, 0.22, 0.21, 0.3, 0.4, 0.5];
  const whole = make();
  const expected = errors.map((e) => [whole.observe(e, 0), whole.rate(0)]);
  let schedule = make();
  const actual = errors.map((e) => {
    const resumed = make();
    resumed.load(JSON.parse(JSON.stringify(schedule.state())));
    schedule = resumed;
    return [schedule.observe(e, 0), schedule.rate(0)];
  });
  expect(actual).toEqual(expected);
});

test('steps, cosine and constant are functions of the passes made', () => {
  const steps = new RateSchedule({ kind: 'steps', at: [2, 4.5], factor: 0.1, warmup: 0 }, 1, 6);
  expect([0, 1.99, 2, 4.4, 4.5, 6].map((e) => steps.rate(e))).toEqual([1, 1, 0.1, 0.1, 0.1 ** 2, 0.1 ** 2]);
  const cosine = new RateSchedule({ kind: 'cosine', warmup: 1, final: 0.1 }, 2, 5);
  [
    [0, 0],
    [0.5, 1],
    [1, 2],
    [3, 1.1],
    [5, 0.2],
    [9, 0.2],
  ].forEach(([epoch, rate]) => {
    expect(cosine.rate(epoch!)).toBeCloseTo(rate!, 12);
  });
  const constant = new RateSchedule({ kind: 'constant', warmup: 0 }, 0.3, 5);
  expect(constant.rate(4)).toBe(0.3);
  expect(constant.observe(1, 0)).toBe(true);
});

test('plateau: a drop comes by its pass at the latest, and the end only from the errors', () => {
  const make = () =>
    new RateSchedule({ kind: 'plateau', patience: 3, factor: 0.5, drops: 2, latest: [4, 6, 7], warmup: 0 }, 1, 10);
  const errors = [0.5, 0.6, 0.6, 0.6, 0.4, 0.3, 0.2, 0.1, 0.2, 0.2, 0.2];
  let schedule = make();
  const seen = errors.map((error, i) => {
    const resumed = make();
    resumed.load(JSON.parse(JSON.stringify(schedule.state())));
    schedule = resumed;
    return [schedule.observe(error, i + 1), schedule.rate(i + 1)];
  });
  // The first drop comes by the rule at pass 4, where it is due anyway; the second at pass 6 although the error still falls; a third is none.
  expect(seen).toEqual(
    [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25].map((rate, i) => [i < errors.length - 1, rate]),
  );
});

test('every schedule begins with its warmup: the rate rises in proportion', () => {
  const warmup = 0.5;
  const schedules: Schedule[] = [
    { kind: 'plateau', patience: 3, factor: 0.1, drops: 3, latest: [], warmup },
    { kind: 'steps', at: [1], factor: 0.1, warmup },
    { kind: 'cosine', final: 0, warmup },
    { kind: 'constant', warmup },
  ];
  for (const schedule of schedules) {
    const rates = new RateSchedule(schedule, 2, 5);
    expect([0, 0.125, 0.25, 0.49, 0.5].map((epoch) => rates.rate(epoch))).toEqual([0, 0.5, 1, 1.96, 2]);
  }
});
