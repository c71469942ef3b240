import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { run } from '../../lib/cli/program';
import { Watch } from '../../lib/cli/watch';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import type { MetricsLine } from '../../lib/train/metrics';
import { capture, temporaryFolder } from '../support/cli';

const folder = temporaryFolder();

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

function fetchText(url: string, options: { method?: string; host?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', host } = options;
    get(url, { method, agent: false, ...(host ? { headers: { Host: host } } : {}) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    }).on('error', reject);
  });
}

/** The events of a stream, in order. */
function events(body: string): [string, any][] {
  return [...body.matchAll(/^event: (.*)\ndata: (.*)\n\n/gm)].map(([, name, data]) => [name!, JSON.parse(data!)]);
}

const line = (step: number, more: Partial<MetricsLine> = {}): MetricsLine => ({
  ...{ kind: 'train', step, epoch: step / 10, loss: 2 / step, top1: 1 / step, top5: 0, lr: 0.01, imagesPerSecond: 100 },
  ...more,
});
const facts = {
  ...{ run: 'runs/<b>x</b>', model: 'alexnet-small', devices: ['cpu:0', 'cpu:1'], data: 'Fashion-MNIST' },
  ...{ batch: 128, step: 2, stepsPerEpoch: 10, totalSteps: 100 },
};

test('train --watch serves its page and sends what it logs, to the end', async () => {
  const io = capture();
  const out = join(folder, 'run');
  const small = ['--model', 'alexnet-small', '--devices', 'cpu:0', '--batch', '16', '--epochs', '2'];
  const set = ['--set', 'trainLimit=48', 'testLimit=10', 'logSteps=1', 'tensorboard=false'];
  const done = run(
    ['train', '--data', `fashion-mnist:${sampleFolder()}`, ...small, '--out', out, ...set, '--watch'],
    io,
  );
  while (!io.text.err.includes('\n')) await new Promise((resolve) => setTimeout(resolve, 5));
  const url = /^curves: (http:\/\/127\.0\.0\.1:\d+\/)\n/.exec(io.text.err)![1]!;
  const stream = fetchText(`${url}events`);
  const page = await fetchText(url);
  expect(page).toMatchObject({ status: 200, body: expect.stringContaining('<title>convtape</title>') });
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  expect((await fetchText(`${url}watch.js`)).body).toContain("new EventSource('/events')");
  const { headers, body } = await stream;
  expect(headers['content-type']).toBe('text/event-stream');
  expect(await done).toBe(0);
  const heard = events(body);
  expect(heard[0]).toMatchObject(['begin', { run: out, totalSteps: 6, stepsPerEpoch: 3 }]);
  expect(heard.filter(([name]) => name === 'line').map(([, l]) => [l.kind, l.step])).toEqual([
    ...[1, 2, 3].map((s) => ['train', s]),
    ['eval', 3],
    ...[4, 5, 6].map((s) => ['train', s]),
    ['eval', 6],
  ]);
  expect(heard.slice(-2)).toEqual([
    ['step', 6],
    ['end', 'finished'],
  ]);
  await expect(fetchText(url)).rejects.toThrow(/ECONNREFUSED/);
});

test('only this machine, by its own names, and only what is there', async () => {
  const watch = await Watch.start(0);
  const port = new URL(watch.url).port;
  expect((await fetchText(watch.url, { host: `evil.example:${port}` })).status).toBe(403);
  expect((await fetchText(`${watch.url}events`, { host: 'evil.example' })).status).toBe(403);
  expect((await fetchText(watch.url, { host: `localhost:${port}` })).status).toBe(200);
  expect((await fetchText(watch.url, { method: 'POST' })).status).toBe(405);
  for (const path of ['..%2f..%2fpackage.json', 'constructor', '__proto__', 'index.html'])
    expect((await fetchText(`${watch.url}${path}`)).status).toBe(404);
  await expect(Watch.start(Number(port))).rejects.toThrow(
    `--watch: cannot listen on 127.0.0.1:${port}: the port is in use`,
  );
  // The loopback has other addresses; it listens on none of them.
  await expect(
    new Promise((resolve, reject) => connect(Number(port), '127.0.0.2').on('connect', resolve).on('error', reject)),
  ).rejects.toThrow(/ECONNREFUSED/);
  await watch.close('finished');
});

