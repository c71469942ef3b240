// More checkpoints than the newest: the last few, and the best one. They are further names of the same file, so that they take no time.
import { copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { WriteError } from '../util/atomic_write';
import type { RunFolder } from './run_folder';

const NAME = /^step-(\d+)\.safetensors$/;

/** Steps of the checkpoints kept beside the newest, in order. */
export async function keptSteps(folder: RunFolder): Promise<number[]> {
  const names = await readdir(folder.checkpointsPath).catch(() => []);
  return names.flatMap((name) => (NAME.test(name) ? [Number(NAME.exec(name)![1])] : [])).sort((a, b) => a - b);
}

/** `checkpoints/step-00001234.safetensors` */
export const keptPath = (folder: RunFolder, step: number): string =>
  join(folder.checkpointsPath, `step-${String(step).padStart(8, '0')}.safetensors`);

/**
 * Gives the run's checkpoint, of `step`, its place among the newest `keep`, whose oldest go; and, where it is the best, the name best.safetensors.
 * May be done again.
 * @throws WriteError; the run's checkpoint itself stays
 */
export async function keepCheckpoint(
  folder: RunFolder,
  { step, keep, best }: { step: number; keep: number; best: boolean },
): Promise<void> {
  try {
    if (best) await secondName(folder.checkpointPath, folder.bestPath);
    const before = await keptSteps(folder);
    if (keep > 1) {
      await mkdir(folder.checkpointsPath, { recursive: true });
      await secondName(folder.checkpointPath, keptPath(folder, step));
    }
    const all = [...new Set([...before, ...(keep > 1 ? [step] : [])])].sort((a, b) => a - b);
    const old = keep > 1 ? all.slice(0, -keep) : all;
    for (const each of old) await rm(keptPath(folder, each), { force: true });
  } catch (error) {
    throw new WriteError(`cannot keep the checkpoint of step ${step} in ${folder.path} under a second name`, error);
  }
}

/** `to` becomes the file that `from` is, whole at every moment; a copy where the file system knows no second names. */
async function secondName(from: string, to: string): Promise<void> {
  const temporary = join(dirname(to), `.${basename(to)}.tmp`);
  await rm(temporary, { force: true });
  try {
    await link(from, temporary).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOSPC') throw error;
      await copyFile(from, temporary);
      const file = await open(temporary, 'r+');
      await file.sync().finally(() => file.close());
    });
    await rename(temporary, to);
  } finally {
    // Where both were names of one file already, the system leaves the first; where a copy failed, its beginning is there.
    await rm(temporary, { force: true });
  }
}
