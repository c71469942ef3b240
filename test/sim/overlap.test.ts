// What the copies between two devices wait for, in a training step of a scaled-down AlexNet in two columns: the vector clock of each copy
// says what of either device's work is behind it, whatever the streams' order was.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../support/temporary';

interface Task {
  device: number;
  stream: number;
  task: string;
  /** For each stream, its tasks that are ordered before this one; for its own stream, this one included. */
  behind: number[];
}

const folder = temporaryFolder();

async function traceOfStep(): Promise<Task[]> {
  const file = join(folder, 'trace');
  const args = ['-r', join(__dirname, '../support/register.js'), join(__dirname, 'train_losses.ts'), 'sim:0', 'sim:1'];
  const env = { ...process.env, CONVTAPE_SIM_CHECK: '0', CONVTAPE_SIM_TRACE: file };
  await promisify(execFile)(process.execPath, [...args, '1'], { env, timeout: 240_000 });
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Task);
}

const PRODUCTS = ['conv2d', 'matmul', 'conv2dGradInput', 'conv2dGradWeight'];

test("a copy waits neither for weights' gradients nor for what the other copy of its exchange brings", async () => {
  const trace = await traceOfStep();
  const computing = trace.filter((t) => [...PRODUCTS, 'stridedCopy', 'binary'].includes(t.task));
  const [first, second] = [0, 1].map((d) => trace.find((t) => t.device === d && t.task === 'conv2d')!);
  const before = (a: Task, b: Task) => (b.behind[a.stream] ?? 0) >= a.behind[a.stream]!;
  const inStep = (t: Task) => before(t.device === 0 ? first! : second!, t);
  // Behind how many kernels a copy is, on the first device and on the second.
  const count = (copy: Task, names: string[]) =>
    [0, 1].map(
      (d) => computing.filter((t) => t.device === d && names.includes(t.task) && inStep(t) && before(t, copy)).length,
    );
  const copies = (to: number) =>
    trace
      .filter((t) => t.task === 'cudaMemcpyPeerAsync' && t.device === to && inStep(t))
      .sort((a, b) => a.behind[a.stream]! - b.behind[b.stream]!)
      .map((t) => ({ products: count(t, PRODUCTS), moves: count(t, ['stridedCopy']), sums: count(t, ['binary']) }));
  const row = (products: number[], moves: number[], sums: number[]) => ({ products, moves, sums });

  // Forward: behind all layers up to the exchange and the joins of those before it.
  const forward = [row([2, 2], [0, 0], [0, 0]), row([5, 5], [2, 2], [0, 0]), row([6, 6], [4, 4], [0, 0])];
  const fc8 = row([7, 7], [6, 6], [0, 0]);
  // Backward: each layer that has been passed brought two products, the one that sends brings one, its input's gradient.
  const fc8Back = row([8 + 1, 7], [8 + 2, 6], [0, 0]);
  const backward = [
    row([8 + 2 + 1, 7 + 1], [12, 8], [0, 0]), // fc7
    row([8 + 4 + 1, 7 + 2 + 1], [14, 10], [1, 1]), // fc6
    row([8 + 10 + 1, 7 + 8 + 1], [16, 12], [2, 2]), // conv3
  ];
  expect(copies(0)).toEqual([...forward, fc8, ...backward]);
  expect(copies(1)).toEqual([...forward, fc8Back, ...backward]);
}, 300_000);
