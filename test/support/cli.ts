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

export async function convtape(...args: string[]): Promise<Outcome> {
  let out = '';
  let err = '';
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    terminal: false,
    columns: 100,
  };
  const status = await run(args, io);
  return { status, out, err };
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
