import { device, ops, type Tensor } from '../../lib';
import { registry } from '../../lib/ops/registry';
import { type SelftestReport, selftest } from '../../lib/selftest/selftest';
import { convtape } from '../support/cli';

test('two devices: every operator on both, and a net trained across them', async () => {
  const run = await convtape('selftest', '--device', 'cpu:0,cpu:1', '--repeats', '1', '--batch', '2', '--json');
  expect(run.status).toBe(0);
  const { calls, crossing, passed, failed } = JSON.parse(run.out);
  expect(failed).toBe(0);
  expect(passed).toBe(calls.length + 1);
  expect(crossing).toMatchObject({ devices: ['cpu:0', 'cpu:1'], sameBits: true, passed: true });
  expect(new Set(calls.map((call: { operator: string }) => call.operator))).toEqual(new Set(Object.keys(registry)));
});

test('a value that is wrong on the device alone is found, and so is a call that fails there', async () => {
  const c = registry.relu.cases[0]!;
  const right = c.run;
  const reports: SelftestReport[] = [];
  const check = async (run: typeof right) => {
    (c as { run: typeof right }).run = run;
    try {
      await selftest(device('cpu:1'), ['relu'], 1, (report) => reports.push(report));
    } finally {
      (c as { run: typeof right }).run = right;
    }
    return reports.splice(0).find((report) => report.case === c.name)!;
  };
  const there = (x: Tensor) => x.device.name === 'cpu:1';
  expect(await check(right)).toMatchObject({ passed: true, failure: null });
  const wrong = await check((inputs) => {
    const y = right(inputs) as Tensor;
    return there(y) ? ops.mul(y, 1.001) : y;
  });
  expect(wrong).toMatchObject({ passed: false, failure: null });
  expect(wrong.error).toBeGreaterThan(1e-4);
  const failing = await check((inputs) => {
    if (there(Object.values(inputs)[0] as Tensor)) throw new Error('relu: no');
    return right(inputs);
  });
  expect(failing).toMatchObject({ passed: false, failure: 'relu: no' });
});

test('only the operators that are named', async () => {
  const run = await convtape('selftest', 'relu', 'exp', '--device', 'cpu:1', '--repeats', '1', '--json');
  expect(run.status).toBe(0);
  expect(new Set(JSON.parse(run.out).calls.map((call: { operator: string }) => call.operator))).toEqual(
    new Set(['relu', 'exp']),
  );
  expect(await convtape('selftest', 'rellu')).toMatchObject({
    status: 2,
    err: expect.stringContaining("There is no operator 'rellu'; did you mean relu?"),
  });
});

test('rates stand beside what the device could do, where that is known', async () => {
  const cpu = device('cpu:1') as { peak: object };
  const { peak } = cpu;
  const check = async () => (await convtape('selftest', 'relu', 'matmul', '--device', 'cpu:1', '--repeats', '1')).out;
  expect(await check()).not.toContain('of peak');
  try {
    cpu.peak = { flops: 1e12, bytes: 0 };
    const out = await check();
    expect(out).toMatch(/ms +rate +of peak/);
    expect(out).toMatch(/\nmatmul .* GFLOP\/s +\d+\.\d% +ok\n/);
    expect(out).toMatch(/\nrelu .* GB\/s +ok\n/);
  } finally {
    cpu.peak = peak;
  }
});

test('a device that is not there', async () => {
  const run = await convtape('selftest', '--device', 'cuda:7');
  expect(run).toMatchObject({
    status: 2,
    out: '',
    err: expect.stringMatching(/^convtape: --device: there is no 'cuda:7'/),
  });
});