test('a browser that comes late gets the run so far, of a long one a part', async () => {
  const watch = await Watch.start(0);
  const early = fetchText(`${watch.url}events`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  watch.begin(
    facts,
    Array.from({ length: 9000 }, (_, i) => line(i + 1, i % 1000 === 0 ? { kind: 'eval', split: 'test' } : {})),
  );
  watch.line(line(9001));
  const late = fetchText(`${watch.url}events`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await watch.close('stopped');
  for (const body of [(await early).body, (await late).body]) {
    const heard = events(body);
    expect(heard[0]![0]).toBe('begin');
    const history: MetricsLine[] = heard[1]![1];
    expect(history.length).toBeLessThan(6000);
    expect(history.filter((l) => l.kind === 'eval')).toHaveLength(9);
    expect(heard.at(-1)).toEqual(['end', 'stopped']);
  }
});

test('a browser draws the curves', async () => {
  const watch = await Watch.start(0);
  const norms = (step: number) => ({ conv1: { gradient: 1 / step, update: 0.01 / step, weight: 1 } });
  watch.begin(facts, [line(1, { norms: norms(1) }), line(2, { norms: norms(2), dataWait: 0.015, memory: 2.5e9 })]);
  const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
  if (browser) {
    // The curve of the line that comes when the page is there already is the last to be drawn.
    const stdout = await inBrowser(browser, watch.url, async (html) => {
      const deadline = Date.now() + 40_000;
      let late = false;
      for (;;) {
        const now = await html();
        if (!late && now.includes('step 2 of 100')) {
          late = true;
          watch.line(line(3, { kind: 'eval', split: 'validation' }));
        }
        if (now.includes('validation 0.667') || Date.now() > deadline) return now;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
    expect(stdout).toContain('runs/&lt;b&gt;x&lt;/b&gt;: alexnet-small on cpu:0, cpu:1, Fashion-MNIST');
    expect(stdout).toMatch(/step 3 of 100, pass 0\.30 · 100 images\/s · data wait 1\.50% · 2\.5 GB · 2 min left/);
    for (const title of ['loss', 'top-1 error', 'learning rate', 'images per second', 'norm of the gradient'])
      expect(stdout).toMatch(new RegExp(`<figure id="${title}">.*?<path class="curve" [^>]*d="M[\\d.]+ [\\d.]+L`, 's'));
    expect(stdout).toContain('validation 0.667');
  } else {
    // Without a browser: that the script is one that a browser's engine takes.
    const { status, stderr } = spawnSync(process.execPath, ['--check', join(__dirname, '../../data/watch/watch.js')]);
    expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' });
  }
  await watch.close('finished');
});

/** A page in a browser without a window, driven over its debugging pipe: messages of JSON, each with a zero byte behind it. */
async function inBrowser<T>(
  browser: string,
  url: string,
  look: (html: () => Promise<string>) => Promise<T>,
): Promise<T> {
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe'];
  const child = spawn(browser, [...flags, `--user-data-dir=${join(folder, 'profile')}`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const closed = new Promise((resolve) => child.on('close', resolve));
  const [, , , to, from] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const waiting = new Map<number, (result: any) => void>();
  let text = '';
  from.setEncoding('utf8').on('data', (more: string) => {
    const messages = (text + more).split('\0');
    text = messages.pop()!;
    for (const message of messages) {
      const { id, result } = JSON.parse(message);
      waiting.get(id)?.(result);
    }
  });
  let sent = 0;
  const call = (method: string, params: object, sessionId?: string) =>
    new Promise<any>((resolve) => {
      waiting.set(++sent, resolve);
      to.write(`${JSON.stringify({ id: sent, method, params, sessionId })}\0`);
    });
  try {
    const { targetId } = await call('Target.createTarget', { url });
    const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
    // Empty while the page has not begun to load.
    const expression = 'document.documentElement?.outerHTML ?? ""';
    return await look(async () => (await call('Runtime.evaluate', { expression }, sessionId))?.result?.value ?? '');
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}
