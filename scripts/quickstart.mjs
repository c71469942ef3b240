// npm run quickstart, behind the set-up: trains the small two-column AlexNet on Fashion-MNIST, then shows what it learned.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `usage: npm run quickstart [-- convtape train's options]

Trains the two-column AlexNet for small images on Fashion-MNIST, a column on each of two devices (two GPUs where there are two, else cpu:0
and cpu:1), and ends with the test error, ten predictions and the folder of the run. Options go to \`convtape train\`; for a short look:

    npm run quickstart -- --epochs 1 --set trainLimit=6000
`;

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(HELP);
  process.exit(0);
}

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const { devices } = require('../dist/index.js');

const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const given = option('--out');
const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
const out = given ?? join('runs', `quickstart-${stamp}`);
const gpus = devices('cuda');
const pair = (gpus.length >= 2 ? gpus : devices('cpu')).slice(0, 2).map((d) => d.name);

const train = [
  'train',
  '--data',
  'fashion-mnist',
  '--model',
  'alexnet-small',
  '--devices',
  pair.join(','),
  '--out',
  out,
];
const extra =
  given === undefined ? args : args.filter((_, i) => i !== args.indexOf('--out') && i !== args.indexOf('--out') + 1);
const training = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...train, ...extra], {
  stdio: 'inherit',
});
if (training.status !== 0) process.exit(training.status ?? 1);

const { openDataset } = require('../dist/data/index.js');
const { choosePredictions, predictionSheet } = require('../dist/figures/predictions.js');
const { coloursOf, drawPredictions } = require('../dist/figures/terminal.js');
const { evaluateRuns } = require('../dist/train/evaluate_runs.js');

const labels = [];
const probabilities = [];
const result = await evaluateRuns([out], {
  onBatch(_, batch, rows) {
    labels.push(...batch.labels.subarray(0, batch.count));
    probabilities.push(...rows);
  },
});
const { classes } = result;
const { test } = await openDataset(result.data, { splits: ['test'] });
const shown = (i) => ({
  image: { pixels: test.pixels(i), channels: 1, height: 28, width: 28 },
  label: labels[i],
  probabilities: probabilities.slice(i * classes.length, (i + 1) * classes.length),
});
const chosen = choosePredictions(probabilities, labels, classes.length);
const predictions = [...chosen.right, ...chosen.wrong].map(shown);
const error = `${(100 * result.top1).toFixed(2)} %`;

process.stdout.write(
  `\n${drawPredictions(predictions, { classes, columns: process.stdout.columns, colours: coloursOf(process.stdout) })}`,
);
const sheet = join(out, 'predictions.png');
const title = `Fashion-MNIST: ${error} of ${result.images.toLocaleString('en')} test images wrong`;
writeFileSync(sheet, await predictionSheet(predictions, { classes, title }));
process.stdout.write(
  `test error   ${error} of ${result.images.toLocaleString('en')} images\n` +
    `predictions  ${sheet}\n` +
    `run          ${out}\n`,
);
