// Work that runs out of memory, or leaves some behind, one scenario a process. Prints a JSON object. Argument: the scenario's name.
import { device, devices, models, ops, optim, scope, tape, tensor, uniform, zeros } from '../../lib';
import type { ColumnNet } from '../../lib/models';

const cpus = devices('cpu').slice(0, 2);
const allocated = () => cpus.map((d) => d.memory().allocated);

// What a read lets go of is free once its device has gone on.
const idle = () => Promise.all(cpus.map((d) => d.synchronize()));

function step(net: ColumnNet, sgd: optim.Sgd, batch: number, seed: number) {
  using s = scope();
  using t = tape();
  const x = uniform([batch, 1, 28, 28], { seed, device: cpus[0]! });
  const labels = Array.from({ length: batch }, (_, i) => (i + seed) % 10);
  const y = tensor(labels, { dtype: 'i32', device: cpus[0]! });
  const loss = ops.crossEntropy(net.forward(x as never, { train: true, seed }), y);
  sgd.apply(t.gradients(loss, net.params) as Record<string, never>);
  void s;
  return loss.item();
}

const netOf = () => models.alexnetSmall({ devices: cpus, seed: 1 }) as ColumnNet;

/** What a call throws, as `code: message`. */
function thrown(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    const { code, message, stack } = error as NodeJS.ErrnoException;
    if (!stack?.startsWith(`Error: ${message}\n`)) return `the stack does not show the message: ${stack}`;
    return `${code}: ${message}`;
  }
}

const scenarios: Record<string, () => Promise<object>> = {
  /** 200 steps of training. */
  async steps() {
    const net = netOf();
    const sgd = optim.sgd(net.params, { lr: 0.01, momentum: 0.9 });
    await step(net, sgd, 4, 0);
    await idle();
    const before = allocated();
    const losses = [];
    for (let i = 1; i <= 200; i++) losses.push(await step(net, sgd, 4, i));
    await idle();
    const after = allocated();
    net.dispose();
    sgd.dispose();
    return { before, after, finite: losses.every(Number.isFinite), end: allocated() };
  },

  /** A step at every batch until no more fits: memory ends in the forward pass, in gradients, in the images. */
  async exhausted() {
    const net = netOf();
    const sgd = optim.sgd(net.params, { lr: 0, momentum: 0.9 });
    const first = await step(net, sgd, 4, 0);
    // A kernel that finds no scratch memory fails when its call has long returned. So the devices' is made large enough first.
    for (const device of cpus) {
      using s = scope();
      using t = tape();
      const x = zeros([512, 64, 6, 6], { device });
      const weight = zeros([48, 64, 3, 3], { device });
      const gradients = t.gradients(ops.sum(ops.conv2d(x, weight, null, { padding: 1 })), { x, weight });
      await gradients.weight.data();
      void s;
    }
    await idle();
    const before = allocated();
    const errors: string[] = [];
    for (let batch = 64; errors.length < 12; batch += 16) {
      const error = thrown(() => void step(net, sgd, batch, 0).catch(() => {}));
      if (error) errors.push(error);
    }
    await idle();
    errors.push(...[() => zeros([2 ** 40]), () => uniform([2 ** 40])].map((call) => String(thrown(call))));
    return { before, after: allocated(), errors, first, again: await step(net, sgd, 4, 0) };
  },

  /** A kernel finds no scratch memory, when its call has long returned. */
  async scratch() {
    const x = uniform([64, 128, 13, 13], { seed: 1 });
    const weight = uniform([128, 128, 3, 3], { seed: 2 });
    const first = await ops.sum(x).item();
    const y = ops.conv2d(x, weight, null, { padding: 1 });
    const error = await y.data().then(
      () => null,
      (e: NodeJS.ErrnoException) => `${e.code}: ${e.message}`,
    );
    y.dispose();
    await idle();
    return { error, first, again: await ops.sum(x).item() };
  },

  /** Training, and with the argument `forget` five tensors that nobody disposes of; then the garbage collector. */
  async undisposed() {
    const net = netOf();
    const sgd = optim.sgd(net.params, { lr: 0.01 });
    for (let i = 0; i < 3; i++) await step(net, sgd, 4, i);
    const forget = () => {
      for (let i = 0; i < 5; i++) zeros([256, 1024], { device: device('cpu:0') });
    };
    if (process.argv[3] === 'forget') forget();
    for (let i = 0; i < 10; i++) {
      (globalThis as { gc?: () => void }).gc!();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    net.dispose();
    sgd.dispose();
    return { left: allocated() };
  },
};

scenarios[process.argv[2]!]!().then((result) => console.log(JSON.stringify(result)));
