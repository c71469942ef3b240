import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  readSafetensors,
  SafetensorsError,
  SafetensorsFile,
  type TensorToWrite,
  writeSafetensors,
} from '../../lib/train/safetensors';
import { reasonOf, writeAll } from '../../lib/util/atomic_write';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();
let made = 0;
const fresh = () => join(root, `f${made++}.safetensors`);

const f32 = (shape: number[], values: number[]): TensorToWrite => ({
  dtype: 'F32',
  shape,
  data: () => Float32Array.from(values),
});

test('what is written is read back, of every type, late and empty ones too', async () => {
  const path = fresh();
  const tensors: [string, TensorToWrite][] = [
    ['bytes', { dtype: 'U8', shape: [3], data: () => Uint8Array.of(1, 2, 255) }],
    ['weights', { dtype: 'F32', shape: [2, 2], data: async () => Float32Array.of(1.5, -0, Number.NaN, 1e-40) }],
    ['scalar', { dtype: 'I32', shape: [], data: () => Int32Array.of(-7) }],
    ['long', { dtype: 'I64', shape: [1], data: () => BigInt64Array.of(-(2n ** 60n)) }],
    ['double', { dtype: 'F64', shape: [2], data: () => Float64Array.of(Math.PI, -1) }],
    ['half', { dtype: 'F16', shape: [1], data: () => Uint16Array.of(0x3c00) }],
    ['empty', { dtype: 'F32', shape: [0, 5], data: () => new Float32Array(0) }],
    // a view into a larger buffer
    ['view', { dtype: 'F32', shape: [2], data: () => Float32Array.of(9, 8, 7, 6).subarray(1, 3) }],
    ['__proto__', f32([1], [4])],
    ['Ünïcode "quoted"', f32([1], [3])],
  ];
  await writeSafetensors(path, tensors, { format: 'test', text: 'ä\n"' });
  const back = await readSafetensors(path);
  expect(back.metadata).toEqual({ format: 'test', text: 'ä\n"' });
  expect([...back.tensors.keys()].sort()).toEqual(tensors.map(([name]) => name).sort());
  for (const [name, { dtype, shape, data }] of tensors) {
    const read = back.tensors.get(name)!;
    expect([read.dtype, read.shape]).toEqual([dtype, shape]);
    const [a, b] = [read.data, await data()];
    expect(Buffer.from(a.buffer, a.byteOffset, a.byteLength)).toEqual(
      Buffer.from(b.buffer, b.byteOffset, b.byteLength),
    );
  }
  // as the reference writes it: wide elements first and the values at a multiple of 8, so that each tensor is aligned
  const bytes = readFileSync(path);
  expect((8 + Number(bytes.readBigUInt64LE())) % 8).toBe(0);
});

// safetensors 0.8.0 (Python) wrote this:
//   save({'conv1a.weight': np.arange(6, dtype=np.float32).reshape(2, 3), 'labels': np.array([5, -6], dtype=np.int32),
//         'bytes': np.array([1, 2, 255], dtype=np.uint8), 'empty': np.zeros((0, 5), np.float32),
//         'wide': np.array([2**40], dtype=np.int64)}, metadata={'step': '12'})
// and it reads what writeSafetensors writes, as the second test shows: the bytes are the same.
const reference = Buffer.from(
  [
    'UAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJzdGVwIjoiMTIifSwid2lkZSI6eyJkdHlwZSI6Ikk2NCIsInNoYXBlIjpbMV0sImRh',
    'dGFfb2Zmc2V0cyI6WzAsOF19LCJjb252MWEud2VpZ2h0Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDNdLCJkYXRhX29mZnNl',
    'dHMiOls4LDMyXX0sImVtcHR5Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlswLDVdLCJkYXRhX29mZnNldHMiOlszMiwzMl19LCJs',
    'YWJlbHMiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlszMiw0MF19LCJieXRlcyI6eyJkdHlwZSI6',
    'IlU4Iiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbNDAsNDNdfX0gICAAAAAAAAEAAAAAAAAAAIA/AAAAQAAAQEAAAIBAAACg',
    'QAUAAAD6////AQL/',
  ].join(''),
  'base64',
);
const theirs: [string, TensorToWrite][] = [
  ['bytes', { dtype: 'U8', shape: [3], data: () => Uint8Array.of(1, 2, 255) }],
  ['conv1a.weight', f32([2, 3], [0, 1, 2, 3, 4, 5])],
  ['empty', f32([0, 5], [])],
  ['labels', { dtype: 'I32', shape: [2], data: () => Int32Array.of(5, -6) }],
  ['wide', { dtype: 'I64', shape: [1], data: () => BigInt64Array.of(2n ** 40n) }],
];

