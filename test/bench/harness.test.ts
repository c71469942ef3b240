// The harness itself: it measures what is there, refuses to time what is wrong, and sees a kernel that became twice as slow.
import { device, numThreads, ops, randn } from '../../lib';
import { Bench } from '../../lib/bench/bench';
import { compare } from '../../lib/bench/compare';
import { Machine } from '../../lib/bench/machine';
import { type Case, measure } from '../../lib/bench/measure';
import { operatorNames, opsSuite } from '../../lib/bench/ops';
import { type BenchResult, parseResult } from '../../lib/bench/schema';
import { addon } from '../../lib/native/addon';
import { collectBeforeEach } from '../support/memory';

collectBeforeEach();

const cpu = device('cpu:0');
const good = { against: 'nothing', error: 0, tolerance: 0 };

/** A product large enough that everything around it is nothing beside it. */
function product(n = 256): Case & Disposable {
  const a = randn([n, n], { seed: 1, device: cpu });
  return {
    id: `product/${n}`,
    flops: 2 * n ** 3,
    devices: [cpu],
    check: async () => good,
    run: () => [ops.matmul(a, a)],
    [Symbol.dispose]: () => a.dispose(),
  };
}

const options = { quick: true, reps: 6, sample: 0.01 };

test('a kernel that runs twice is seen to be twice as slow, an unchanged one is not', async () => {
  using work = product();
  // Two threads that wait for each other would count their waiting as processor time.
  const threads = numThreads();
  numThreads(1);
  try {
    const measured = async (slow: boolean) => {
      const bench = new Bench({
        ...options,
        ...(slow && {
          inject: (of: Case) => () => {
            for (const made of of.run() as Disposable[]) made[Symbol.dispose]();
            return of.run();
          },
        }),
      });
      await bench.time(work);
      return bench.finish('test');
    };
    // By the least processor time of rounds that alternate, for this machine may have other things to do: they only ever add to a time,
    // so more rounds bring each minimum nearer to its own and never bring a harness that sees nothing to see something.
    const least = (a: BenchResult | undefined, b: BenchResult) =>
      a && a.rows[0]!.timing.cpu <= b.rows[0]!.timing.cpu ? a : b;
    let before: BenchResult | undefined;
    let same: BenchResult | undefined;
    let slow: BenchResult | undefined;
    const verdictOf = (now: BenchResult) => compare(before!, now, { by: 'cpu' }).changes[0]!;
    for (let round = 0; round < 12; round++) {
      before = least(before, await measured(false));
      slow = least(slow, await measured(true));
      same = least(same, await measured(false));
      if (round > 0 && verdictOf(same).verdict === 'same' && verdictOf(slow).verdict === 'slower') break;
    }
    expect(verdictOf(same!).verdict).toBe('same');
    expect(verdictOf(slow!).verdict).toBe('slower');
    expect(verdictOf(slow!).ratio).toBeLessThan(3);
  } finally {
    numThreads(threads);
  }
});

test('wrong results are not timed', async () => {
  using work = product(8);
  let runs = 0;
  const bench = new Bench(options);
  for (const error of [0.1, Number.NaN]) {
    const wrong = {
      ...work,
      check: async () => ({ against: 'the book', error, tolerance: 0.01 }),
      run: () => void runs++,
    };
    await expect(bench.time(wrong as unknown as Case)).rejects.toThrow(
      `product/8: not timed, for its results are wrong: they differ from the book by ${error}, more than 0.01`,
    );
  }
  expect(runs).toBe(0);
  expect(bench.rows).toEqual([]);
});

test('a row is what the case says over what was measured, and the machine beside it', async () => {
  using work = product(64);
  let before = 0;
  const bench = new Bench({ ...options, reps: 3, sample: 0.2 });
  await bench.time({ ...work, bytes: 64 << 20, images: 3, before: () => void before++ }, () => ({ peakMemory: 5 }));
  const result = bench.finish('convtape bench test');
  expect(parseResult(JSON.parse(JSON.stringify(result)), 'it')).toEqual(result);
  const [row] = result.rows;
  expect(row).toMatchObject({ id: 'product/64', devices: ['cpu:0'], images: 3, peakMemory: 5 });
  expect(row!.timing.reps).toBe(3);
  expect(row!.timing.calls).toBeGreaterThan(1); // a call takes 10 µs, on a loaded machine up to some ms
  expect(before).toBe(5); // two to warm up
  const { median } = row!.timing;
  const peak = result.machine.fma.find((f) => f.threads === numThreads())!.flops;
  expect(row!.ofPeak).toBeCloseTo((2 * 64 ** 3) / median / peak, 12);
  const memory = Math.max(result.machine.readBytes, result.machine.copyBytes);
  expect(row!.ofMemory).toBeCloseTo((64 << 20) / median / memory, 9);
  expect(row!.ofMemoryBeside).toBeCloseTo((64 << 20) / median / row!.timing.memory!, 9);
  expect(row!.ofPeakBeside).toBeCloseTo((2 * 64 ** 3) / median / row!.timing.peak!, 12);
  expect(row!.timing.peak).toBeGreaterThan(peak / 50);
});

