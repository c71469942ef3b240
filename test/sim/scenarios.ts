// What a failure leaves behind, one scenario a process: a device that has failed is lost to it. Prints a JSON object.
// Arguments: the scenario's name; of `notices`, the call's as well; of `step`, whether the memory is filled first.
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { arange, device, full, ops, optim, scope, type Tensor, tape, tensor, uniform, zeros } from '../../lib';
import { sgdUpdate } from '../../lib/ops/sgd';
import { empty } from '../../lib/tensor/tensor';
import { tinyNet } from './tiny_net';

const [sim0, sim1] = [device('sim:0'), device('sim:1')];

async function message(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return `${(error as { code?: string }).code ?? (error as Error).name}: ${(error as Error).message}`;
  }
}

async function works(on: typeof sim0): Promise<boolean> {
  using x = tensor([1, -2, 3], { device: on });
  using y = ops.relu(x);
  return JSON.stringify(await y.array()) === '[1,0,3]';
}

/** Access between two devices is tried when it is first needed, which takes long enough for a failure to become known meanwhile. */
function tryAccess(...path: (typeof sim0)[]): void {
  for (const [i, d] of path.entries()) if (i > 0) path[i - 1]!.peerAccess(d);
}

/** What may be asked of sim:1, which holds x, and y that it computed; `own` is sim:0's. */
const calls = (own: Tensor, x: Tensor, y: Tensor): Record<string, () => unknown> => ({
  computed: () => y.data(),
  'an operator': () => ops.add(x, x).data(),
  'a copy inside': () => ops.copyTo(x, sim1).data(),
  'a copy to it': () => own.to(sim1).data(),
  'a copy from it': () => y.to(sim0).data(),
  'from the CPU': () => tensor([1], { device: 'cpu:0' }).to(sim1).data(),
  'to the CPU': () => y.to('cpu:0').data(),
  'from a list': () => tensor([1], { device: sim1 }).data(),
  'a long list': () => tensor(new Float32Array(3 << 20), { device: sim1 }).data(),
  'new values': () => y.copyFrom(Float32Array.of(9, 9, 9, 9)).data(),
  zeros: () => zeros([3], { device: sim1 }).data(),
  'many zeros': () => zeros([3 << 20], { device: sim1 }).data(),
  idle: () => sim1.synchronize(),
  releaseCached: () => sim1.releaseCached(),
});

// 18 MB with what the simulator keeps free behind a tensor, so that nothing else is put beside it.
const FILLING = (18 << 18) - 64;

/** 3 everywhere where x is 0 and the seed 3; the kernel needs scratch memory of x's size. */
function responseGradient(x: Tensor, seed: Tensor): Tensor {
  using t = tape();
  using y = ops.spatialResponseNorm(x as never, { size: 3, alpha: 1, beta: 1 });
  return t.gradients(y as never, { x }, { seed } as never).x as Tensor;
}

/** Tensors of 64 KB until no more fits, but for so many. */
function filling(on: typeof sim0, free: number): Tensor[] {
  const held: Tensor[] = [];
  try {
    for (;;) held.push(zeros([(16 << 10) - 64], { device: on }) as Tensor);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_OUT_OF_MEMORY') throw error;
  }
  for (const t of held.splice(-free)) t.dispose();
  return held;
}

