// Reports and charts of made-up results, and peers that are not there.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { layersChart, peersChart } from '../../lib/bench/charts';
import { addPeers } from '../../lib/bench/peers';
import { writeReport } from '../../lib/bench/report';
import { parseResult } from '../../lib/bench/schema';
import { temporaryFolder } from '../support/cli';
import { result, row } from './support';

const folder = temporaryFolder();
const layer = row('layers/alexnet/conv1/forward/8', [1, 1, 1], 1, { flops: 2e9, ofPeak: 0.625 });
const full = {
  ...result([
    layer,
    row('growth/threads/alexnet/grouped/8/1', [4, 4, 4]),
    row('growth/threads/alexnet/grouped/8/2', [2, 2, 2]),
  ]),
  peers: [
    { system: 'PyTorch', version: '9', id: layer.id, timing: { min: 3, q1: 3, median: 3, q3: 3, max: 3, reps: 1 } },
  ],
  missing: [{ system: 'tfjs', reason: 'not here' }],
};

test('a report has the figures, the ratio to a peer, what is missing, and its charts', async () => {
  const paths = await writeReport(full, folder);
  expect(paths.map((p) => p.slice(folder.length + 1)).sort()).toEqual([
    'performance-layers.svg',
    'performance-peers.svg',
    'performance.json',
    'performance.md',
  ]);
  const page = readFileSync(join(folder, 'performance.md'), 'utf8');
  expect(page).toContain('`npm run bench -- step`');
  expect(page).toMatch(/\| layers\/alexnet\/conv1\/forward\/8 \| 1\.00 s .*\| 63% \|/);
  expect(page).toMatch(/\| PyTorch 9 \| 3\.00 s \| 1\.00 s \| 3× \|/);
  expect(page).toContain('- 2 threads are 2.00 times as fast as one');
  expect(page).toContain('- tfjs: not here');
  for (const svg of ['performance-layers.svg', 'performance-peers.svg']) {
    expect(page).toContain(`](${svg})`);
    expect(readFileSync(join(folder, svg), 'utf8')).toMatch(/^<svg[\s\S]*conv1[\s\S]*<\/svg>$/);
  }
  expect(parseResult(JSON.parse(readFileSync(join(folder, 'performance.json'), 'utf8')), 'it')).toEqual(full);
});

test('no layers and no peers: no charts', () => {
  const none = result([row('a', [1])]);
  expect([layersChart(none), peersChart(none)]).toEqual([null, null]);
});

test('peers that are not installed are named with what installs them', async () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  // No work that a peer knows: PyTorch has nothing to run, whether or not it is there.
  const { peers, missing } = await addPeers(result([row('startup/x', [1])]), { folder: empty, quick: true });
  expect(peers).toEqual([]);
  const reasons = Object.fromEntries(missing.map((m) => [m.system, m.reason]));
  expect(reasons['tfjs']).toMatch(
    /@tensorflow\/tfjs is not installed in .*empty: npm install --prefix DIR @tensorflow\/tfjs/,
  );
  expect(reasons['onnxruntime-node']).toContain('npm install --ignore-scripts --prefix DIR onnxruntime-node');
});
