// A process that throws hostile calls at the addon itself, below everything that lib/ checks: node raw_calls.ts SEED RUNS TRACE.
// Every call must return, or throw an error that begins with the operator's name; what was queued must end.
import fc from 'fast-check';
import { addon, type DType, type NativeStorage } from '../../lib/native/addon';
import { kernels, type Spec } from './raw_kernels';
import { anything, check, checkError, describe, fail, isInstance, oddNumber, Planted, settings, size } from './values';

const { seed, runs, trace } = settings();
const numbers = new Map(addon.operators.map((name, i) => [name, i]));
const missing = addon.operators.filter((name) => !(name in kernels));
if (missing.length > 0) throw new Error(`test/robustness/raw_kernels.ts does not know ${missing.join(', ')}`);

/** More elements than that are not worth their time; counts beyond are given another number, which must be refused. */
const most = 1 << 15;

function storage(device: number, [dtype, count]: Spec): NativeStorage {
  const fits = count >= 0 && count <= most && Number.isInteger(count);
  const s = new addon.Storage(device, fits ? count : 7, dtype);
  if (!fits || count === 0) return s;
  // Labels and indices that are mostly inside their rows, and some that are not.
  if (dtype === 'i32') s.write(Int32Array.from({ length: count }, (_, i) => (i % 97 === 96 ? -5 : i % 3)));
  else if (dtype === 'u8') s.write(Uint8Array.from({ length: count }, (_, i) => i * 7));
  // Any bits: NaN and denormals among them.
  else if (dtype === 'bf16') s.write(Uint16Array.from({ length: count }, (_, i) => i * 7919));
  else s.write(Float32Array.from({ length: count }, (_, i) => Math.sin(i)));
  return s;
}

const otherTypes = (dtype: DType): DType[] => (['f32', 'i32', 'u8', 'bf16'] as const).filter((d) => d !== dtype);

type Change =
  | { kind: 'field'; at: number; value: () => unknown }
  | { kind: 'getter'; at: number; what: 'throw' | 'dispose' | 'launch' }
  | { kind: 'drop field'; at: number }
  | { kind: 'operand'; at: number; value: () => unknown }
  | {
      kind: 'dtype' | 'foreign' | 'disposed' | 'alias' | 'null' | 'getter operand' | 'drop operand' | 'add operand';
      at: number;
    }
  | { kind: 'params' | 'inputs' | 'outputs' | 'number'; value: () => unknown };

const at = fc.nat(20);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('field' as const), at, value: anything }),
  fc.record({ kind: fc.constant('field' as const), at, value: oddNumber.map((n) => () => n) }),
  fc.record({ kind: fc.constant('getter' as const), at, what: fc.constantFrom('throw', 'dispose', 'launch') }),
  fc.record({ kind: fc.constant('drop field' as const), at }),
  fc.record({ kind: fc.constant('operand' as const), at, value: anything }),
  fc.record({
    kind: fc.constantFrom(
      'dtype',
      'foreign',
      'disposed',
      'alias',
      'null',
      'getter operand',
      'drop operand',
      'add operand',
    ),
    at,
  }),
  fc.record({ kind: fc.constantFrom('params', 'inputs', 'outputs', 'number'), value: anything }),
) as fc.Arbitrary<Change>;

const call = fc.constantFrom(...Object.keys(kernels)).chain((name) =>
  fc.record({
    name: fc.constant(name),
    device: fc.nat(1),
    params: fc.record(kernels[name]!.fields(size)),
    changes: fc.oneof(
      { weight: 3, arbitrary: fc.constant<Change[]>([]) },
      { weight: 5, arbitrary: fc.array(change, { minLength: 1, maxLength: 3 }) },
    ),
  }),
);

/** Calls between two looks at what became of them. */
const settleEvery = Number(process.env.CONVTAPE_FUZZ_SETTLE ?? 20);
const counts = { queued: 0, refused: 0 };
let alive: NativeStorage[] = [];

