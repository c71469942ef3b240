import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import { tensor } from '../../lib/tensor/create';
import { readMetrics } from '../../lib/train/metrics';
import { layerNorms } from '../../lib/train/norms';
import { train } from '../../lib/train/run';
import { crc32c, EventFile, maskedCrc32c, record, scalarsEvent, scalarsOf } from '../../lib/train/tensorboard';
import { temporaryFolder } from '../support/temporary';

const folder = temporaryFolder();

test('CRC-32C of the vectors of RFC 3720', () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(ascending)).toBe(0x46dd794e);
  expect(crc32c(ascending.slice().reverse())).toBe(0x113fdb5c);
});

test('records are those that other writers give for the same events', () => {
  // TensorFlow's and another package's files for a version record and for two scalars at wall time 256.5.
  const version = Buffer.from('090000c025dd75d5411a0d627261696e2e4576656e743a31', 'hex');
  expect(record(version).toString('hex')).toBe(
    '1800000000000000a37f4b22090000c025dd75d5411a0d627261696e2e4576656e743a31ecf3328d',
  );
  expect(record(scalarsEvent(256.5, 1, [['v/1', 1.5]])).toString('hex')).toBe(
    '19000000000000008bf10828090000000000087040' + '10012a0c0a0a0a03762f31150000c03f2cecc087',
  );
  expect(record(scalarsEvent(256.5, 2, [['v/22', 16]])).toString('hex')).toBe(
    '1a00000000000000129bd82d090000000000087040' + '10022a0d0a0b0a04762f3232150000804' + '18fa3b688',
  );
});

interface Event {
  wallTime: number;
  step: number;
  version?: string;
  scalars: Record<string, number>;
  started?: boolean;
}

/** The events of a file, by the format's own description. @throws where a checksum is wrong */
function read(path: string): Event[] {
  const file = readFileSync(path);
  const events: Event[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const message = file.subarray(at + 12, at + 12 + length);
    if (file.readUInt32LE(at + 8) !== maskedCrc32c(file.subarray(at, at + 8))) throw new Error('checksum of a length');
    if (file.readUInt32LE(at + 12 + length) !== maskedCrc32c(message)) throw new Error('checksum of a message');
    const event: Event = { wallTime: 0, step: 0, scalars: {} };
    for (const [field, value] of fields(message)) {
      if (field === 1) event.wallTime = (value as Buffer).readDoubleLE();
      if (field === 2) event.step = value as number;
      if (field === 3) event.version = String(value);
      if (field === 5)
        for (const [, scalar] of fields(value as Buffer)) {
          const [[, tag], [, number]] = fields(scalar as Buffer) as [[number, Buffer], [number, Buffer]];
          event.scalars[String(tag)] = number.readFloatLE();
        }
      if (field === 7) event.started = (fields(value as Buffer)[0] ?? [])[1] === 1;
    }
    events.push(event);
    at += 16 + length;
  }
  return events;
}

function fields(message: Buffer): [number, number | Buffer][] {
  const out: [number, number | Buffer][] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const type = key % 8;
    if (type === 0) out.push([key >> 3, varint()]);
    else {
      const length = type === 1 ? 8 : type === 5 ? 4 : varint();
      out.push([key >> 3, message.subarray(at, at + length)]);
      at += length;
    }
  }
  return out;
}

test('steps of any size, and numbers of a line that are not finite, are written so that they can be read', () => {
  const file = new EventFile(folder, 3_000_000_000, () => 1234.5);
  const line = { kind: 'train' as const, epoch: 1, top1: 0.5, top5: 0.25, lr: 0.01, imagesPerSecond: 8 };
  file.write({ ...line, step: 2 ** 40 + 129, loss: 2.5 });
  file.write({ ...line, step: 7, loss: Number.NaN });
  file.close();
  const [first, start, far, nan] = read(file.path);
  expect(first).toMatchObject({ wallTime: 1234.5, version: 'brain.Event:2' });
  expect(start).toMatchObject({ step: 3_000_000_001, started: true });
  expect(far).toMatchObject({ step: 2 ** 40 + 129, scalars: { 'loss/train': 2.5, 'error top-1/train': 0.5 } });
  expect(nan!.scalars).not.toHaveProperty('loss/train');
  const bytes = readFileSync(file.path);
  bytes[bytes.length - 20]! ^= 1;
  writeFileSync(join(folder, 'spoiled'), bytes);
  expect(() => read(join(folder, 'spoiled'))).toThrow('checksum of a message');
});

test('norms are over all parameters of a layer, in both columns', async () => {
  const of = (...values: number[]) => tensor(values, { shape: [values.length] });
  const gradients = { 'conv1a.weight': of(3, 0), 'conv1b.weight': of(0, 4), 'conv1a.bias': of(12), 'fc8.bias': null };
  const momentum = { 'conv1a.weight': of(1, 1), 'conv1b.weight': of(1, 1), 'fc8.bias': of(-2) };
  const norms = await layerNorms(gradients, momentum, { 'fc8.bias': of(5) });
  expect(norms).toEqual({
    conv1: { gradient: 13, update: 2, weight: 0 },
    fc8: { gradient: 0, update: 2, weight: 5 },
  });
});

test("a run's event files say what its metrics.jsonl says, over a resumption too", async () => {
  const out = join(folder, 'run');
  const recipe = {
    ...{ data: `fashion-mnist:${sampleFolder()}`, model: 'alexnet-small', devices: ['cpu:0', 'cpu:1'], batch: 16 },
    ...{ epochs: 1, trainLimit: 48, testLimit: 20, logSteps: 1, norms: true, lr: 0.01, schedule: 'constant' },
  };
  await train(recipe, { out });
  await train({ epochs: 2, norms: false }, { out, resume: true });
  const files = readdirSync(out).filter((name) => name.startsWith('events.out.tfevents.'));
  expect(files).toHaveLength(2);
  const events = files
    .map((name) => read(join(out, name)))
    .sort(([, a], [, b]) => a!.step - b!.step)
    .flat();
  const lines = readMetrics(join(out, 'metrics.jsonl'));
  const scalars = events.filter((e) => Object.keys(e.scalars).length > 0);
  expect(scalars.map((e) => [e.step, e.scalars])).toEqual(
    lines.map((line) => [line.step, Object.fromEntries(scalarsOf(line).map(([k, v]) => [k, Math.fround(v)]))]),
  );
  expect(events.filter((e) => e.started).map((e) => e.step)).toEqual([4]);
  const [first] = lines;
  expect(Object.keys(first!.norms!)).toEqual(['conv1', 'conv2', 'conv3', 'conv4', 'conv5', 'fc6', 'fc7', 'fc8']);
  // Momentum starts at nothing: the first update is the rate times the gradient, the decay (a two-thousandth of the weight) aside.
  const { gradient, update, weight } = first!.norms!.fc8!;
  expect(Math.abs(update / 0.01 - gradient)).toBeLessThan(0.0006 * weight);
  expect(lines.at(-2)).not.toHaveProperty('norms');
  for (const line of lines.filter((l) => l.kind === 'train')) {
    expect(line.dataWait).toBeGreaterThanOrEqual(0);
    expect(line.dataWait).toBeLessThanOrEqual(1);
    expect(line.memory).toBeGreaterThan(1e7);
  }
});
