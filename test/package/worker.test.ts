// The package in worker threads: each loads the addon for itself; devices are the process's and shared.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { devices } from '../../lib';
import { build, root } from '../support/package';

beforeAll(build);

function inWorker(body: string): Worker {
  const code = `
    const { parentPort } = require('node:worker_threads');
    const { devices, ops, tensor } = require(${JSON.stringify(join(root, 'dist/index.js'))});
    (async () => { ${body} })();
  `;
  return new Worker(code, { eval: true });
}

function answer(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

test('four workers compute at once and exit by themselves', async () => {
  const workers = [1, 2, 3, 4].map((k) =>
    inWorker(`
      for (let i = 0; i < 50; i++) {
        const x = tensor([-${k}, ${k}, i], { shape: [3], device: 'cpu:' + (i % 2) });
        const y = ops.relu(x);
        const values = await y.data();
        if (values[0] !== 0 || values[1] !== ${k} || values[2] !== i) throw new Error(String(values));
        x.dispose();
        y.dispose();
      }
      parentPort.postMessage(devices('cpu').length);
    `),
  );
  const exits = workers.map((w) => new Promise((resolve) => w.once('exit', resolve)));
  for (const count of await Promise.all(workers.map(answer))) expect(count).toBe(devices('cpu').length);
  expect(await Promise.all(exits)).toEqual([0, 0, 0, 0]);
});

test('a worker stopped with reads under way takes nothing down with it', async () => {
  for (let round = 0; round < 5; round++) {
    const worker = inWorker(`
      parentPort.postMessage('started');
      for (;;) await Promise.all(Array.from({ length: 20 }, () => tensor(Array(50000).fill(1), { shape: [50000] }).data()));
    `);
    await answer(worker);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await worker.terminate();
  }
  const [device] = devices('cpu');
  await device!.synchronize();
});
