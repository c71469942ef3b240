// AlexNet inference in tfjs (plain JavaScript kernels), from the folder whose node_modules has it; one JSON line. It has no grouped
// convolution: two halves, side by side, as the text's columns.
// usage: node tfjs_step.cjs FOLDER BATCH REPEATS
const { createRequire } = require('node:module');
const { join, resolve } = require('node:path');

const [folder] = process.argv.slice(2);
const [batch, repeats] = process.argv.slice(3).map(Number);
const from = createRequire(join(resolve(folder), 'package.json'));
const tf = from('@tensorflow/tfjs');

const weight = (...shape) => tf.randomNormal(shape, 0, 0.05);
const convolution = (k, c, out, stride, pad, groups) => ({
  w: Array.from({ length: groups }, () => weight(k, k, c, out / groups)),
  stride,
  pad,
});
const layers = {
  conv1: convolution(11, 3, 96, 4, 'valid', 1),
  conv2: convolution(5, 48, 256, 1, 'same', 2),
  conv3: convolution(3, 256, 384, 1, 'same', 1),
  conv4: convolution(3, 192, 384, 1, 'same', 2),
  conv5: convolution(3, 192, 256, 1, 'same', 2),
};
const [fc6, fc7, fc8] = [weight(9216, 4096), weight(4096, 4096), weight(4096, 1000)];

function conv(x, { w, stride, pad }) {
  const parts = w.length === 1 ? [x] : tf.split(x, w.length, 3);
  const out = parts.map((part, i) => tf.conv2d(part, w[i], stride, pad));
  return tf.relu(out.length === 1 ? out[0] : tf.concat(out, 3));
}
const norm = (x) => tf.localResponseNormalization(x, 2, 2, 1e-4, 0.75);
const pool = (x) => tf.maxPool(x, 3, 2, 'valid');

const forward = (image) =>
  tf.tidy(() => {
    let x = pool(norm(conv(image, layers.conv1)));
    x = pool(norm(conv(x, layers.conv2)));
    x = pool(conv(conv(conv(x, layers.conv3), layers.conv4), layers.conv5)).reshape([batch, 9216]);
    return tf.matMul(tf.relu(tf.matMul(tf.relu(tf.matMul(x, fc6)), fc7)), fc8);
  });

async function main() {
  await tf.ready();
  const image = tf.randomNormal([batch, 227, 227, 3]);
  const run = async () => {
    const y = forward(image);
    await y.data();
    y.dispose();
  };
  await run();
  const seconds = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await run();
    seconds.push((performance.now() - start) / 1000);
  }
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  console.log(
    JSON.stringify({
      version: `${tf.version.tfjs} (${tf.getBackend()})`,
      work: 'inference',
      batch,
      seconds,
      peakRssBytes,
    }),
  );
}

main();
