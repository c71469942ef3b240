// Runs the command line inside the test's process, or as a process of its own where it must be killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../lib/cli/program';

export interface Outcome {
  status: number;
  out: string;
  err: string;
}

/** An Io that keeps what is written. */
export function capture() {
  const text = { out: '', err: '' };
  return {
    text,
    out: (more: string) => {
      text.out += more;
    },
    err: (more: string) => {
      text.err += more;
    },
    terminal: false,
    columns: 100,
    colours: 'none' as const,
  };
}

export async function convtape(...args: string[]): Promise<Outcome> {
  const io = capture();
  const status = await run(args, io);
  return { status, ...io.text };
}

/** The command line as a process of its own, compiled on the way in. */
export function convtapeProcess(...args: string[]): ChildProcess {
  const root = join(__dirname, '..', '..');
  return spawn(process.execPath, ['-r', join(__dirname, 'register.js'), join(root, 'lib/cli/main.ts'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** A folder for one test file, gone when its tests are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'convtape-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
