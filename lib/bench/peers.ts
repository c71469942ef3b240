// The systems a user would pick instead, on the same work in the same sitting. They run as processes of their own, with the settings that are
// fair to them; docs/benchmarks.md says which.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { packageRoot } from '../native/addon';
import { numThreads } from '../tensor/device';
import type { BenchResult, PeerRow } from './schema';
import { spread } from './stats';

const execute = promisify(execFile);

export interface PeerOptions {
  /** The folder whose node_modules has the npm packages. */
  folder: string;
  quick: boolean;
  log?: (line: string) => void;
}

const lineSchema = z.object({
  version: z.string(),
  work: z.string(),
  batch: z.number().int().positive(),
  seconds: z.array(z.number().positive()).min(1),
  peakRssBytes: z.number().positive().optional(),
});

/** Thrown where a peer is not there: says what to do. */
class Missing extends Error {}

/** Runs the peers that know the work of `result`'s rows, and adds their rows, and the reasons for those that could not run. */
export async function addPeers(result: BenchResult, options: PeerOptions): Promise<BenchResult> {
  const scripts = join(packageRoot(), 'benchmarks/peers');
  if (!existsSync(scripts))
    throw new Error(`--peers: ${scripts} is not there; the peers' scripts are in the repository, not in the package`);
  const peers: PeerRow[] = [];
  const missing: BenchResult['missing'] = [];
  const wanted = work(result);
  for (const [system, run] of [
    ['PyTorch', torch],
    ['onnxruntime-node', onnxruntime],
    ['tfjs', tfjs],
  ] as const) {
    options.log?.(`peer: ${system}`);
    try {
      peers.push(...(await run(wanted, scripts, options)).map((row) => ({ system, ...row })));
    } catch (error) {
      const reason = error instanceof Missing ? error.message : `it failed: ${lastLine(error)}`;
      missing.push({ system, reason });
      options.log?.(`${system}: ${reason}`);
    }
  }
  return { ...result, peers, missing };
}

interface Wanted {
  /** Batches of whole steps of AlexNet, by what is done. */
  train: number[];
  inference: number[];
  /** Batches of AlexNet's layers. */
  layers: number[];
  /** Float32 operations a second that one thread can do at most. */
  peak: number;
  /** The small net with its loader: the row's id, and what it learns from. */
  epochs: { id: string; batch: number; images: number }[];
}

