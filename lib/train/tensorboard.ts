// Event files that TensorBoard reads: records framed as TFRecord, each an Event message in protocol buffers' encoding. Written here because the
// four messages it takes are a few lines, and no package that is kept alive does it.
//
//   record   length u64, masked CRC-32C of it u32, message, masked CRC-32C of the message u32; little-endian
//   Event    wall_time = 1 double, step = 2 int64, file_version = 3 string, summary = 5 Summary, session_log = 7 SessionLog
//   Summary  value = 1 repeated { tag = 1 string, simple_value = 2 float }
//   SessionLog  status = 1 enum (1: start)
import { closeSync, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { appendAll, WriteError } from '../util/atomic_write';
import type { MetricsLine } from './metrics';

const polynomial = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
  return c;
});

/** CRC-32C (Castagnoli; RFC 3720, appendix B.4). */
export function crc32c(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = table[(c ^ byte) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** A checksum of data that may hold checksums itself, as TFRecord stores it: rotated by 15 bits, plus a constant. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const c = crc32c(bytes);
  return (((c >>> 15) | (c << 17)) + 0xa282ead8) >>> 0;
}

export function record(message: Uint8Array): Buffer {
  const out = Buffer.alloc(16 + message.length);
  out.writeBigUInt64LE(BigInt(message.length), 0);
  out.writeUInt32LE(maskedCrc32c(out.subarray(0, 8)), 8);
  out.set(message, 12);
  out.writeUInt32LE(maskedCrc32c(message), 12 + message.length);
  return out;
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  return Buffer.from([...out, rest]);
}

const [VARINT, DOUBLE, BYTES, FLOAT] = [0, 1, 2, 5];
const key = (field: number, type: number) => varint(field * 8 + type);
const bytes = (field: number, content: Uint8Array) =>
  Buffer.concat([key(field, BYTES!), varint(content.length), content]);

function double(field: number, value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeDoubleLE(value);
  return Buffer.concat([key(field, DOUBLE!), out]);
}

function float(field: number, value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeFloatLE(value);
  return Buffer.concat([key(field, FLOAT!), out]);
}

/** @param wallTime seconds since 1970 */
function event(wallTime: number, step: number, ...content: readonly Uint8Array[]): Buffer {
  return Buffer.concat([double(1, wallTime), key(2, VARINT!), varint(step), ...content]);
}

export function scalarsEvent(wallTime: number, step: number, scalars: readonly (readonly [string, number])[]): Buffer {
  const values = scalars.map(([tag, value]) => bytes(1, Buffer.concat([bytes(1, Buffer.from(tag)), float(2, value)])));
  return event(wallTime, step, bytes(5, Buffer.concat(values)));
}

/** What a line of metrics.jsonl is called in TensorBoard. */
export function scalarsOf(line: MetricsLine): [string, number][] {
  const group = line.kind === 'eval' ? (line.split ?? 'eval') : 'train';
  const out: [string, number][] = [
    [`loss/${group}`, line.loss],
    [`error top-1/${group}`, line.top1],
    [`error top-5/${group}`, line.top5],
    [`images per second/${group}`, line.imagesPerSecond],
  ];
  if (line.kind === 'eval') return out;
  out.push(['rate/train', line.lr]);
  if (line.dataWait !== undefined) out.push(['data wait/train', line.dataWait]);
  if (line.memory !== undefined) out.push(['memory/train', line.memory]);
  for (const [layer, { gradient, update, weight }] of Object.entries(line.norms ?? {}))
    out.push(
      [`norm of gradient/${layer}`, gradient],
      [`norm of update/${layer}`, update],
      [`norm of weights/${layer}`, weight],
    );
  return out;
}

/** One event file, of one session of a run; TensorBoard joins those of a folder. */
export class EventFile {
  readonly path: string;
  readonly #file: number;
  readonly #now: () => number;

  /** @param step the step that the session begins after: what earlier files say of later steps no longer counts */
  constructor(folder: string, step: number, now: () => number = () => Date.now() / 1000) {
    this.#now = now;
    const begun = now();
    const stamp = String(Math.floor(begun)).padStart(10, '0');
    this.path = join(folder, `events.out.tfevents.${stamp}.${hostname()}.${process.pid}.${step}`);
    try {
      this.#file = openSync(this.path, 'a');
    } catch (error) {
      throw new WriteError(`cannot write ${this.path}`, error);
    }
    this.#append(Buffer.concat([double(1, begun), bytes(3, Buffer.from('brain.Event:2'))]));
    if (step > 0) this.#append(event(begun, step + 1, bytes(7, Buffer.concat([key(1, VARINT!), varint(1)]))));
  }

  write(line: MetricsLine): void {
    const scalars = scalarsOf(line).filter(([, value]) => Number.isFinite(value));
    this.#append(scalarsEvent(this.#now(), line.step, scalars));
  }

  #append(message: Uint8Array): void {
    appendAll(this.#file, this.path, record(message));
  }

  close(): void {
    closeSync(this.#file);
  }
}
