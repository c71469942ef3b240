import { optim } from '../../lib';

test('three drops, then the end', () => {
  const opt = { lr: 1 };
  const schedule = optim.plateau(opt, { patience: 2, factor: 0.5 });
  const errors = [0.5, 0.4, 0.45, 0.4, 0.3, 0.3, 0.3, 0.31, 0.32, 0.3, 0.3];
  const seen = errors.map((e) => [schedule.step(e), opt.lr]);
  expect(seen).toEqual([
    [true, 1], // the first
    [true, 1], // better
    [true, 1], // waits
    [true, 0.5], // as good as the best is no improvement: first drop
    [true, 0.5], // better
    [true, 0.5],
    [true, 0.25], // second
    [true, 0.25],
    [true, 0.125], // third
    [true, 0.125],
    [false, 0.125], // stagnation after the last drop
  ]);
  expect(schedule.step(0.3)).toBe(false);
  expect(opt.lr).toBe(0.125);
});

test('state and load carry it over', () => {
  const [a, b] = [{ lr: 1 }, { lr: 1 }];
  const first = optim.plateau(a, { patience: 3 });
  const other = optim.plateau(b, { patience: 3 });
  for (const e of [0.5, 0.6, 0.6]) first.step(e);
  const saved = JSON.parse(JSON.stringify(first.state()));
  other.load(saved);
  for (const e of [0.55, 0.45, 0.5, 0.5, 0.5]) {
    expect(other.step(e)).toBe(first.step(e));
    expect(b.lr).toBe(a.lr);
  }
  expect(a.lr).toBeCloseTo(0.01);
  expect(other.state()).toEqual(first.state());
});

test.each<[string, () => unknown, string]>([
  ['no optimiser', () => optim.plateau(null as any, { patience: 1 }), 'plateau: takes an optimiser'],
  ['no patience', () => optim.plateau({ lr: 1 }, {} as any), 'plateau: patience must be a number, got undefined'],
  ['no options', () => optim.plateau({ lr: 1 }, undefined as any), 'plateau: patience must be a number, got undefined'],
  [
    'half an evaluation',
    () => optim.plateau({ lr: 1 }, { patience: 0.5 }),
    'plateau: patience must be a whole number of at least 1, got 0.5',
  ],
  [
    'a factor above 1',
    () => optim.plateau({ lr: 1 }, { patience: 1, factor: 10 }),
    'plateau: factor must be between 0 and 1, got 10',
  ],
  [
    'NaN',
    () => optim.plateau({ lr: 1 }, { patience: 1 }).step(Number.NaN),
    'plateau: the validation error must be finite, got NaN',
  ],
  [
    'a string',
    () => optim.plateau({ lr: 1 }, { patience: 1 }).step('0.5' as any),
    "plateau: the validation error must be a number, got '0.5'",
  ],
  [
    'a bad state',
    () => optim.plateau({ lr: 1 }, { patience: 1 }).load({ drops: -1, best: 0, waited: 0 }),
    "plateau: the state's drops must be",
  ],
  [
    'no state',
    () => optim.plateau({ lr: 1 }, { patience: 1 }).load(null as any),
    'plateau: load takes a state, got null',
  ],
  [
    'a best that is none',
    () => optim.plateau({ lr: 1 }, { patience: 1 }).load({ drops: 0, best: 'x', waited: 0 } as any),
    "plateau: the state's best must be a finite number or null, got 'x'",
  ],
])('%s is refused', (_name, call, message) => {
  expect(call).toThrow(message);
});