/** What of a result a peer can do too. */
function work(result: BenchResult): Wanted {
  const found = (pattern: RegExp) => [
    ...new Set(result.rows.flatMap((row) => (row.id.match(pattern) ? [Number(row.id.split('/').at(-1))] : []))),
  ];
  return {
    peak: Math.min(...result.machine.fma.map(({ threads, flops }) => flops / threads)),
    train: found(/^step\/alexnet\/\w+\/train\//),
    inference: found(/^step\/alexnet\/\w+\/inference\//),
    layers: found(/^layers\/alexnet\//),
    epochs: result.rows.flatMap(({ id, images }) =>
      id.startsWith('data/epoch/alexnet-small/') && images ? [{ id, images, batch: Number(id.split('/').at(-1)) }] : [],
    ),
  };
}

type Found = Omit<PeerRow, 'system'>[];

async function torch(wanted: Wanted, scripts: string, { quick }: PeerOptions): Promise<Found> {
  const python = await pythonWith(
    ['torch'],
    'PyTorch is not installed: apt-get install python3-torch libopenblas0-pthread',
  );
  await requireProducts(python, wanted.peak);
  const rows: Found = [];
  const run = (script: string, ...args: (string | number)[]) =>
    lines(python, [join(scripts, script), ...args.map(String)]);
  const batches = [...new Set([...wanted.train, ...wanted.inference])];
  for (const batch of batches) {
    const modes = (['train', 'inference'] as const).filter((mode) => wanted[mode].includes(batch));
    for (const line of await run('torch_step.py', batch, repeats(batch, quick), ...modes)) rows.push(...stepRows(line));
  }
  for (const batch of wanted.layers)
    for (const line of await run('torch_layers.py', batch, quick ? 3 : 7))
      rows.push(rowOf(`layers/alexnet/${line.work}/${line.batch}`, line));
  for (const { id, batch, images } of wanted.epochs)
    for (const line of await run('torch_epoch.py', batch, images / batch, quick ? 3 : 5)) rows.push(rowOf(id, line));
  return rows;
}

async function onnxruntime(wanted: Wanted, scripts: string, { folder, quick }: PeerOptions): Promise<Found> {
  requirePackage(folder, 'onnxruntime-node', '--ignore-scripts ');
  if (wanted.inference.length === 0) return [];
  const python = await pythonWith(
    ['onnx', 'numpy'],
    'its model is written by python3-onnx: apt-get install python3-onnx',
  );
  const rows: Found = [];
  const temporary = await mkdtemp(join(tmpdir(), 'convtape-peers-'));
  try {
    const model = join(temporary, 'alexnet.onnx');
    await execute(python, [join(scripts, 'ort_model.py'), model]);
    for (const batch of wanted.inference) {
      const args = [folder, model, String(numThreads()), String(batch), String(repeats(batch, quick))];
      for (const line of await lines(process.execPath, [join(scripts, 'ort_step.cjs'), ...args]))
        rows.push(...stepRows(line));
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return rows;
}

/**
 * PyTorch multiplies matrices by the system's BLAS, and Debian's own is the reference one, which no one would compute with: to be ahead of
 * that would say nothing.
 */
async function requireProducts(python: string, peak: number): Promise<void> {
  const script = 'import time, torch; torch.set_num_threads(1); a = torch.randn(512, 512)';
  const timed = 'def once():\n t = time.perf_counter(); a @ a; return time.perf_counter() - t';
  const { stdout } = await execute(python, ['-c', `${script}\n${timed}\nprint(min(once() for _ in range(5)))`], {
    timeout: 120_000,
  });
  const flops = (2 * 512 ** 3) / Number(stdout);
  if (flops < peak / 10)
    throw new Missing(
      `PyTorch multiplies matrices at ${(flops / 1e9).toFixed(1)} GFLOP/s a thread, of ${(peak / 1e9).toFixed(0)} that there are: ` +
        'its BLAS is the slow reference one; apt-get install libopenblas0-pthread',
    );
}

/** Plain JavaScript: one image at a time is all that is bearable, and it is asked for a batch of one only. */
async function tfjs(wanted: Wanted, scripts: string, { folder }: PeerOptions): Promise<Found> {
  requirePackage(folder, '@tensorflow/tfjs', '');
  if (!wanted.inference.includes(1)) return [];
  const out = await lines(process.execPath, [join(scripts, 'tfjs_step.cjs'), folder, '1', '1']);
  return out.flatMap(stepRows);
}

const repeats = (batch: number, quick: boolean): number => (batch === 1 ? 20 : quick ? 3 : 5);

/** A peer has one form of the net; both of ours are held against it. */
function stepRows(line: z.infer<typeof lineSchema>): Found {
  return ['grouped', 'columns'].map((form) => rowOf(`step/alexnet/${form}/${line.work}/${line.batch}`, line));
}

function rowOf(id: string, { version, seconds, peakRssBytes }: z.infer<typeof lineSchema>): Found[number] {
  return { id, version, timing: { ...spread(seconds), reps: seconds.length }, ...(peakRssBytes && { peakRssBytes }) };
}

/**
 * Python's allocator gives large blocks back to the system at once and pays for their pages again at the next step: kept, its training step is
 * several times as fast. So they are kept.
 */
const FAIR = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '-1', MALLOC_TOP_PAD_: '268435456' };

async function lines(command: string, args: string[]): Promise<z.infer<typeof lineSchema>[]> {
  const { stdout } = await execute(command, args, {
    env: { ...process.env, ...FAIR, OMP_NUM_THREADS: String(numThreads()), PYTHONDONTWRITEBYTECODE: '1' },
    timeout: 600_000,
  });
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => lineSchema.parse(JSON.parse(line)));
}

async function pythonWith(modules: readonly string[], advice: string): Promise<string> {
  for (const python of ['python3', '/usr/bin/python3']) {
    try {
      await execute(python, ['-c', `import ${modules.join(', ')}`], { timeout: 120_000 });
      return python;
    } catch {}
  }
  throw new Missing(advice);
}

function requirePackage(folder: string, name: string, flags: string): void {
  if (!existsSync(join(resolve(folder), 'node_modules', name)))
    throw new Missing(
      `${name} is not installed in ${folder}: npm install ${flags}--prefix DIR ${name}, then --peers DIR`,
    );
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr?.trim() || message).split('\n').at(-1)!;
}
