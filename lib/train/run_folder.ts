// The folder of a run: config.json (the recipe), metrics.jsonl, checkpoint.safetensors.
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Recipe, resolveRecipe } from './recipe';

/** Files that cannot be read or written; the message is one line for a person. */
export class RunError extends Error {}

export class RunFolder {
  readonly configPath: string;
  readonly metricsPath: string;
  readonly checkpointPath: string;

  private constructor(readonly path: string) {
    this.configPath = join(path, 'config.json');
    this.metricsPath = join(path, 'metrics.jsonl');
    this.checkpointPath = join(path, 'checkpoint.safetensors');
  }

  /** A folder for a new run, made where it is missing. @throws RunError where it holds something already or cannot be written. */
  static create(path: string): RunFolder {
    const run = new RunFolder(path);
    if (existsSync(run.configPath))
      throw new RunError(`there is a run in ${path} already; give --resume to go on with it, or another --out`);
    try {
      mkdirSync(path, { recursive: true });
      accessSync(path, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new RunError(`the run's folder ${path} cannot be written: ${reason(error)}`, { cause: error });
    }
    const inside = readdirSync(path);
    if (inside.length > 0)
      throw new RunError(`${path} holds something else (${inside.slice(0, 3).join(', ')}); give --out another folder`);
    return run;
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
      throw new RunError(`${this.configPath} cannot be read: ${reason(error)}`, { cause: error });
    }
    return resolveRecipe(given as Record<string, unknown>);
  }

  writeRecipe(recipe: Recipe): void {
    try {
      writeFileSync(`${this.configPath}.tmp`, `${JSON.stringify(recipe, null, 2)}\n`);
      renameSync(`${this.configPath}.tmp`, this.configPath);
    } catch (error) {
      throw new RunError(`${this.configPath} cannot be written: ${reason(error)}`, { cause: error });
    }
  }
}

/** What went wrong, in words, from a system error or any other. */
export function reason(error: unknown): string {
  const words: Record<string, string> = {
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EROFS: 'the file system is read-only',
    ENOTDIR: 'a part of the path is a file',
    EEXIST: 'there is a file of that name',
    ENOSPC: 'no space left on the disk',
    ENOENT: 'no such file or folder',
    EISDIR: 'it is a folder',
  };
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return (code && words[code]) || (error instanceof Error ? error.message : String(error));
}
