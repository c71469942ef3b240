import { existsSync } from 'node:fs';
import type { ColumnNet } from '../models';
import { devices as allDevices } from '../tensor/device';
import { buildModel } from './build';
import type { InputFacts } from './input';
import { amendRecipe, type Recipe } from './recipe';
import { readRunCheckpoint } from './run_checkpoint';
import { RunError, RunFolder } from './run_folder';

/** A trained network, and what it must be shown. */
export interface LoadedRun extends Disposable {
  readonly path: string;
  readonly recipe: Recipe;
  readonly facts: InputFacts;
  readonly model: ColumnNet;
  /** Updates it was trained with. */
  readonly step: number;
}

/**
 * The network of a run's folder. `devices`: one (grouped) or two (columns), whatever the run was trained on; default: the run's own, or
 * the CPU's where this machine lacks those.
 * `which`: the newest checkpoint, or the one with the lowest error watched.
 * @throws RunError where there is no run, or no checkpoint in it yet, or the checkpoint is cut short.
 */
export async function loadRun(
  path: string,
  devices?: readonly string[],
  onNote?: (text: string) => void,
  which: 'last' | 'best' = 'last',
): Promise<LoadedRun> {
  const folder = RunFolder.open(path);
  const stored = folder.recipe();
  if (!folder.hasCheckpoint) throw new RunError(`the run in ${path} has no checkpoint yet`);
  if (which === 'best' && !existsSync(folder.bestPath))
    throw new RunError(`the run in ${path} has no best checkpoint: it has not been evaluated while it trained`);
  const checkpoint = await readRunCheckpoint(which === 'best' ? folder.bestPath : folder.checkpointPath, false);
  let on = devices ?? stored.devices;
  const there = allDevices().map((d) => d.name);
  if (!devices && !on.every((name) => there.includes(name))) {
    on = there.filter((name) => name.startsWith('cpu:')).slice(0, on.length);
    onNote?.(`${path} was trained on ${stored.devices.join(', ')}, which this machine lacks; using ${on.join(', ')}`);
  }
  const recipe = amendRecipe(stored, { devices: on });
  const model = buildModel(recipe, checkpoint.facts);
  try {
    checkpoint.restore(model);
  } catch (error) {
    model.dispose();
    throw error;
  }
  const { facts, progress } = checkpoint;
  return { path, recipe, facts, model, step: progress.step, [Symbol.dispose]: () => model.dispose() };
}