const scenarios: Record<string, () => Promise<object>> = {
  /** What peerAccess says of each direction, and what arrives: of every length around a word, a page and a block of staging memory. */
  async access() {
    const all = [sim0, sim1, device('cpu:0')];
    const says: Record<string, string> = {};
    const wrong: string[] = [];
    for (const from of all)
      for (const to of all) {
        says[`${from} → ${to}`] = from.peerAccess(to);
        for (const length of [1, 1025, 300_001]) {
          const values = Float32Array.from({ length }, (_, i) => Math.fround(Math.sin(i + length)));
          using x = tensor(values, { device: from });
          using there = x.to(to);
          if (Buffer.compare(Buffer.from((await there.data()).buffer), Buffer.from(values.buffer)) !== 0)
            wrong.push(`${from} → ${to}: ${length}`);
        }
      }
    return { settings: sim0.description, says, wrong };
  },

  /** A kernel reads what nobody wrote: on hardware a wrong result or a fault, here always found. */
  async kernel() {
    let read: string;
    let again: string;
    let allocation = 'no error';
    {
      using s = scope();
      const y = ops.relu(empty([8], sim1));
      read = await message(y.data());
      again = await message((async () => ops.relu(y).data())());
      try {
        zeros([4], { device: sim1 });
      } catch (error) {
        allocation = (error as Error).message;
      }
      void s;
    }
    const idle = [await message(sim1.synchronize()), await message(sim1.synchronize())];
    const other = await works(sim0);
    await sim0.synchronize(); // a read lets go of its tensor after it has given the values
    return {
      read,
      again,
      allocation,
      idle,
      other,
      left: [sim0, sim1].map((d) => d.memory().allocated),
    };
  },

  /** A device fails; what another computed from its values is worth nothing, the rest is. */
  async crossing() {
    tryAccess(sim0, sim1);
    using s = scope();
    const own = tensor([1, 2, 3, 4, 5, 6, 7, 8], { device: sim1 });
    const sent = ops.relu(empty([8], sim0)).to(sim1);
    const mixed = ops.add(ops.relu(sent), own);
    const errors = [await message(mixed.data()), await message(sent.data())];
    const rest = await ops.relu(own).array();
    void s;
    return { errors, rest, other: await works(sim1) };
  },

  /** The same by way of a second device to a third: the values, what the third computed from them, and a copy of them beside it. */
  async thirdDevice() {
    const sim2 = device('sim:2');
    tryAccess(sim0, sim1, sim2, sim1);
    using s = scope();
    const own = tensor([1, 2, 3, 4, 5, 6, 7, 8], { device: sim2 });
    const passedOn = ops.relu(ops.relu(empty([8], sim0)).to(sim1)).to(sim2);
    const mixed = ops.add(ops.relu(passedOn), own);
    const beside = empty([8], sim2).copyFrom(passedOn as never) as Tensor;
    const back = beside.to(sim1);
    const errors: string[] = [];
    for (const t of [mixed, passedOn, beside, back]) errors.push(await message(t.data()));
    const rest = await ops.relu(own).array();
    void s;
    return { errors, rest, others: [await works(sim1), await works(sim2)] };
  },

  /**
   * sim:1 is gone from some kernel on (CONVTAPE_SIM_LOSE): whatever is asked of it from then on fails, by whichever call, as does what
   * sim:0 computed from its values.
   */
  async gone() {
    tryAccess(sim0, sim1, sim0);
    const errors: Record<string, string> = {};
    let rest: unknown;
    {
      using s = scope();
      const own = tensor([1, -2, 3, -4], { device: sim0 });
      // What is noticed to be gone gives no memory. So sim:1 waits for sim:0 until everything here has been queued: for the check of these
      // labels, behind a long sum.
      ops.sum(zeros([1 << 20], { device: sim0 }));
      ops.crossEntropy(zeros([2, 4], { device: sim0 }), tensor([1, 0], { dtype: 'i32', device: sim0 }));
      const x = own.to(sim1);
      let y: Tensor<any> = x;
      for (let i = 0; i < 6; i++) y = i % 2 ? ops.square(y) : ops.relu(y);
      const sent = y.to(sim0);
      const mixed = ops.add(ops.relu(sent), own);
      const crossed = {
        sent: () => sent.data(),
        'computed from what was sent': () => mixed.data(),
        'sent back': () => mixed.to(sim1).data(),
      };
      for (const [what, ask] of Object.entries({ ...calls(own, x, y), ...crossed }))
        errors[what] = await message((async () => void (await ask()))());
      rest = await ops.relu(own).array();
      void s;
    }
    const other = await works(sim0);
    await message(sim1.synchronize());
    await sim0.synchronize();
    return { errors, rest, other, left: [sim0, sim1].map((d) => d.memory().allocated) };
  },

  /** sim:1 is gone with its first kernel, and the call of this name is the first to notice; it asks twice. */
  async notices() {
    const ask: string[] = [];
    {
      using s = scope();
      const [own, x] = [sim0, sim1].map((d) => tensor([1, -2, 3, -4], { device: d }) as Tensor) as [Tensor, Tensor];
      const y = ops.relu(x);
      // The trace has a task as it begins, and with this one the device is gone.
      while (!readFileSync(process.env['CONVTAPE_SIM_TRACE']!, 'utf8').includes('"unary"')) await setTimeout(10);
      await setTimeout(50);
      const call = calls(own, x, y)[process.argv[3]!]!;
      for (let i = 0; i < 2; i++) ask.push(await message((async () => void (await call()))()));
      void s;
    }
    const other = await works(sim0);
    await message(sim1.synchronize());
    await sim0.synchronize();
    return { errors: ask, other, left: [sim0, sim1].map((d) => d.memory().allocated) };
  },

  /** Memory ends in the middle of the work. */
  async memory() {
    const held: Tensor[] = [];
    let error = 'no error';
    {
      using s = scope();
      const x = s.keep(zeros([1 << 20], { device: sim0 }) as Tensor);
      held.push(x);
      try {
        for (let i = 0; i < 1000; i++) held.push(s.keep(ops.relu(x) as Tensor));
      } catch (e) {
        error = `${(e as { code?: string }).code}: ${(e as Error).message}`;
      }
      void s;
    }
    const made = held.length;
    for (const t of held) t.dispose();
    await sim0.synchronize();
    return { error, made, left: sim0.memory().allocated, works: await works(sim0), other: await works(sim1) };
  },

  /**
   * Memory ends in the middle of a training step in two columns: that of the devices, which is `filled` but for 128 KB of each, or that of
   * the copies between them. The batch is raised until the forward pass fails.
   */
  async step() {
    const both = [sim0, sim1];
    const net = tinyNet([sim0, sim1]);
    const sgd = optim.sgd(net.params, { lr: 0, momentum: 0.9 });
    const train = async (batch: number) => {
      using s = scope();
      using t = tape();
      const x = uniform([batch, 1, 28, 28], { seed: 1, device: sim0 }) as Tensor;
      const labels = Array.from({ length: batch }, (_, i) => i % 4);
      const loss = ops.crossEntropy(
        net.forward(x as never, { train: true, seed: 0 }),
        tensor(labels, { dtype: 'i32', device: sim0 }),
      );
      sgd.apply(t.gradients(loss, net.params) as Record<string, never>);
      void s;
      return loss.item();
    };
    const idle = () => Promise.all(both.map((d) => d.synchronize()));
    const first = await train(2);
    await idle();
    const held = process.argv[3] === 'filled' ? both.flatMap((d) => filling(d, 2)) : [];
    await idle();
    const before = both.map((d) => d.memory().allocated);
    const steps: Record<string, { error: string; idle: string; allocated: number[] }> = {};
    const forward = /^ERR_OUT_OF_MEMORY: (?!gradient of )/;
    for (const batch of held.length ? [4, 8, 12, 16] : [4, 14, 24]) {
      const error = await message(train(batch));
      steps[batch] = { error, idle: await message(idle()), allocated: both.map((d) => d.memory().allocated) };
      if (forward.test(error)) break;
    }
    // A pool may give out a piece that is twice as large as what is asked for, and then two steps in a row do not need the same.
    if (!held.length) for (const d of both) d.releaseCached();
    const again = await train(2);
    await idle();
    const after = both.map((d) => d.memory().allocated);
    for (const t of held) t.dispose();
    net.dispose();
    sgd.dispose();
    await idle();
    return { first, again, before, steps, after, end: both.map((d) => d.memory().allocated) };
  },

  /** Page-locked memory ends (CONVTAPE_SIM_PINNED_KB) in every call that copies by way of it; what the pool keeps is given back before. */
  async pinned() {
    const large = new Float32Array(1 << 20).fill(1);
    const errors: Record<string, string> = {};
    const allocated = () => [sim0, sim1].map((d) => d.memory().allocated);
    let kept: number[];
    {
      using s = scope();
      // 2 MB are there: the second of these finds room where the first had it.
      for (const n of [1 << 18, 1 << 19]) {
        tensor(large.subarray(0, n), { device: sim0 });
        await sim0.synchronize();
      }
      const [x, y] = [sim0, sim1].map((device) => full([1 << 20], 1, { device }) as Tensor) as [Tensor, Tensor];
      const host = tensor(large);
      await sim0.synchronize();
      const before = allocated();
      const asked: Record<string, () => unknown> = {
        tensor: () => tensor(large, { device: sim0 }),
        arange: () => arange(1 << 20, { device: sim0 }),
        copyFrom: () => x.copyFrom(large as never),
        'copyFrom of the other': () => y.copyFrom(x as never),
        copyTo: () => x.to(sim1),
        'copyTo from the CPU': () => host.to(sim0),
        data: () => x.data(),
      };
      for (const [what, ask] of Object.entries(asked)) errors[what] = await message((async () => void (await ask()))());
      kept = allocated().map((bytes, i) => bytes - before[i]!);
      // Behind the read that failed on the submission thread, which has nothing to do with this launch.
      errors['the next kernel'] = await message(ops.sum(x).item());
      void s;
    }
    const usable = [await works(sim0), await works(sim1)];
    for (const d of [sim0, sim1]) await d.synchronize();
    return { errors, kept, usable, left: allocated() };
  },

  /** cudaMalloc fails once: caches are given back and it is asked again. */
  async retry() {
    using a = tensor(new Float32Array(3 << 20).fill(2), { device: sim0 });
    using b = ops.relu(a);
    return { sum: await ops.sum(b).item(), works: await works(sim0) };
  },

  /** All of the memory lies in the cache, in pieces too small for what is asked for: they are given back and it is asked again. */
  async caches() {
    const small = Array.from({ length: 10 }, () => zeros([1 << 20], { device: sim0 }));
    for (const t of small) t.dispose();
    const cached = sim0.memory().reserved;
    using large = zeros([10 << 20], { device: sim0 });
    return { cached, first: (await large.data())[0], works: await works(sim0) };
  },

  /** A kernel's scratch memory finds no room: what the cache has is given back to it, and where that is in use the call fails. */
  async scratch() {
    using s = scope();
    const x = zeros([1, 1, 1024, 1024], { device: sim0 }) as Tensor;
    const seed = full([1, 1, 1024, 1024], 3, { device: sim0 }) as Tensor;
    const large = zeros([FILLING], { device: sim0 });
    const failed = responseGradient(x, seed);
    const error = await message(failed.data());
    failed.dispose();
    large.dispose();
    await sim0.synchronize();
    const cached = sim0.memory().reserved - sim0.memory().allocated;
    const values = new Set(await responseGradient(x, seed).data());
    void s;
    return { error, cached, values: [...values], works: await works(sim0) };
  },

  /** Room is where an operator before had its scratch memory: 6 MB, and the next one needs 6.5. */
  async olderScratch() {
    const values: number[] = [];
    for (const width of [1024, 1664]) {
      using x = zeros([1, 1, 1024, width], { device: sim0 }) as Tensor;
      using seed = full([1, 1, 1024, width], 3, { device: sim0 }) as Tensor;
      using gradient = responseGradient(x, seed);
      values.push(...new Set(await gradient.data()));
      await sim0.synchronize();
    }
    return { values };
  },

  /** The same as `scratch` where queued work still reads what JavaScript has disposed of: that is not free yet. */
  async scratchBeforeQueued() {
    using s = scope();
    const x = zeros([1, 1, 1024, 1024], { device: sim0 }) as Tensor;
    const seed = full([1, 1, 1024, 1024], 3, { device: sim0 }) as Tensor;
    const large = full([FILLING], 2, { device: sim0 });
    const labels = tensor([1, 0], { dtype: 'i32', device: sim0 });
    // The submission thread waits here for the labels' check, behind a long sum, until everything below has been queued.
    const before = ops.sum(large);
    ops.crossEntropy(zeros([2, 4], { device: sim0 }), labels);
    const gradient = responseGradient(x, seed);
    const after = ops.sum(large);
    large.dispose();
    const error = await message(gradient.data());
    const sums = [await before.item(), await after.item()];
    void s;
    return { error, sums, expected: 2 * FILLING };
  },

  /** Memory cannot be given back (CONVTAPE_SIM_FAIL_FREE): scratch memory that grew, behind the second operator, or what is cached. */
  async unfreed() {
    using s = scope();
    const errors: string[] = [];
    for (const width of [64, 1024, 64]) {
      const x = zeros([1, 1, 1024, width], { device: sim0 }) as Tensor;
      const seed = full([1, 1, 1024, width], 3, { device: sim0 }) as Tensor;
      errors.push(await message(responseGradient(x, seed).data()));
    }
    zeros([3 << 20], { device: sim0 }).dispose();
    for (let i = 0; i < 2; i++) errors.push(await message((async () => sim0.releaseCached())()));
    void s;
    return { errors, works: await works(sim0) };
  },

  /** A kernel finds a wrong value: the call fails, what depends on it is not done, and the device goes on. */
  async label() {
    using s = scope();
    const logits = zeros([3, 4], { device: sim0 });
    const labels = tensor([1, 9, -1], { dtype: 'i32', device: sim0 });
    const loss = ops.crossEntropy(logits, labels);
    const w = tensor([1], { device: sim0 });
    const v = tensor([0], { device: sim0 });
    sgdUpdate(w, v, ops.reshape(loss, [1]) as never, { lr: 1, momentum: 0, weightDecay: 0 });
    const read = await message(loss.data());
    void s;
    return { read, weight: await w.array(), works: await works(sim0) };
  },
};

void scenarios[process.argv[2]!]!().then((result) => process.stdout.write(`${JSON.stringify(result)}\n`));