test('peak and memory are measured around every sample, and the medians count', async () => {
  using work = product(64);
  const peaks = [9, 2, 3, 8];
  const rates = [4, 7, 6, 1];
  const probe = { fma: jest.fn(() => peaks.shift()!), memory: jest.fn(() => rates.shift()!) };
  const once = { budget: 0, sample: 0, reps: 3, probe };
  expect((await measure(work, once)).timing).toMatchObject({ peak: 5.5 });
  expect(probe.fma).toHaveBeenCalledTimes(4);
  expect(probe.memory).not.toHaveBeenCalled();
  const { flops: _, ...moves } = { ...work, bytes: 64 << 20, written: 3 };
  const { timing } = await measure(moves, once);
  expect(timing.memory).toBe(5);
  expect(probe.memory).toHaveBeenLastCalledWith(64 << 20, 3);
  expect(timing.peak).toBeUndefined();
  // What a cache may hold is left there.
  expect((await measure({ ...moves, bytes: (64 << 20) - 1 }, once)).timing.memory).toBeUndefined();
  expect(probe.memory).toHaveBeenCalledTimes(4);
});

test('promises are waited for, and what a run made is freed', async () => {
  const bench = new Bench({ ...options, reps: 2, sample: 0.001 });
  const { allocated } = cpu.memory();
  const row = await bench.time({
    id: 'wait',
    devices: [],
    check: async () => good,
    run: async () => {
      await new Promise((done) => setTimeout(done, 5));
      return [randn([1000], { device: cpu })];
    },
  });
  expect(row.timing.min).toBeGreaterThan(0.004);
  expect(cpu.memory().allocated).toBe(allocated);
});

test('work that mostly writes is held against what the memory takes in', () => {
  const rates = { fma: 0, read: 30, write: 10, copy: 20 };
  const rate = jest
    .spyOn(addon, 'machineRate')
    .mockImplementation(((what: keyof typeof rates) => rates[what]) as never);
  try {
    const { probe } = new Machine();
    expect(probe.memory(90, 0)).toBe(30);
    expect(probe.memory(90, 30)).toBe(30);
    expect(probe.memory(90, 45)).toBe(20); // 45 at 10 a second take longer than 90 at 30
    expect(probe.memory(90, 90)).toBe(10);
    rates.copy = 40;
    rates.write = 25;
    expect(probe.memory(80, 0)).toBe(30); // reading alone
    expect(probe.memory(80, 40)).toBe(40);
  } finally {
    rate.mockRestore();
  }
});

test('the machine’s rates are of this world, and wrong questions are refused', () => {
  const fma = addon.machineRate('fma', 1, 0.01);
  expect(fma).toBeGreaterThan(1e8);
  expect(fma).toBeLessThan(1e13);
  for (const what of ['read', 'write', 'copy'] as const) {
    const rate = addon.machineRate(what, 2, 8 << 20, 2);
    expect(rate).toBeGreaterThan(1e7);
    expect(rate).toBeLessThan(1e13);
  }
  const call = addon.machineRate as (...args: unknown[]) => number;
  expect(() => call('sqrt', 1, 1)).toThrow("machineRate: must be fma, read, write or copy, got 'sqrt'");
  expect(() => call('fma', 0, 1)).toThrow('threads must be from 1 to 1024, got 0');
  expect(() => call('fma', 1, 'x')).toThrow('seconds must be from');
  expect(() => call('read', 1)).toThrow('bytes must be from');
});

test('operators are timed in memory they use again: no tape of a gradient keeps what they make', async () => {
  // What is alive in the middle of a sample, at the most: as much after many calls as after few.
  const peaks = new Map<string, number[]>();
  for (const reps of [2, 40]) {
    const bench = new Bench({
      quick: true,
      reps,
      sample: 0.005,
      onRow: ({ id }) => {
        peaks.set(id, [...(peaks.get(id) ?? []), cpu.memory().peak]);
        cpu.resetPeak();
      },
    });
    cpu.resetPeak();
    await opsSuite(bench, { device: cpu });
  }
  expect(peaks.size).toBeGreaterThan(operatorNames.length);
  for (const [id, [few, many]] of peaks) expect([id, many! / few!]).toEqual([id, expect.closeTo(1, 1)]);
}, 120_000);
