// What a failure leaves behind, one scenario a process: a device that has failed is lost to it. Prints a JSON object.
// Argument: the scenario's name.
import { device, ops, scope, type Tensor, tensor, zeros } from '../../lib';
import { sgdUpdate } from '../../lib/ops/sgd';
import { empty } from '../../lib/tensor/tensor';

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

const scenarios: Record<string, () => Promise<object>> = {
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
