// Values that no function expects, and how a fuzzing process reports.
import { closeSync, openSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import fc from 'fast-check';

/** What a getter or a trap of a hostile object throws: such errors are the caller's own, and come back as they are. */
export class Planted extends Error {}

const boom = (): never => {
  throw new Planted('planted');
};

/** What an object throws that is turned into text or a number: messages must be made without that. */
export class Printed extends Error {}

const unprintable = (): never => {
  throw new Printed('was asked for its text');
};

/** An object of which nothing can be asked without an exception. */
const thrower = () =>
  new Proxy(
    {},
    Object.fromEntries(
      ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'set'].map((trap) => [trap, boom]),
    ),
  );

function cyclic(): object {
  const list: unknown[] = [1];
  list.push(list);
  return list;
}

/** Fresh on every draw: some of them break when they are used. */
const makers: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => 'relu',
  () => '',
  () => 'cpu:0',
  () => 'x'.repeat(100_000),
  () => '\ud800 %s %n \0',
  () => 10n ** 40n,
  () => Symbol('s'),
  () => () => 1,
  () => ({}),
  () => [],
  () => [[]],
  () => [1, 2, 3, 4, 5, 6, 7, 8, 9],
  () => [2, 'a'],
  () => Object.assign([2], { 2: 3 }), // with a hole
  () => new Array(2 ** 32 - 1),
  () => Object.create(null),
  () => ({ length: 2 ** 53, 0: 1 }),
  () => ({ toString: unprintable, valueOf: unprintable }),
  () => ({ [Symbol.toPrimitive]: unprintable }),
  () => ({ [inspect.custom]: unprintable }),
  () => ({
    get shape() {
      return boom();
    },
    get dtype() {
      return boom();
    },
  }),
  () => Object.defineProperty([3, 3, 3], 1, { get: boom, enumerable: true }),
  () => Object.defineProperty(new Float32Array(2), 'constructor', { value: null }),
  () => Object.defineProperty(new Float32Array(2), 'length', { value: 2 ** 40 }),
  () => new Proxy([2, 2], {}),
  () => thrower(),
  () => cyclic(),
  () => new Float64Array(3),
  () => new Uint16Array(3),
  () => new Float32Array(new SharedArrayBuffer(16)),
  () => new BigInt64Array(2),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => new Map([[1, 2]]),
  () => new Date(Number.NaN),
  () => Promise.resolve(1),
  () => globalThis,
];

export const oddNumbers: readonly number[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  -1,
  -7,
  0.5,
  1e-300,
  1e300,
  255,
  256,
  2 ** 16,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 31),
  -(2 ** 53),
  -(2 ** 63),
];

export const oddNumber: fc.Arbitrary<number> = fc.constantFrom(...oddNumbers);

/** A number that makes shapes: mostly small. */
export const size: fc.Arbitrary<number> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(1, 2, 3, 4, 5, 8, 17, 33) },
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: oddNumber },
);

/** Anything at all, made anew for every call. */
export const anything: fc.Arbitrary<() => unknown> = fc.oneof(
  fc.constantFrom(...makers),
  oddNumber.map((n) => () => n),
);

/** A short description that never throws. */
export function describe(value: unknown, depth = 2): string {
  try {
    if (typeof value === 'string') return JSON.stringify(value.slice(0, 30));
    if (typeof value === 'function') return 'function';
    if (value === null || typeof value !== 'object') return String(value);
    if (Array.isArray(value)) {
      if (depth === 0 || value.length > 12) return `Array(${value.length})`;
      return `[${Array.from(value, (v) => describe(v, depth - 1)).join(', ')}]`;
    }
    const kind = value.constructor?.name ?? 'null prototype';
    if (kind === 'Tensor') return String(value);
    if (ArrayBuffer.isView(value) || depth === 0) return kind;
    const fields = Object.entries(value).slice(0, 14);
    return `${kind} {${fields.map(([k, v]) => `${k}: ${describe(v, depth - 1)}`).join(', ')}}`;
  } catch (error) {
    return `(${error instanceof Planted ? 'hostile' : 'unreadable'})`;
  }
}

/** Where a process leaves what it is about to do, for whoever finds it dead. */
export class Trace {
  readonly #file: number;
  #lines: string[] = [];

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  /** The next call. */
  call(text: string): void {
    this.#lines.push(text);
    writeSync(this.#file, `${text}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** The last calls. */
  get last(): readonly string[] {
    return this.#lines.slice(-5);
  }
}

/** Fails unless `error` is a planted one, or an Error whose message begins with one of `names` and says something. */
export function checkError(error: unknown, names: readonly string[], call: string): void {
  if (error instanceof Planted) return;
  if (!(error instanceof Error)) throw new Error(`${call} threw ${describe(error)}, which is no Error`);
  const name = names.find(
    (n) => error.message.startsWith(`${n}: `) || (n.startsWith('--') && error.message.startsWith(`${n} `)),
  );
  if (name === undefined || error.message.length < name.length + 12)
    throw new Error(`${call} threw '${error.message.slice(0, 300)}', which does not begin with ${names.join(' or ')}`, {
      cause: error,
    });
}

/** Runs the property `runs` times and says of a failure what it takes to see it again. */
export async function check<T>(property: fc.IAsyncProperty<T>, seed: number, runs: number): Promise<void> {
  const { failed, errorInstance, counterexamplePath } = await fc.check(property, {
    seed,
    numRuns: runs,
    endOnFailure: true,
  });
  if (!failed) return;
  const error = errorInstance as Error;
  throw new Error(`${error.message} (seed ${seed}, path ${counterexamplePath})`, { cause: error.cause ?? error });
}

/** Whether `x` is an instance; some values do not even bear the question. */
export function isInstance<T>(x: unknown, kind: abstract new (...args: never[]) => T): x is T {
  try {
    return x instanceof kind;
  } catch {
    return false;
  }
}

/** Writes what went wrong, with the stack of its cause, and ends the process with status 1. */
export function fail(error: Error): void {
  process.stderr.write(`${error.message}\n${(error.cause as Error | undefined)?.stack ?? error.stack}\n`);
  process.exitCode = 1;
}

/** Seed, number of calls and trace file of a fuzzing process, from its arguments. */
export function settings(): { seed: number; runs: number; trace: Trace } {
  const [seed, runs, path] = process.argv.slice(2) as [string, string, string];
  return { seed: Number(seed), runs: Number(runs), trace: new Trace(path) };
}
