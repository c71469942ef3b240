// Operators that move memory rather than compute, over sweeps of sizes: bytes read and written a second, beside the memory's rate. Sizes that
// a cache holds may go beyond it.
import { noGrad, tape } from '../autograd/tape';
import { add, avgPool2d, cast, crossEntropy, dropout, localResponseNorm, maxPool2d, relu, softmax, sum } from '../ops';
import { sgdUpdate } from '../ops/sgd';
import { randn, tensor, zeros } from '../tensor/create';
import type { Device } from '../tensor/device';
import type { Tensor } from '../tensor/tensor';
import type { Bench } from './bench';
import type { Check } from './measure';
import { pooling, responseNorm, softmaxAt } from './op_samples';
import { compareAt } from './samples';

type Any = Tensor<any>;

/** One operator at one size; what it holds is freed when it has been measured. */
interface Measured {
  name: string;
  /** Bytes. */
  read: number;
  written: number;
  run: () => Any[] | undefined;
  check: () => Promise<Check>;
}

interface Operator {
  readonly names: readonly string[];
  readonly sweep: 'elements' | 'maps' | 'rows';
  readonly prepare: (shape: readonly number[], device: Device) => Promise<{ cases: Measured[]; held: Disposable[] }>;
}

const DEFINITION = 'the definition in float64';

const SWEEPS = {
  elements: [[1 << 12], [1 << 16], [1 << 20], [1 << 24]],
  maps: [
    [1, 96, 55, 55],
    [16, 96, 55, 55],
    [128, 96, 55, 55],
  ],
  rows: [
    [1, 1000],
    [128, 1000],
    [4096, 1000],
  ],
} as const;

const QUICK = { elements: [[1 << 12], [1 << 18]], maps: [[1, 96, 55, 55]], rows: [[128, 1000]] } as const;

/** The gradient alone: forward outside of the clock, on a tape that is kept. */
function differentiated(x: Any, forward: (x: Any) => Any) {
  const t = tape();
  const y = forward(x);
  const dy = randn([...y.shape], { seed: 9, device: x.device }) as Any;
  const run = () => [t.gradients(y, { x }, { seed: dy, keep: true }).x as Any];
  return { t, y, dy, run, held: [t, y, dy] as Disposable[] };
}

async function checked(run: () => Any[] | undefined, expected: (i: number) => number): Promise<Check> {
  const made = run()!;
  const check = compareAt((await made[0]!.data()) as ArrayLike<number>, expected, DEFINITION);
  for (const t of made) t.dispose();
  return check;
}

const floats = (read: number, written: number) => ({ read: 4 * read, written: 4 * written });

const one = (
  name: string,
  moved: { read: number; written: number },
  run: () => Any[] | undefined,
  expected: (i: number) => number,
): Measured => ({ name, ...moved, run, check: () => checked(run, expected) });

/** Without the tapes of the gradients, which would keep what every call makes and take new memory for the next. */
const untaped = (measured: Measured): Measured => ({ ...measured, run: () => noGrad(measured.run) });

