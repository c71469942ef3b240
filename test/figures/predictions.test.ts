import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import {
  choosePredictions,
  type Prediction,
  percent,
  predictionSheet,
  topClasses,
} from '../../lib/figures/predictions';
import { temporaryFolder } from '../support/temporary';

const root = temporaryFolder();
const classes = ['Ankle boot', 'Bag', 'Coat', 'Ärmel'];

/** An image whose pixels all have the value `grey`, but for the top left one. */
function prediction(grey: number, label: number, probabilities: number[], size = 28, channels = 1): Prediction {
  const pixels = new Uint8Array(channels * size * size).fill(grey);
  for (let c = 0; c < channels; c++) pixels[c * size * size] = 200 + 10 * c;
  return { image: { pixels, channels, height: size, width: size }, label, probabilities };
}

const right = prediction(90, 1, [0.1, 0.7, 0.2, 0]);
const wrong = prediction(60, 0, [0.25, 0.05, 0.1, 0.6]);

test('topClasses: largest first, the lower class where two are equal, all of them at most', () => {
  expect(topClasses([0.2, 0.5, 0.2, 0.1], 3)).toEqual([1, 0, 2]);
  expect(topClasses(Float32Array.of(0.4, 0.6), 5)).toEqual([1, 0]);
});

test('percent', () => {
  expect([0, 0.0001, 0.0005, 0.5, 0.98765, 1].map(percent)).toEqual([
    '0.0 %',
    '<0.1 %',
    '0.1 %',
    '50.0 %',
    '98.8 %',
    '100.0 %',
  ]);
});

describe('choosePredictions', () => {
  // three classes; image: label, answer, probability of the answer
  const table: [number, number, number][] = [
    [0, 0, 0.9],
    [0, 0, 0.8],
    [1, 1, 0.5],
    [2, 0, 0.6],
    [2, 1, 0.95],
    [2, 2, 0.5],
    [1, 0, 0.7],
    [0, 0, 0.6],
    [2, 1, 0.9],
  ];
  const probabilities = table.flatMap(([, answer, p]) => [0, 1, 2].map((c) => (c === answer ? p : (1 - p) / 2)));
  const labels = table.map(([label]) => label);

  test('right ones in order, every class before one again; wrong ones by how sure the model was', () => {
    expect(choosePredictions(probabilities, labels, 3, 4)).toEqual({ right: [0, 1, 2, 5], wrong: [4, 8, 6, 3] });
    expect(choosePredictions(probabilities, labels, 3, 3)).toEqual({ right: [0, 2, 5], wrong: [4, 8, 6] });
    expect(choosePredictions(probabilities, labels, 3, 2)).toEqual({ right: [0, 2], wrong: [4, 6] });
    expect(choosePredictions(probabilities, labels, 3, 100)).toEqual({ right: [0, 1, 2, 5, 7], wrong: [4, 8, 6, 3] });
  });

  test('none wrong, none right, a wrong count', () => {
    expect(choosePredictions([0.9, 0.1], [0], 2)).toEqual({ right: [0], wrong: [] });
    expect(choosePredictions([0.9, 0.1], [1], 2)).toEqual({ right: [], wrong: [0] });
    expect(() => choosePredictions([0.9], [1], 2)).toThrow('1 images of 2 classes have 2 probabilities, got 1');
  });
});

describe('predictionSheet', () => {
  const options = { classes, title: 'Fashion-MNIST', subtitle: 'test error 7.9 %' };
  const pixelsOf = async (png: Buffer) => {
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(3);
    const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    return { at, width: info.width, height: info.height };
  };

  test('images pixel by pixel, right ones above, bars in the colours of the answer', async () => {
    const { at, width, height } = await pixelsOf(await predictionSheet([wrong, right], options));
    expect([width, height]).toEqual([1256, 908]);
    // the pictures' corners: 28 pixels of 7×7
    const [x, y, below] = [36 + 14, 144 + 14, 391];
    expect(at(x + 3, y + 3)).toEqual([200, 200, 200]);
    expect(at(x + 6, y + 6)).toEqual([200, 200, 200]);
    expect(at(x + 7, y + 3)).toEqual([90, 90, 90]);
    expect(at(x + 195, y + 195)).toEqual([90, 90, 90]);
    expect(at(x + 196, y + 100)).toEqual([255, 255, 255]);
    expect(at(x + 100, y + below + 100)).toEqual([60, 60, 60]);
    // first bars: 70 % of 196 green, 60 % red; then the track
    const bar = y + 196 + 24 + 14 + 17;
    const [green, red, track] = [
      [0x2f, 0x8f, 0x5b],
      [0xc8, 0x47, 0x2f],
      [0xec, 0xea, 0xe4],
    ];
    expect([at(x + 10, bar), at(x + 131, bar), at(x + 139, bar), at(x + 190, bar)]).toEqual([
      green,
      green,
      track,
      track,
    ]);
    expect([at(x + 10, below + bar), at(x + 111, below + bar), at(x + 119, below + bar)]).toEqual([red, red, track]);
    // the wrong answer's second bar is the right class: 25 %
    expect(at(x + 10, below + bar + 25)).toEqual(green);
  });

  test('colour, large and oblong images; one group alone; more than a row', async () => {
    const photo = prediction(120, 2, [0, 0, 1, 0], 400, 3);
    const { at, height } = await pixelsOf(await predictionSheet(new Array(7).fill(photo), options));
    expect(at(36 + 14 + 100, 144 + 14 + 100)).toEqual([120, 120, 120]);
    // two rows of cards (337 each) with a gap, under one heading
    expect(height).toBe(144 + 2 * 337 + 16 + 36);
    const oblong: Prediction = {
      ...right,
      image: { pixels: new Uint8Array(20 * 10).fill(33), channels: 1, height: 10, width: 20 },
    };
    const small = await pixelsOf(await predictionSheet([oblong], options));
    // 20×10 at 9 times: 180×90 in the middle of 196×196
    expect(small.at(50 + 8, 158 + 53)).toEqual([33, 33, 33]);
    expect(small.at(50 + 8, 158 + 52)).toEqual([255, 255, 255]);
    expect(small.at(50 + 7, 158 + 60)).toEqual([255, 255, 255]);
  });

  test('nothing to show', async () => {
    await expect(predictionSheet([], options)).rejects.toThrow('predictionSheet: there are no predictions to show');
  });

  test('the same picture on a machine without fonts', async () => {
    const here = createHash('sha256')
      .update(await predictionSheet([right, wrong], options))
      .digest('hex');
    const config = join(root, 'fonts.conf');
    writeFileSync(
      config,
      '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd"><fontconfig></fontconfig>',
    );
    const plain = (p: Prediction) => ({ ...p, image: { ...p.image, pixels: [...p.image.pixels] } });
    const script = `
      const { predictionSheet } = require('./lib/figures/predictions');
      const list = ${JSON.stringify([right, wrong].map(plain))};
      for (const p of list) p.image.pixels = Uint8Array.from(p.image.pixels);
      predictionSheet(list, ${JSON.stringify(options)}).then((png) => console.log(require('crypto').createHash('sha256').update(png).digest('hex')));`;
    const child = spawnSync(process.execPath, ['-r', 'ts-node/register', '-e', script], {
      cwd: join(__dirname, '../..'),
      env: { ...process.env, FONTCONFIG_FILE: config, FONTCONFIG_PATH: root, HOME: root, XDG_CACHE_HOME: root },
      encoding: 'utf8',
    });
    expect(child.stderr).toBe('');
    expect(child.stdout.trim()).toBe(here);
  });
});