test('reads a file of the reference implementation', async () => {
  const path = fresh();
  writeFileSync(path, reference);
  const back = await readSafetensors(path);
  expect(back.metadata).toEqual({ step: '12' });
  expect(back.tensors.size).toBe(theirs.length);
  for (const [name, { dtype, shape, data }] of theirs)
    expect(back.tensors.get(name)).toEqual({ dtype, shape, data: await data() });
});

test('writes the very bytes of the reference implementation', async () => {
  const path = fresh();
  await writeSafetensors(path, theirs, { step: '12' });
  expect(readFileSync(path)).toEqual(reference);
});

function raw(
  header: string | Buffer,
  values: Buffer = Buffer.alloc(0),
  length = BigInt(Buffer.byteLength(header)),
): string {
  const path = fresh();
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length);
  writeFileSync(path, Buffer.concat([prefix, Buffer.from(header), values]));
  return path;
}

const entry = (begin: number, end: number, more: object = {}) => ({
  dtype: 'F32',
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
  ...more,
});
const file = (header: object, bytes: number) => () => raw(JSON.stringify(header), Buffer.alloc(bytes));

describe('a file that is not sound is refused in one line that names it', () => {
  test.each<[string, () => string, RegExp]>([
    ['missing', () => join(root, 'none'), /^cannot read .*none: no such file or folder \(ENOENT\)$/],
    ['a folder', () => root, /^.*it is not a file$|EISDIR/],
    [
      'shorter than its prefix',
      () => {
        writeFileSync(join(root, 's'), 'abc');
        return join(root, 's');
      },
      /at least 8 bytes, got 3$/,
    ],
    [
      'a header longer than the file',
      () => raw('{}', Buffer.alloc(0), 100n),
      /cut short: expected a header of 100 bytes, got 2$/,
    ],
    [
      'a huge header',
      () => raw('{}', Buffer.alloc(0), 2n ** 63n),
      /header would have 9223372036854775808 bytes, more than/,
    ],
    ['no JSON', () => raw('{"a":'), /its header is not JSON/],
    ['not UTF-8', () => raw(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), /its header is not JSON/],
    ['an array', () => raw('[]'), /not a JSON object$/],
    ['a header that does not begin with {', () => raw(' {}'), /not a JSON object$/],
    ['null', () => raw('null'), /not a JSON object$/],
    ['an entry that is no object', file({ a: 3 }, 0), /'a' is not an object$/],
    [
      'an unknown dtype',
      file({ a: entry(0, 4, { dtype: 'F31' }) }, 4),
      /'a' has the unknown dtype "F31"; known are BOOL, U8/,
    ],
    ['a dtype from Object.prototype', file({ a: entry(0, 4, { dtype: 'toString' }) }, 4), /unknown dtype "toString"/],
    ['a negative size', file({ a: entry(0, 4, { shape: [-1] }) }, 4), /'a' has the shape \[-1\]/],
    ['a fraction', file({ a: entry(0, 4, { shape: [0.5] }) }, 4), /'a' has the shape \[0\.5\]/],
    ['no shape', file({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /'a' has the shape undefined/],
    ['one offset', file({ a: entry(0, 4, { data_offsets: [0] }) }, 4), /'a' has the data_offsets \[0\], expected two/],
    [
      'a shape that does not fit',
      file({ a: entry(0, 8, { shape: [3] }) }, 8),
      /'a' is F32 \[3\], 12 bytes, but its data_offsets \[0,8\] hold 8$/,
    ],
    [
      'more bytes than the shape has',
      file({ a: entry(0, 8, { shape: [1] }) }, 8),
      /'a' is F32 \[1\], 4 bytes, but its data_offsets \[0,8\] hold 8$/,
    ],
    [
      'a shape that overflows',
      file({ a: entry(0, 0, { shape: [2 ** 40, 2 ** 40] }) }, 0),
      /but its data_offsets \[0,0\] hold 0$/,
    ],
    ['end before begin', file({ a: entry(0, 4, { data_offsets: [4, 0] }) }, 4), /data_offsets \[4,0\] hold -4$/],
    ['overlap', file({ a: entry(0, 8), b: entry(4, 12) }, 12), /'b' overlaps 'a': it begins at 4, expected 8$/],
    ['two in one place', file({ a: entry(0, 8), b: entry(0, 8) }, 8), /'b' overlaps 'a'/],
    ['a gap', file({ a: entry(0, 4), b: entry(8, 12) }, 12), /'b' leaves a gap after 'a': it begins at 8, expected 4$/],
    ['a gap at the start', file({ a: entry(4, 8) }, 8), /'a' leaves a gap after the start/],
    ['values cut short', file({ a: entry(0, 8) }, 7), /it is cut short: expected 8 bytes of values, got 7$/],
    ['values too long', file({ a: entry(0, 8) }, 9), /it is too long: expected 8 bytes of values, got 9$/],
    ['metadata of numbers', file({ __metadata__: { a: 1 } }, 0), /__metadata__ 'a' is not a text$/],
    ['metadata that is no object', file({ __metadata__: 'a' }, 0), /__metadata__ is not an object$/],
    [
      'the same name twice',
      () =>
        raw(
          '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
          Buffer.alloc(2),
        ),
      /'a' leaves a gap/,
    ],
  ])('%s', async (_, make, message) => {
    const path = make();
    const reading = readSafetensors(path);
    await expect(reading).rejects.toThrow(SafetensorsError);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toThrow(path);
    await expect(reading).rejects.not.toThrow(/\n/);
  });

  test('any file cut anywhere is refused', async () => {
    const path = fresh();
    await writeSafetensors(path, [['a', f32([5], [1, 2, 3, 4, 5])]], { k: 'v' });
    const bytes = readFileSync(path);
    for (let length = 0; length < bytes.length; length++) {
      const cut = join(root, 'cut');
      writeFileSync(cut, bytes.subarray(0, length));
      await expect(SafetensorsFile.open(cut)).rejects.toThrow(SafetensorsError);
    }
  });

  test('a file that shrinks while it is open', async () => {
    const path = fresh();
    await writeSafetensors(path, [['a', f32([4], [1, 2, 3, 4])]]);
    const opened = await SafetensorsFile.open(path);
    writeFileSync(path, readFileSync(path).subarray(0, -4));
    await expect(opened.read('a')).rejects.toThrow(/is cut short: expected 16 bytes/);
    await expect(opened.read('b')).rejects.toThrow(/holds no tensor named 'b'/);
    await opened.close();
  });
});

describe('writing is atomic', () => {
  const old: [string, TensorToWrite][] = [['a', f32([2], [1, 2])]];
  const holdsOld = async (path: string) =>
    expect((await readSafetensors(path)).tensors.get('a')!.data).toEqual(Float32Array.of(1, 2));
  const inFolder = async () => {
    const folder = join(root, `d${made++}`);
    mkdirSync(folder);
    const path = join(folder, 'x.safetensors');
    await writeSafetensors(path, old);
    return { folder, path };
  };

  test.each<[string, TensorToWrite, RegExp]>([
    [
      'values that fail',
      { dtype: 'F32', shape: [1], data: () => Promise.reject(new Error('device lost')) },
      /device lost$/,
    ],
    [
      'values that do not fit',
      { dtype: 'F32', shape: [3], data: () => new Float32Array(2) },
      /'b' \[3\] has 8 bytes of values, expected 12$/,
    ],
  ])('%s leave the old file and nothing else', async (_, tensor, message) => {
    const { folder, path } = await inFolder();
    await expect(writeSafetensors(path, [['b', tensor]])).rejects.toThrow(message);
    await expect(writeSafetensors(path, [['b', tensor]])).rejects.toThrow(`cannot write ${path}: `);
    await holdsOld(path);
    expect(readdirSync(folder)).toEqual(['x.safetensors']);
  });

  test('two tensors of one name', async () => {
    await expect(writeSafetensors(fresh(), [...old, ...old])).rejects.toThrow(/there are two tensors named 'a'/);
  });

  const child = (script: string, shell = '') => {
    const node = `'${process.execPath}' -r ts-node/register -e "$SCRIPT"`;
    return [
      'sh',
      ['-c', `${shell} exec ${node}`],
      { cwd: join(__dirname, '../..'), env: { ...process.env, SCRIPT: script } },
    ] as const;
  };
  const write = (path: string, values: string) =>
    `require('./lib/train/safetensors').writeSafetensors(${JSON.stringify(path)}, [['a', { dtype: 'F32', shape: [${values}.length], data: () => ${values} }]])`;

  test('a disk that is full: one clear error, the old file intact, no leftovers', async () => {
    const { folder, path } = await inFolder();
    // A limit on the size of a file fails a write part of the way, as a full disk does, and needs no root. (512-byte blocks: 100 kB.)
    const result = spawnSync(
      ...child(
        `${write(path, 'new Float32Array(1e6)')}.catch((e) => { console.log(e.message); process.exit(3); })`,
        "trap '' XFSZ; ulimit -f 200;",
      ),
    );
    expect(String(result.stdout).trim()).toBe(
      `cannot write ${path}: the file would be larger than this process may write (EFBIG)`,
    );
    expect(result.status).toBe(3);
    await holdsOld(path);
    expect(readdirSync(folder)).toEqual(['x.safetensors']);
  });

  test('a full device', async () => {
    // /dev/full takes no byte: ENOSPC, at once. The temporary file itself cannot be there, so this goes through writeAll alone.
    const full = await open('/dev/full', 'w');
    const error = await writeAll(full, new Uint8Array(10)).catch((e) => e);
    await full.close();
    expect(reasonOf(error)).toBe('no space left on the disk (ENOSPC)');
  });

  test('a folder that cannot be written', async () => {
    // root may write anywhere but into the kernel's own folders
    const folder = process.getuid!() === 0 ? '/sys/kernel' : join(root, 'locked');
    if (folder !== '/sys/kernel') {
      mkdirSync(folder);
      chmodSync(folder, 0o555);
    }
    await expect(writeSafetensors(join(folder, 'x'), old)).rejects.toThrow(
      /^cannot write .*\/x: (permission denied \(EACCES\)|not permitted \(EPERM\)|the file system is read-only \(EROFS\))$/,
    );
    await expect(writeSafetensors(join(root, 'no/such/x'), old)).rejects.toThrow(/no such file or folder \(ENOENT\)$/);
    mkdirSync(join(root, 'folder'));
    await expect(writeSafetensors(join(root, 'folder'), old)).rejects.toThrow(/it is a folder \(EISDIR\)$/);
  });

  test('a link is replaced, not written through', async () => {
    const { folder, path } = await inFolder();
    symlinkSync(path, join(folder, 'link'));
    await writeSafetensors(join(folder, 'link'), [['a', f32([1], [9])]]);
    await holdsOld(path);
  });

  test('a process killed at any moment leaves a whole file; the next writer clears up after it', async () => {
    const { folder, path } = await inFolder();
    // writes 16 MB of 1s, then of 2s, …
    const script = `(async () => { for (let i = 1; ; i++) { const a = new Float32Array(4e6).fill(i); await ${write(path, 'a')}; console.log(i); } })()`;
    for (const wait of [0, 25]) {
      const writer: ChildProcess = spawn(...child(script));
      await once(writer.stdout!, 'data');
      writer.stdout!.resume();
      await new Promise((resolve) => setTimeout(resolve, wait));
      writer.kill('SIGKILL');
      await once(writer, 'close');
      const a = (await readSafetensors(path)).tensors.get('a')!.data as Float32Array;
      expect(a.length).toBe(4e6);
      expect(a[0]).toBeGreaterThanOrEqual(1);
      expect(a.every((v) => v === a[0])).toBe(true);
    }
    writeFileSync(join(folder, '.x.safetensors.999999999.0123abcd.tmp'), 'of a dead process');
    writeFileSync(join(folder, `.x.safetensors.${process.pid}.0123abcd.tmp`), 'of a live one');
    await writeSafetensors(path, old);
    await holdsOld(path);
    expect(readdirSync(folder).sort()).toEqual([`.x.safetensors.${process.pid}.0123abcd.tmp`, 'x.safetensors']);
  });

  test('the event loop goes on while a large file is written', async () => {
    const path = fresh();
    let longest = 0;
    let last = performance.now();
    const tick = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const data = new Float32Array(8e6);
    const start = performance.now();
    await writeSafetensors(
      path,
      Array.from({ length: 4 }, (_, i) => [`t${i}`, { dtype: 'F32', shape: [8e6], data: () => data }] as const),
    );
    const took = performance.now() - start;
    clearInterval(tick);
    // 128 MB; one write call of all of it would hold the loop for nothing, but a synchronous one would hold it for all of `took`
    expect(longest).toBeLessThan(Math.max(50, took / 2));
    expect(existsSync(path)).toBe(true);
  });
});
