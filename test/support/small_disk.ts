// A file system that is full when a test wants it to be: a tmpfs of its own, in a mount namespace of its own, which goes with the process that
// holds it. Where none can be mounted (no root and no user namespaces), a limit on the size of files, which also stops a write part of the way.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from './cli';
import { build } from './package';

const isRoot = process.getuid?.() === 0;
const unshare = isRoot ? ['-m'] : ['-r', '-m'];
const enter = isRoot ? ['-m'] : ['--preserve-credentials', '-U', '-m'];

/** Whether a tmpfs can be mounted. */
export const canMount =
  spawnSync('unshare', [...unshare, 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt && command -v nsenter'], {
    stdio: 'ignore',
  }).status === 0;

export interface SmallDisk {
  /** The folder as commands on the disk have it. */
  readonly inside: string;
  /** The same folder, as the test reads it. */
  readonly outside: string;
  /** What a full disk is called. */
  readonly reason: string;
  /** Leaves so many bytes free; a limit on files' sizes stands for that where there is no tmpfs. */
  fill(free: number): void;
  /** Ends what {@link fill} did. */
  makeRoom(): void;
  /** The command line, as a process that has the disk. */
  convtape(...args: string[]): Outcome;
  close(): void;
}

export async function smallDisk(megabytes: number): Promise<SmallDisk> {
  const folder = mkdtempSync(join(tmpdir(), 'convtape-test-'));
  const disk = canMount ? await mounted(folder, megabytes) : limited(folder);
  return {
    ...disk,
    close() {
      disk.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const root = join(__dirname, '../..');
const main = [process.execPath, '-r', join(__dirname, 'register.js'), join(root, 'lib/cli/main.ts')];
// In a user namespace the folders above belong to nobody that it knows, and the transpiler of tests does not trust them.
const compiled = [process.execPath, join(root, 'dist/cli/main.js')];

function outcome(command: string, args: readonly string[]): Outcome {
  const { status, signal, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status === null) throw new Error(`${command} was ended by ${signal}:\n${stderr}`);
  return { status, out: stdout, err: stderr };
}

async function mounted(inside: string, megabytes: number): Promise<SmallDisk> {
  if (!isRoot) build();
  const command = isRoot ? main : compiled;
  const script = 'mount -t tmpfs -o size="$1"m none "$2" && echo ready && exec sleep 3600';
  const holder: ChildProcess = spawn('unshare', [...unshare, 'sh', '-c', script, '-', String(megabytes), inside], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout!, 'data');
  const outside = join('/proc', String(holder.pid), 'root', inside);
  const filler = join(outside, '.filler');
  const makeRoom = () => writeFileSync(filler, '');
  return {
    inside,
    outside,
    reason: 'no space left on the disk (ENOSPC)',
    fill(free) {
      makeRoom();
      const { bfree, bsize } = statfsSync(outside);
      writeFileSync(filler, Buffer.alloc((bfree - Math.ceil(free / bsize)) * bsize));
    },
    makeRoom,
    convtape: (...args) =>
      outcome('nsenter', ['-t', String(holder.pid), ...enter, `--wd=${root}`, ...command, ...args]),
    close: () => void holder.kill(),
  };
}

function limited(folder: string): SmallDisk {
  let blocks = 'unlimited';
  return {
    inside: folder,
    outside: folder,
    reason: 'the file would be larger than this process may write (EFBIG)',
    fill(free) {
      blocks = String(Math.floor(free / 1024));
    },
    makeRoom() {
      blocks = 'unlimited';
    },
    convtape: (...args) =>
      outcome('bash', ['-c', `trap '' XFSZ; ulimit -f ${blocks}; exec "$@"`, '-', ...main, ...args]),
    close() {},
  };
}
