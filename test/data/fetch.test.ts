import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { DataError } from '../../lib/data/dataset';
import { openFashionMnist, sampleFolder } from '../../lib/data/fashion_mnist';
import { fetchFashionMnist } from '../../lib/data/fetch';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();

/** The bundled sample plays the full set: four real files with their true sizes and sums. */
const served = new Map(
  readdirSync(sampleFolder())
    .filter((name) => name.endsWith('.gz'))
    .map((name) => [name, readFileSync(join(sampleFolder(), name))]),
);
const files = [...served].map(([name, bytes]) => {
  const content = gunzipSync(bytes);
  return [name, content.length, createHash('sha256').update(content).digest('hex')] as const;
});
const [name, first] = [...served][0]!;

let handler: (request: IncomingMessage, response: ServerResponse) => void;
let requests: string[] = [];
let server: Server;
let address: string;

const honest: typeof handler = (request, response) => {
  const bytes = served.get(request.url!.slice(request.url!.lastIndexOf('/') + 1));
  response.writeHead(bytes ? 200 : 404).end(bytes);
};

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url!);
    handler(request, response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

beforeEach(() => {
  handler = honest;
  requests = [];
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

let made = 0;
const target = () => join(root, `a/b/${made++}`);
const get = (dir: string, sources = [address], patience = 5) => fetchFashionMnist(dir, { sources, files, patience });

test('downloads the four files, checks them, and leaves nothing else behind', async () => {
  const dir = target();
  await get(dir);
  expect(readdirSync(dir).sort()).toEqual([...served.keys()].sort());
  expect((await openFashionMnist(dir)).train.length).toBe(2000);
  expect(requests).toHaveLength(4);
  // what is there and sound is not asked for again; what is there and broken is
  writeFileSync(join(dir, name), first.subarray(0, 100));
  await get(dir);
  expect(requests).toHaveLength(5);
  expect(readFileSync(join(dir, name))).toEqual(first);
});

test('openFashionMnist downloads into the cache where the machine has no copy', async () => {
  const folders = { system: join(root, 'none'), cache: target() };
  const log: string[] = [];
  handler = (_, response) => response.writeHead(503).end();
  const sample = await openFashionMnist(undefined, { folders, sources: [address], log: (line) => log.push(line) });
  expect(sample.notices[0]).toMatch(/bundled sample.*the server answered 503 Service Unavailable/);
  expect(log[0]).toMatch(/^downloading http:\/\/127\.0\.0\.1/);
});

test('another source serves where the first fails', async () => {
  handler = (request, response) =>
    request.url!.startsWith('/bad/') ? response.writeHead(404).end() : honest(request, response);
  const dir = target();
  await get(dir, [`${address}bad/`, address]);
  expect(readdirSync(dir)).toHaveLength(4);
});

describe('a failed download is one line, and no file appears', () => {
  test.each<[string, typeof handler, RegExp]>([
    ['status 404', (_, response) => response.writeHead(404).end(), /the server answered 404 Not Found$/],
    [
      'other content',
      (_, response) => response.end(gzipSync('other')),
      /wrong checksum: expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64} \(5 bytes\)$/,
    ],
    ['a page in place of the file', (_, response) => response.end('<html>log in</html>'), /not a sound gzip file/],
    [
      'one changed byte',
      (_, response) => {
        const content = gunzipSync(first);
        content[500]! ^= 1;
        response.end(gzipSync(content));
      },
      /wrong checksum/,
    ],
    ['half of it', (_, response) => response.end(first.subarray(0, first.length / 2)), /not a sound gzip file/],
    [
      'a connection that breaks',
      (_, response) => {
        response.writeHead(200, { 'content-length': first.length });
        response.write(first.subarray(0, first.length / 2), () => response.destroy());
      },
      /download .*: .*(terminated|UND_ERR_SOCKET|ECONNRESET)/,
    ],
    [
      'a stream without end',
      (_, response) => {
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65536)));
        };
        response.on('drain', more);
        more();
      },
      /more than \d+ bytes, expected fewer than \d+$/,
    ],
  ])('%s', async (_, answer, message) => {
    handler = answer;
    const dir = target();
    const fetching = get(dir);
    await expect(fetching).rejects.toThrow(DataError);
    await expect(fetching).rejects.toThrow(message);
    await expect(fetching).rejects.toThrow(`could not download ${address}${name}: `);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('a server that goes silent', async () => {
    handler = (_, response) => response.write('x');
    await expect(get(target(), [address], 0.3)).rejects.toThrow(/no answer for 0\.3 seconds$/);
  });

  test('no network', async () => {
    // .invalid never resolves (RFC 2606)
    await expect(get(target(), ['http://convtape.invalid/'])).rejects.toThrow(
      /^could not download http:\/\/convtape\.invalid\/.*\((ENOTFOUND|EAI_AGAIN)\)$/,
    );
  });

  test('a folder that cannot be made', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(get(join(root, 'file/inside'))).rejects.toThrow(
      /^cannot make the folder .*file\/inside: .*\(ENOTDIR\)$/,
    );
    expect(existsSync(join(root, 'file/inside'))).toBe(false);
  });
});