function operandsOf(spec: readonly (Spec | null)[], device: number): unknown[] {
  return spec.map((s) => {
    if (!s) return null;
    const made = storage(device, s);
    alive.push(made);
    return made;
  });
}

function one(c: { name: string; device: number; params: object; changes: Change[] }): void {
  const { inputs, outputs } = kernels[c.name]!.operands(c.params as never);
  let params: unknown = { ...c.params };
  let number: unknown = numbers.get(c.name);
  let lists: [unknown, unknown] = [operandsOf(inputs, c.device), operandsOf(outputs, c.device)];
  const all = [...alive];
  const names = Object.keys(c.params);
  for (const change of c.changes)
    try {
      apply(change);
    } catch (error) {
      if (!(error instanceof Planted)) throw error; // an earlier change put something hostile there
    }
  const text = `launch(${c.name} on ${c.device}, ${describe(params)}, [${inputs.map((s) => s?.join(' × '))}], [${outputs.map((s) => s?.join(' × '))}]) after ${describe(c.changes, 3)}`;
  trace.call(text);
  try {
    addon.launch(number as number, params as object, lists[0] as never, lists[1] as never);
    counts.queued++;
  } catch (error) {
    counts.refused++;
    checkError(error, [c.name, 'launch', ...addon.operators], text);
  }

  function apply(change: Change): void {
    if ('at' in change && change.kind !== 'operand' && change.kind.includes('field')) {
      if (typeof params !== 'object' || params === null) return;
    }
    const field = names[('at' in change ? change.at : 0) % names.length]!;
    const side = 'at' in change ? change.at % 2 : 0;
    const list = lists[side];
    const operands = Array.isArray(list) && list.length > 0 && list.length < 10 ? list : null;
    const place = operands ? Math.floor(('at' in change ? change.at : 0) / 2) % operands.length : 0;
    const target = Object(params) as Record<string, unknown>;
    switch (change.kind) {
      case 'field':
        Reflect.set(target, field, change.value());
        break;
      case 'drop field':
        Reflect.deleteProperty(target, field);
        break;
      case 'getter': {
        const value = (c.params as Record<string, unknown>)[field];
        Reflect.defineProperty(target, field, { get: () => meddle(change.what, value), configurable: true });
        break;
      }
      case 'params':
        params = change.value();
        break;
      case 'number':
        number = change.value();
        break;
      case 'inputs':
        lists = [change.value(), lists[1]];
        break;
      case 'outputs':
        lists = [lists[0], change.value()];
        break;
      default:
        if (operands) changeOperand(change, operands, place, side);
    }
  }

  function changeOperand(change: Change, operands: unknown[], place: number, side: number): void {
    const spec = (side === 0 ? inputs : outputs)[place] ?? ['f32', 3];
    const put = (value: unknown) => Reflect.set(operands, place, value);
    switch (change.kind) {
      case 'operand':
        put(change.value());
        break;
      case 'dtype':
        put(operandsOf([[otherTypes(spec[0])[change.at % 3]!, spec[1]]], c.device)[0]);
        break;
      case 'foreign':
        put(operandsOf([spec], 1 - c.device)[0]);
        break;
      case 'disposed':
        for (const s of all) if (s === operands[place]) s.dispose();
        break;
      case 'alias':
        put(all[place]);
        break;
      case 'null':
        put(null);
        break;
      case 'getter operand': {
        const value = operands[place];
        Reflect.defineProperty(operands, place, { get: () => meddle('dispose', value), configurable: true });
        break;
      }
      case 'drop operand':
        operands.pop();
        break;
      case 'add operand':
        operands.push(operandsOf([['f32', 3]], c.device)[0]);
    }
  }

  /** What a getter does while the addon reads: the addon must have hold of what it checked. */
  function meddle(what: string, value: unknown): unknown {
    if (what === 'throw') throw new Planted('planted');
    if (what === 'dispose') {
      for (const s of all) s.dispose();
      alive.push(storage(c.device, ['f32', 64])); // takes the memory
      if (Array.isArray(lists[0])) lists[0].length = 0;
    } else {
      const y = storage(c.device, ['f32', 5]);
      addon.launch(numbers.get('fill')!, { count: 5, value: 1 }, [], [y]);
      alive.push(y);
    }
    return value;
  }
}

