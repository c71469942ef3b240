// Thousands of hostile calls, drawn at random, at the public functions and at the addon beneath them: a JavaScript error each time, and a
// process that lives. The calls are made in processes of their own, so that one that dies is a failed test with the calls that did it.
// CONVTAPE_FUZZ_SEED=random draws others, a number repeats them; CONVTAPE_FUZZ_RUNS makes more of them.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../support/temporary';

const folder = temporaryFolder();
const { CONVTAPE_FUZZ_SEED: wanted = '2012', CONVTAPE_FUZZ_RUNS: more } = process.env;
const seed = wanted === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(wanted);
const timeout = 240_000;

interface End {
  status: number | null;
  signal: string | null;
  out: string;
  err: string;
}

async function fuzz(program: string, runs: number): Promise<string> {
  const trace = join(folder, program);
  const path = join(__dirname, `${program}.ts`);
  const args = ['-r', join(__dirname, '../support/register.js'), path, String(seed), String(more ?? runs), trace];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CONVTAPE_MEMORY_LIMIT_MB: '512' },
    timeout,
    killSignal: 'SIGKILL',
  });
  const end: End = { status: null, signal: null, out: '', err: '' };
  child.stdout.on('data', (text) => {
    end.out += text;
  });
  child.stderr.on('data', (text) => {
    end.err += text;
  });
  await new Promise<void>((resolve) =>
    child.on('close', (status, signal) => {
      Object.assign(end, { status, signal });
      resolve();
    }),
  );
  if (end.status !== 0) {
    const calls = readFileSync(trace, 'utf8').trimEnd().split('\n').slice(-25).join('\n');
    throw new Error(
      `${program} with seed ${seed} ended with ${end.signal ?? `status ${end.status}`}\n${end.err.slice(0, 6000)}\nlast calls:\n${calls}`,
    );
  }
  return end.out;
}

test(
  `the addon (seed ${seed})`,
  async () => {
    const { queued, refused, values, allocated } = JSON.parse(await fuzz('raw_calls', 4000));
    expect([values, allocated]).toEqual([
      [3, 3],
      [0, 0],
    ]);
    // Calls of both kinds, or nothing was tested.
    expect(Math.min(queued, refused) / (queued + refused)).toBeGreaterThan(0.15);
  },
  timeout + 10_000,
);

test(
  `the public functions (seed ${seed})`,
  async () => {
    const { returned, refused, values, allocated } = JSON.parse(await fuzz('public_calls', 4000));
    expect([values, allocated]).toEqual([
      [3, 3],
      [0, 0],
    ]);
    expect(Math.min(returned, refused) / (returned + refused)).toBeGreaterThan(0.1);
  },
  timeout + 10_000,
);
