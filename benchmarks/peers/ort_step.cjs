// AlexNet inference in onnxruntime-node, from the folder whose node_modules has it; one JSON line.
// usage: node ort_step.cjs FOLDER MODEL.onnx THREADS BATCH REPEATS
const { createRequire } = require('node:module');
const { join, resolve } = require('node:path');

const [folder, model] = process.argv.slice(2);
const [threads, batch, repeats] = process.argv.slice(4).map(Number);
const from = createRequire(join(resolve(folder), 'package.json'));
const ort = from('onnxruntime-node');

async function main() {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads });
  const pixels = Float32Array.from({ length: batch * 3 * 227 * 227 }, (_, i) => Math.sin(i));
  const feeds = { x: new ort.Tensor('float32', pixels, [batch, 3, 227, 227]) };
  await session.run(feeds);
  await session.run(feeds);
  const seconds = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await session.run(feeds);
    seconds.push((performance.now() - start) / 1000);
  }
  const { version } = require(join(resolve(folder), 'node_modules/onnxruntime-node/package.json'));
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ version, work: 'inference', batch, seconds, peakRssBytes }));
}

main();