/** The other functions, and the methods of a storage, each with anything. */
const others = fc.record({
  which: fc.constantFrom(
    'Storage',
    'memory',
    'resetPeak',
    'releaseCached',
    'synchronize',
    'peerAccess',
    'numThreads',
    'read',
    'readSync',
    'write',
    'copyFrom',
    'dispose',
  ),
  args: fc.array(
    fc.oneof(
      anything,
      fc.constantFrom<() => unknown>(
        () => 0,
        () => 1,
        () => 'f32',
        () => 'bf16',
        () => operandsOf([['f32', 3]], 0)[0],
        () => operandsOf([['bf16', 3]], 0)[0],
        () => new Float32Array(3),
        () => new Uint16Array(3),
      ),
    ),
    { maxLength: 4 },
  ),
  self: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: anything }),
  newTarget: fc.boolean(),
  dtype: fc.constantFrom<DType>('f32', 'bf16'),
});

interface Other {
  which: string;
  args: (() => unknown)[];
  self: (() => unknown) | null;
  newTarget: boolean;
  /** Of the storage whose method is called. */
  dtype: DType;
}

async function other(c: Other) {
  const args = c.args.map((make) => make());
  const text = `${c.which}.call(${c.self ? describe(c.self()) : 'itself'}, ${args.map((a) => describe(a)).join(', ')})`;
  trace.call(text);
  const names = ['device', 'data', 'dataSync', 'copyFrom', 'copyTo', 'numThreads', 'Storage'];
  try {
    let result: unknown;
    if (c.which === 'Storage')
      result = c.newTarget
        ? Reflect.construct(addon.Storage, args, Array)
        : Reflect.apply(addon.Storage, c.self?.(), args);
    else if (c.which in addon) result = await Reflect.apply((addon as any)[c.which], c.self?.(), args);
    else {
      const s = operandsOf([[c.dtype, 3]], 0)[0];
      result = await Reflect.apply((s as any)[c.which], c.self ? c.self() : s, args);
    }
    counts.queued++;
    // One made with another prototype is one all the same.
    if (c.which === 'Storage' || isInstance(result, addon.Storage)) addon.Storage.prototype.dispose.call(result);
  } catch (error) {
    counts.refused++;
    if (error instanceof TypeError && /Illegal invocation|Class constructors cannot be invoked/.test(error.message))
      return;
    checkError(error, names, text);
  } finally {
    addon.numThreads(2);
    await settle();
  }
}

async function settle(): Promise<void> {
  for (const device of [0, 1])
    await addon.synchronize(device).catch((error) => checkError(error, addon.operators, 'synchronize'));
  for (const s of alive) s.dispose();
  alive = [];
}

async function main() {
  let n = 0;
  await check(
    fc.asyncProperty(call, async (c) => {
      one(c as Parameters<typeof one>[0]);
      if (++n % settleEvery === 0) await settle();
    }),
    seed,
    runs,
  );
  await settle();
  await check(fc.asyncProperty(others, other), seed, Math.ceil(runs / 8));
  const y = storage(0, ['f32', 2]);
  addon.launch(numbers.get('fill')!, { count: 2, value: 3 }, [], [y]);
  const values = [...(await y.read())];
  y.dispose();
  process.stdout.write(
    `${JSON.stringify({ ...counts, values, allocated: [0, 1].map((d) => addon.memory(d).allocated) })}\n`,
  );
}

main().catch(fail);
