// A worker process: makes shards one after another, as it is told. It ends with its parent, and a shard that is not finished then leaves
// nothing behind.
import { isFull, reasonOf } from '../../util/atomic_write';
import { singleThreaded } from '../images';
import { makeShard, type ShardJob, type ShardSettings, Stopped } from './shard_job';

export type ToWorker = { out: string; job: ShardJob; settings: ShardSettings } | 'stop';
export type FromWorker =
  | { kind: 'images'; images: number }
  | { kind: 'done'; images: number; skipped: number }
  /** `full`: for want of room on the disk. */
  | { kind: 'failed'; message: string; full: boolean };

const stop = new AbortController();
// A Ctrl-C goes to the whole group of processes; the parent says when to stop.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => {
  stop.abort();
  if (!busy) process.exit(0);
});

let busy = false;
const send = (message: FromWorker) => {
  if (process.connected) process.send!(message, () => {});
};

process.on('message', (message: ToWorker) => {
  if (message === 'stop') {
    stop.abort();
    if (!busy) process.disconnect();
    return;
  }
  busy = true;
  void work(message).then(() => {
    busy = false;
    if (stop.signal.aborted) process.exit(0);
  });
});

async function work({ out, job, settings }: Exclude<ToWorker, 'stop'>): Promise<void> {
  let images = 0;
  const report = () => {
    if (images > 0) send({ kind: 'images', images });
    images = 0;
  };
  try {
    await singleThreaded();
    const result = await makeShard(out, job, settings, stop.signal, () => {
      if (++images === 16) report();
    });
    report();
    send({ kind: 'done', ...result });
  } catch (error) {
    if (!(error instanceof Stopped)) send({ kind: 'failed', message: reasonOf(error), full: isFull(error) });
  }
}
