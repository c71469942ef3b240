// CONVTAPE_LEAKS=1: tensors that the garbage collector finds before anybody disposed of them are counted by the line that made them.
import { dirname } from 'node:path';

interface Made {
  readonly bytes: number;
  /** `Tensor f32 [2, 3]` */
  readonly what: string;
  readonly where: string;
}

/** What the collector found of one line. */
interface Leak {
  count: number;
  bytes: number;
  readonly example: string;
}

class LeakDetector {
  readonly #leaks = new Map<string, Leak>();
  readonly #registry = new FinalizationRegistry<Made>(({ where, what, bytes }) => {
    const leak = this.#leaks.get(where) ?? { count: 0, bytes: 0, example: what };
    if (leak.count++ === 0) warn(`a ${what} was not disposed of; made ${where}`);
    leak.bytes += bytes;
    this.#leaks.set(where, leak);
  });

  constructor() {
    process.on('exit', () => {
      for (const [where, { count, bytes, example }] of this.#leaks)
        warn(`${count} × ${example} (${(bytes / 2 ** 20).toFixed(1)} MB in all) never disposed of; made ${where}`);
    });
  }

  made(tensor: object, what: string, bytes: number): void {
    this.#registry.register(tensor, { what, bytes, where: caller() }, tensor);
  }

  disposed(tensor: object): void {
    this.#registry.unregister(tensor);
  }
}

function warn(line: string): void {
  process.stderr.write(`convtape: ${line}\n`);
}

const own = dirname(__dirname);

/** The first frame outside this package, or the outermost where all are inside: a command of its own. */
function caller(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = limit;
  const frame = frames.find((f) => !f.includes(own) && !f.includes('(node:')) ?? frames.at(-1) ?? 'somewhere';
  return frame.trim();
}

/** There where CONVTAPE_LEAKS asks for it; it costs a stack trace a tensor. */
export const leaks: LeakDetector | null = process.env['CONVTAPE_LEAKS'] === '1' ? new LeakDetector() : null;
