// The folder of a run: config.json (the recipe), metrics.jsonl, checkpoint.safetensors.
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { reasonOf, WriteError } from '../util/atomic_write';
import { makeFolder, makeNew } from '../util/make_folder';
import { type Recipe, resolveRecipe } from './recipe';

/** Files that cannot be read or written; the message is one line for a person. */
export class RunError extends Error {}

export class RunFolder {
  readonly configPath: string;
  readonly metricsPath: string;
  readonly checkpointPath: string;
  /** The checkpoint with the lowest error watched. */
  readonly bestPath: string;
  /** Folder of the newest checkpoints, where more than one is kept. */
  readonly checkpointsPath: string;

  private constructor(readonly path: string) {
    this.configPath = join(path, 'config.json');
    this.metricsPath = join(path, 'metrics.jsonl');
    this.checkpointPath = join(path, 'checkpoint.safetensors');
    this.bestPath = join(path, 'best.safetensors');
    this.checkpointsPath = join(path, 'checkpoints');
  }

  /** A folder for a new run, made where it is missing. @throws RunError where it holds something already or cannot be written. */
  static create(path: string): RunFolder {
    const run = new RunFolder(path);
    if (existsSync(run.configPath))
      throw new RunError(`there is a run in ${path} already; give --resume to go on with it, or another --out`);
    try {
      makeFolder(path);
      accessSync(path, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new RunError(`the run's folder ${path} cannot be written: ${reasonOf(error)}`, { cause: error });
    }
    const inside = readdirSync(path);
    if (inside.length > 0)
      throw new RunError(`${path} holds something else (${inside.slice(0, 3).join(', ')}); give --out another folder`);
    return run;
  }

  /**
   * A new folder for a run of that model: runs/MODEL-N below the current folder, N the first number from 1 that is free.
   * @throws RunError where it cannot be made
   */
  static next(model: string): RunFolder {
    let path = 'runs';
    try {
      makeFolder(path);
      for (let n = 1; ; n++) {
        path = join('runs', `${model}-${n}`);
        if (makeNew(path)) return new RunFolder(path);
      }
    } catch (error) {
      throw new RunError(
        `the folder ${path} cannot be made for the run: ${reasonOf(error)}; give --out a folder elsewhere`,
        { cause: error },
      );
    }
  }

  /** Takes away a folder that {@link create} or {@link next} made and nothing went into. */
  removeIfEmpty(): void {
    try {
      rmdirSync(this.path);
    } catch {
      // not empty, or in use: it stays
    }
  }

  /** The folder of a run that exists. @throws RunError where it does not, or its config.json is not a recipe. */
  static open(path: string): RunFolder {
    const run = new RunFolder(path);
    if (!existsSync(path)) throw new RunError(`there is no run in ${path}: no such folder`);
    if (!statSync(path).isDirectory() || !existsSync(run.configPath))
      throw new RunError(`${path} is not a run's folder: it has no config.json`);
    return run;
  }

  /** Whether `path` holds a run. */
  static exists(path: string): boolean {
    return existsSync(join(path, 'config.json'));
  }

  get hasCheckpoint(): boolean {
    return existsSync(this.checkpointPath);
  }

  recipe(): Recipe {
    let given: unknown;
    try {
      given = JSON.parse(readFileSync(this.configPath, 'utf8'));
      if (typeof given !== 'object' || given === null) throw new TypeError('it holds no object');
    } catch (error) {
      throw new RunError(`${this.configPath} cannot be read: ${reasonOf(error)}`, { cause: error });
    }
    return resolveRecipe(given as Record<string, unknown>);
  }

  /** @throws WriteError; the one that was there still is */
  writeRecipe(recipe: Recipe): void {
    try {
      writeFileSync(`${this.configPath}.tmp`, `${JSON.stringify(recipe, null, 2)}\n`);
      renameSync(`${this.configPath}.tmp`, this.configPath);
    } catch (error) {
      rmSync(`${this.configPath}.tmp`, { force: true });
      throw new WriteError(`cannot write ${this.configPath}`, error);
    }
  }
}
