// Where a command writes. Reports go to standard output; progress, log and errors to standard error, so that `--json` output can be piped.
import { SingleBar } from 'cli-progress';
import { type Colours, coloursOf } from '../figures/terminal';

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Whether standard error is a terminal, where a progress bar may be redrawn. */
  readonly terminal: boolean;
  /** Width of the terminal, in characters, and the colours that standard output shows. */
  readonly columns: number;
  readonly colours: Colours;
}

export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  get terminal() {
    return process.stderr.isTTY === true;
  },
  get columns() {
    return process.stdout.columns ?? process.stderr.columns ?? 80;
  },
  get colours() {
    return coloursOf(process.stdout);
  },
};

/** A bar that is redrawn where standard error is a terminal, and plain lines elsewhere. */
export class Progress {
  #bar: SingleBar | null = null;

  constructor(private readonly io: Io) {}

  /** Begins a piece of work of `total` units; `done` of them have been made. Ends the one before. */
  begin(what: string, total: number, done = 0): void {
    this.end();
    if (!this.io.terminal) return;
    this.#bar = new SingleBar({
      format: '{what} {bar} {value}/{total} {note}',
      barsize: Math.max(8, Math.min(30, this.io.columns - 70)),
      barCompleteChar: '█',
      barIncompleteChar: '░',
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
      fps: 8,
      linewrap: false,
      gracefulExit: false,
    });
    this.#bar.start(total, done, { what, note: '' });
  }

  update(done: number, note?: string): void {
    this.#bar?.update(done, note === undefined ? {} : { note });
  }

  /** A line that stays, above the bar. */
  line(text: string): void {
    if (this.#bar && this.io.terminal) this.io.err(`\r\x1b[K`);
    this.io.err(`${text}\n`);
    this.#bar?.render();
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

/** `12.3%` */
export const percent = (fraction: number, digits = 2): string => `${(100 * fraction).toFixed(digits)}%`;

/** `1 h 02 min`, `3 min 05 s`, `12.3 s` */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0');
  return minutes < 60
    ? `${minutes} min ${two(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** `1 pass`, `2 passes`, `1.25 passes` */
export function passes(n: number): string {
  return `${Number.isInteger(n) ? n : n.toFixed(2)} ${n === 1 ? 'pass' : 'passes'}`;
}

/** `1.2 GB` (10^9), `34.5 MB` */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = n;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Rows of cells in columns: text to the left, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, c) => Math.max(...all.map((row) => String(row[c] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, c) => {
          const right = rows.length > 0 && rows.every((r) => typeof r[c] === 'number');
          return right ? String(cell).padStart(widths[c]!) : String(cell).padEnd(widths[c]!);
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
