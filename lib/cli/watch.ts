// `convtape train --watch`: a page with the run's curves, for this machine's own browsers only.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '../native/addon';
import type { MetricsLine } from '../train/metrics';

/** What the page says of the run. */
export interface WatchFacts {
  run: string;
  model: string;
  devices: readonly string[];
  data: string;
  batch: number;
  step: number;
  stepsPerEpoch: number;
  totalSteps: number;
}

const HOST = '127.0.0.1';
const files: Record<string, [file: string, type: string]> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/watch.js': ['watch.js', 'text/javascript; charset=utf-8'],
};
const headers = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
};
/** Lines that a browser is sent when it comes; of longer runs every second older one is left out, again and again. */
const MOST_LINES = 4000;
/** Bytes that a browser may be behind; one that is slower is cut off, comes again and gets the lines anew. */
const MOST_BEHIND = 2 ** 22;

export class Watch {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #browsers = new Set<ServerResponse>();
  #facts: WatchFacts | null = null;
  #lines: MetricsLine[] = [];
  #step = 0;
  #told = 0;
  #ended: string | null = null;

  private constructor() {}

  /** @param port 0: any that is free. @throws Error in one line where the port is taken. */
  static async start(port: number): Promise<Watch> {
    const watch = new Watch();
    const server = watch.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message;
        reject(new Error(`--watch: cannot listen on ${HOST}:${port}: ${why}`, { cause: error }));
      });
      server.listen(port, HOST, resolve);
    });
    return watch;
  }

  get url(): string {
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** @param lines of the run so far */
  begin(facts: WatchFacts, lines: readonly MetricsLine[]): void {
    this.#facts = facts;
    this.#step = facts.step;
    this.#lines = [...lines];
    this.#thin();
    for (const browser of this.#browsers) this.#welcome(browser);
  }

  line(line: MetricsLine): void {
    this.#lines.push(line);
    this.#thin();
    this.#tell('line', line);
  }

  /** Told of every step; the browsers hear of some. */
  step(step: number): void {
    this.#step = step;
    const now = performance.now();
    if (now - this.#told < 250) return;
    this.#told = now;
    this.#tell('step', step);
  }

  /** The last that browsers hear of the run. */
  async close(how: string): Promise<void> {
    this.#ended = how;
    this.#tell('step', this.#step);
    this.#tell('end', how);
    for (const browser of this.#browsers) browser.end();
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeIdleConnections();
      setTimeout(() => this.#server.closeAllConnections(), 500).unref();
    });
  }

  #thin(): void {
    if (this.#lines.length <= MOST_LINES) return;
    const recent = this.#lines.length - MOST_LINES / 4;
    this.#lines = this.#lines.filter((line, i) => i >= recent || line.kind === 'eval' || i % 2 === 0);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?')[0]!;
    const refusal = this.#refusal(request, path);
    if (refusal) response.writeHead(refusal[0], { ...headers, 'Content-Type': 'text/plain' }).end(`${refusal[1]}\n`);
    else if (path === '/events') this.#listen(response);
    else {
      const [name, type] = files[path]!;
      const content = readFileSync(join(packageRoot(), 'data', 'watch', name));
      response.writeHead(200, { ...headers, 'Content-Type': type }).end(content);
    }
  }

  #refusal({ method, headers: { host = '' } }: IncomingMessage, path: string): [status: number, text: string] | null {
    const { port } = this.#server.address() as AddressInfo;
    // A page elsewhere may have its own name point here; what its browser then sends as Host gives it away.
    if (host !== `${HOST}:${port}` && host !== `localhost:${port}`) return [403, 'this page is for this machine only'];
    if (method !== 'GET') return [405, 'only GET'];
    return path === '/events' || Object.hasOwn(files, path) ? null : [404, 'there is nothing here'];
  }

  #listen(response: ServerResponse): void {
    response.writeHead(200, { ...headers, 'Content-Type': 'text/event-stream' });
    response.on('error', () => {});
    response.on('close', () => this.#browsers.delete(response));
    this.#browsers.add(response);
    response.write('retry: 1000\n\n');
    if (this.#facts) this.#welcome(response);
  }

  #welcome(browser: ServerResponse): void {
    this.#send(browser, 'begin', { ...this.#facts, step: this.#step });
    this.#send(browser, 'history', this.#lines);
    if (this.#ended !== null) this.#send(browser, 'end', this.#ended);
  }

  #tell(event: string, message: unknown): void {
    for (const browser of this.#browsers) {
      if (browser.writableLength > MOST_BEHIND) browser.destroy();
      else this.#send(browser, event, message);
    }
  }

  #send(browser: ServerResponse, event: string, message: unknown): void {
    browser.write(`event: ${event}\ndata: ${JSON.stringify(message)}\n\n`);
  }
}
