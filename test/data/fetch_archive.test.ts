import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DataError } from '../../lib/data/dataset';
import { type ArchiveSet, archiveSets, fetchArchive } from '../../lib/data/fetch_archive';
import { tarOf } from '../support/archives';
import { convtape } from '../support/cli';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();
const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 255));
const bytes = gzipSync(
  tarOf([
    { name: 'toy/train/a.bin', data: noise },
    { name: 'toy/notes.txt', data: Buffer.from('passed over') },
    { name: 'toy/../../outside.bin', data: Buffer.from('never written') },
    { name: 'toy/train/link.bin', type: 'SymbolicLink', linkpath: '/etc/passwd' },
    { name: 'toy/b.bin', data: Buffer.from('b') },
  ]),
);

let handler: (request: IncomingMessage, response: ServerResponse) => void;
let ranges: (string | undefined)[] = [];
let server: Server;
let set: ArchiveSet;

beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    handler(request, response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  set = {
    addresses: [`http://127.0.0.1:${(server.address() as AddressInfo).port}/toy.tgz`],
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    folder: 'toy',
    members: /^toy\/(train\/)?\w+\.bin$/,
    files: 2,
  };
});

beforeEach(() => {
  ranges = [];
  handler = (request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200).end(bytes.subarray(from));
  };
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

let made = 0;
const target = () => join(root, `t${made++}`, 'deep');

test('downloads, checks, unpacks what belongs, and nothing else', async () => {
  const dir = target();
  expect(await fetchArchive(set, dir)).toBe(join(dir, 'toy'));
  expect(readdirSync(dir)).toEqual(['toy']);
  expect(readdirSync(join(dir, 'toy'), { recursive: true }).sort()).toEqual(['b.bin', 'train', 'train/a.bin']);
  expect(readFileSync(join(dir, 'toy/train/a.bin')).equals(noise)).toBe(true);
  expect(existsSync(join(root, 'outside.bin')) || existsSync(join(dir, '../outside.bin'))).toBe(false);
  await fetchArchive(set, dir);
  expect(ranges).toHaveLength(1);
});

test('a broken connection: what came is kept, and gone on from', async () => {
  const dir = target();
  const honest = handler;
  handler = (_, response) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 1000), () => setTimeout(() => response.destroy(), 50));
  };
  await expect(fetchArchive(set, dir)).rejects.toThrow(
    /^could not download http.*toy\.tgz: .*; run it again to go on$/,
  );
  expect(readdirSync(dir)).toEqual(['toy.tgz.part']);
  handler = honest;
  await fetchArchive(set, dir);
  expect([ranges[1], readdirSync(dir)]).toEqual(['bytes=1000-', ['toy']]);
});

test.each<[string, typeof handler, RegExp]>([
  [
    'a wrong checksum',
    (_, r) => void r.end(Buffer.concat([bytes.subarray(0, -1), Buffer.of(9)])),
    /toy\.tgz: wrong checksum: expected SHA-256 \w{64} \(\d+ bytes\), got \w{64}; run it again/,
  ],
  [
    'an error page',
    (_, r) => void r.writeHead(503).end('no'),
    /toy\.tgz: the server answered 503 Service Unavailable; run/,
  ],
  [
    'too much',
    (_, r) => void r.end(Buffer.alloc(bytes.length + 5)),
    /toy\.tgz: more than the \d+ bytes that were expected; run/,
  ],
  ['silence', () => {}, /toy\.tgz: no answer for 0\.2 seconds; run/],
])('%s is one line', async (_, faulty, message) => {
  handler = faulty;
  const fetching = fetchArchive(set, target(), { patience: 0.2 });
  await expect(fetching).rejects.toThrow(DataError);
  await expect(fetching).rejects.toThrow(message);
});

test('without a network; and the command line', async () => {
  const closed = createServer();
  await once(closed.listen(0, '127.0.0.1'), 'listening');
  const nowhere = { ...set, addresses: [`http://127.0.0.1:${(closed.address() as AddressInfo).port}/toy.tgz`] };
  await new Promise((resolve) => closed.close(resolve));
  await expect(fetchArchive(nowhere, target())).rejects.toThrow(
    /could not download http:\/\/127\.0\.0\.1:\d+\/toy\.tgz: .*\(ECONNREFUSED\); run it again/,
  );
  for (const { sha256 } of Object.values(archiveSets)) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(await convtape('data', 'fetch', 'mnist')).toMatchObject({
    status: 2,
    err: expect.stringContaining('fashion-mnist, cifar10, imagenette'),
  });
});