const operators: readonly Operator[] = [
  {
    names: ['relu', 'reluGrad', 'add', 'sum', 'dropout', 'castU8'],
    sweep: 'elements',
    prepare: async (shape, device) => {
      const x = randn(shape, { seed: 1, device }) as Any;
      const y = randn(shape, { seed: 2, device }) as Any;
      const n = x.size;
      const pixels = tensor(
        Uint8Array.from({ length: n }, (_, i) => (i * 31) % 256),
        { dtype: 'u8', device },
      ) as Tensor<any, 'u8'>;
      const [xs, ys] = await Promise.all([x.data(), y.data()]);
      const g = differentiated(x, (t) => relu(t) as Any);
      const dys = await g.dy.data();
      let total = 0;
      for (const v of xs) total += v;
      const magnitude = Math.sqrt(n);
      const dropped = () => [dropout(x, { seed: 4 }) as Any];
      return {
        held: [x, y, pixels, ...g.held],
        cases: [
          one(
            'relu',
            floats(n, n),
            () => [relu(x) as Any],
            (i) => Math.max(0, xs[i]!),
          ),
          one('reluGrad', floats(2 * n, n), g.run, (i) => (xs[i]! > 0 ? dys[i]! : 0)),
          one(
            'add',
            floats(2 * n, n),
            () => [add(x, y) as Any],
            (i) => xs[i]! + ys[i]!,
          ),
          {
            name: 'sum',
            read: 4 * n,
            written: 0,
            run: () => [sum(x) as Any],
            check: async () => {
              using s = sum(x) as Any;
              const error = Math.abs((await s.data())[0]! - total) / magnitude;
              return { against: 'a sum in float64', error, tolerance: 1e-3 };
            },
          },
          { name: 'dropout', read: 4 * n, written: 4 * n, run: dropped, check: () => checkDropout(dropped, xs) },
          one(
            'castU8',
            { read: n, written: 4 * n },
            () => [cast(pixels, 'f32') as Any],
            (i) => (i * 31) % 256,
          ),
        ],
      };
    },
  },
  {
    names: ['sgd'],
    sweep: 'elements',
    prepare: async (shape, device) => {
      const w = randn(shape, { seed: 1, device }) as Any;
      const v = zeros(shape as [number], { device }) as Any;
      const g = randn(shape, { seed: 2, device }) as Any;
      const rates = { lr: 1e-6, momentum: 0.9, weightDecay: 5e-4 };
      const [ws, gs] = await Promise.all([w.data(), g.data()]);
      const run = () => {
        sgdUpdate(w, v, g, rates);
        return undefined;
      };
      const check = async () => {
        run();
        return compareAt(await v.data(), (i) => -rates.lr * (rates.weightDecay * ws[i]! + gs[i]!), DEFINITION);
      };
      return { held: [w, v, g], cases: [{ name: 'sgd', read: 12 * w.size, written: 8 * w.size, run, check }] };
    },
  },
  {
    names: ['localResponseNorm', 'localResponseNormGrad', 'maxPool2d', 'maxPool2dGrad', 'avgPool2d', 'avgPool2dGrad'],
    sweep: 'maps',
    prepare: async (shape, device) => {
      const [images, channels, size] = shape as [number, number, number];
      const x = randn(shape, { seed: 1, device }) as Any;
      const maps = { images, channels, size };
      const n = x.size;
      const norm = { size: 5, alpha: 1e-4, beta: 0.75, k: 2, groups: 2 };
      const xs = await x.data();
      const normed = differentiated(x, (t) => localResponseNorm(t, norm) as Any);
      const lrn = responseNorm(maps, norm, xs, await normed.dy.data());
      const pool = (kind: 'max' | 'avg') => (t: Any) => {
        const options = { kernel: 3, stride: 2 };
        return (kind === 'max' ? maxPool2d(t, options) : avgPool2d(t, options)) as Any;
      };
      const cases = [
        one('localResponseNorm', floats(n, n), () => [localResponseNorm(x, norm) as Any], lrn.forward),
        one('localResponseNormGrad', floats(2 * n, n), normed.run, lrn.gradient),
      ];
      const held = [x, ...normed.held];
      for (const kind of ['max', 'avg'] as const) {
        const g = differentiated(x, pool(kind));
        const book = pooling(maps, kind, xs, await g.dy.data());
        const out = g.dy.size;
        held.push(...g.held);
        cases.push(one(`${kind}Pool2d`, floats(n, out), () => [pool(kind)(x)], book.forward));
        // What the maximum needs beyond dy is at least which of nine it was.
        const read = (kind === 'max' ? 5 : 4) * out;
        cases.push(one(`${kind}Pool2dGrad`, { read, written: 4 * n }, g.run, book.gradient));
      }
      return { cases, held };
    },
  },
  {
    names: ['softmax', 'crossEntropy', 'crossEntropyGrad'],
    sweep: 'rows',
    prepare: async (shape, device) => {
      const [rows, classes] = shape as [number, number];
      const x = randn(shape, { seed: 1, device }) as Any;
      const picked = Int32Array.from({ length: rows }, (_, i) => (i * 7919) % classes);
      const labels = tensor(picked, { dtype: 'i32', device }) as Tensor<any, 'i32'>;
      const soft = softmaxAt(classes, await x.data());
      const g = differentiated(x, (t) => crossEntropy(t, labels) as Any);
      const seed = (await g.dy.data())[0]!;
      let loss = 0;
      for (let r = 0; r < rows; r++) loss -= Math.log(soft(r * classes + picked[r]!)) / rows;
      const hit = (i: number) => (picked[Math.floor(i / classes)] === i % classes ? 1 : 0);
      return {
        held: [x, labels, ...g.held],
        cases: [
          one('softmax', floats(x.size, x.size), () => [softmax(x) as Any], soft),
          one(
            'crossEntropy',
            floats(x.size, 0),
            () => [crossEntropy(x, labels) as Any],
            () => loss,
          ),
          one('crossEntropyGrad', floats(x.size, x.size), g.run, (i) => ((soft(i) - hit(i)) * seed) / rows),
        ],
      };
    },
  },
];

/** Every element is zero or what it was, and about half are zero. */
async function checkDropout(run: () => Any[], xs: ArrayLike<number>): Promise<Check> {
  const [y] = run();
  const ys = await y!.data();
  y!.dispose();
  let dropped = 0;
  let wrong = 0;
  for (let i = 0; i < ys.length; i++) {
    if (ys[i] === 0) dropped++;
    else if (ys[i] !== xs[i]) wrong++;
  }
  const error = wrong > 0 ? 1 : Math.abs(dropped / ys.length - 0.5);
  // Five standard deviations of a fair coin.
  return { against: 'its definition, and a fair coin', error, tolerance: 2.5 / Math.sqrt(ys.length) };
}

export const operatorNames = operators.flatMap((o) => o.names);

export interface OpsOptions {
  device: Device;
  only?: readonly string[];
}

export async function opsSuite(bench: Bench, { device, only }: OpsOptions): Promise<void> {
  for (const operator of operators) {
    if (only && !operator.names.some((name) => only.includes(name))) continue;
    for (const shape of (bench.quick ? QUICK : SWEEPS)[operator.sweep]) {
      const { cases, held } = await operator.prepare(shape, device);
      try {
        for (const { name, read, written, run, check } of cases.map(untaped))
          if (!only || only.includes(name))
            await bench.time({
              id: `ops/${name}/${shape.join('x')}`,
              bytes: read + written,
              written,
              devices: [device],
              check,
              run,
            });
      } finally {
        for (const h of held.reverse()) h[Symbol.dispose]();
      }
    }
  }
}
