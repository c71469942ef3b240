// Shards made by processes side by side. Threads would share one pool for decoding, of four; processes each have their own.
import { type ChildProcess, fork } from 'node:child_process';
import { DataError } from '../dataset';
import { makeShard, type ShardJob, type ShardSettings, Stopped } from './shard_job';
import type { FromWorker, ToWorker } from './worker';

export interface WorkerOptions {
  /** Processes; with 1 the work is done in this one. */
  workers: number;
  signal: AbortSignal;
  onImages: (images: number) => void;
  onShard: (job: ShardJob, result: { images: number; skipped: number }) => void;
  onNote: (text: string) => void;
  /** @internal Options of Node for the worker processes. Default: this process's. */
  execArgv?: readonly string[] | undefined;
}

/** How often a shard is begun before its workers' deaths are taken for its fault. */
const ATTEMPTS = 3;

/**
 * Makes all shards of the list. On a failure the others stop; what is finished stays.
 * @throws Stopped where the signal came; Error with the first failure
 */
export async function makeShards(
  out: string,
  jobs: readonly ShardJob[],
  settings: ShardSettings,
  options: WorkerOptions,
): Promise<void> {
  if (options.workers === 1) {
    for (const job of jobs) {
      if (options.signal.aborted) throw new Stopped('stopped');
      options.onShard(job, await makeShard(out, job, settings, options.signal, () => options.onImages(1)));
    }
    return;
  }
  await new Pool(out, jobs, settings, options).run();
}

class Pool {
  readonly #waiting: { job: ShardJob; attempts: number }[];
  readonly #running = new Set<ChildProcess>();
  #failure: Error | null = null;
  #resolve!: () => void;

  constructor(
    private readonly out: string,
    jobs: readonly ShardJob[],
    private readonly settings: ShardSettings,
    private readonly options: WorkerOptions,
  ) {
    this.#waiting = jobs.map((job) => ({ job, attempts: 0 }));
  }

  async run(): Promise<void> {
    const { signal, workers } = this.options;
    const stop = () => this.#fail(new Stopped('stopped'));
    const ended = new Promise<void>((resolve) => {
      this.#resolve = resolve;
    });
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    try {
      for (let i = 0; i < Math.min(workers, this.#waiting.length); i++) this.#start();
      this.#settle();
      await ended;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (this.#failure) throw this.#failure;
  }

  #start(): void {
    if (this.#failure || this.#waiting.length === 0) return;
    const { execArgv } = this.options;
    const child = fork(require.resolve('./worker'), [], {
      env: { ...process.env, UV_THREADPOOL_SIZE: '2' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      ...(execArgv && { execArgv: [...execArgv] }),
    });
    this.#running.add(child);
    let current: { job: ShardJob; attempts: number } | null = null;
    /** Images reported of the current shard: they are taken back if it has to be begun again. */
    let reported = 0;
    const send = (message: ToWorker) => {
      if (child.connected) child.send(message, () => {});
    };
    const next = () => {
      current = this.#failure ? null : (this.#waiting.shift() ?? null);
      reported = 0;
      if (!current) return send('stop');
      current.attempts++;
      send({ out: this.out, job: current.job, settings: this.settings });
    };
    child.on('message', (message: FromWorker) => {
      if (message.kind === 'images') {
        reported += message.images;
        this.options.onImages(message.images);
      } else if (message.kind === 'failed') {
        current = null;
        const cause = message.full ? Object.assign(new Error(message.message), { code: 'ENOSPC' }) : undefined;
        this.#fail(new DataError(message.message, { cause }));
      } else {
        this.options.onShard(current!.job, message);
        next();
      }
    });
    child.on('error', (error) => this.#fail(new DataError(`a worker could not be started: ${error.message}`)));
    child.on('close', (code, signal) => {
      this.#running.delete(child);
      if (current && !this.#failure) {
        this.options.onImages(-reported);
        this.#died(current, signal ? `ended by ${signal}` : `ended with status ${code}`);
      }
      this.#settle();
    });
    next();
  }

  #died(lost: { job: ShardJob; attempts: number }, how: string): void {
    const { file } = lost.job;
    if (lost.attempts >= ATTEMPTS) {
      this.#fail(new DataError(`a worker was ${how} while it made ${file}, ${ATTEMPTS} times in a row`));
      return;
    }
    this.options.onNote(`a worker was ${how}; ${file} is begun again`);
    this.#waiting.unshift(lost);
    this.#start();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const child of this.#running) if (child.connected) child.send('stop' satisfies ToWorker, () => {});
    this.#settle();
  }

  #settle(): void {
    if (this.#running.size === 0) this.#resolve();
  }
}
