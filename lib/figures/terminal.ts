// Predictions in the terminal: images from half blocks (two pixels a character) in 24-bit or 256 colours, from letters where there are
// no colours.
import { type Prediction, percent, topClasses } from './predictions';

export type Colours = 'truecolor' | '256' | 'none';

/** What a stream can show: nothing but letters where it is a file or a pipe, or NO_COLOR is set (https://no-color.org). */
export function coloursOf(
  stream: { isTTY?: boolean; getColorDepth?: (env?: object) => number },
  env: NodeJS.ProcessEnv = process.env,
): Colours {
  const forced = env.FORCE_COLOR;
  if (env.NO_COLOR || forced === '0' || forced === 'false' || env.TERM === 'dumb') return 'none';
  if (forced === '3') return 'truecolor';
  if (forced === '2') return '256';
  if (!stream.isTTY) return 'none';
  const depth = stream.getColorDepth?.(env) ?? 1;
  return depth >= 24 ? 'truecolor' : depth >= 8 ? '256' : 'none';
}

export interface DrawOptions {
  classes: readonly string[];
  /** Width of the terminal, in characters. Default 80. */
  columns?: number;
  colours?: Colours;
}

const GAP = 2;
/** Below this width a small image cannot be told from another. */
const NARROWEST = 14;
const MOST_IN_A_ROW = 5;

/** Lines of text: the predictions in rows, right ones first, each image with the model's answer under it and, where it is wrong, the truth. */
export function drawPredictions(predictions: readonly Prediction[], options: DrawOptions): string {
  const { classes, columns = 80, colours = 'none' } = options;
  const inRow = Math.max(1, Math.min(MOST_IN_A_ROW, Math.floor((columns + GAP) / (NARROWEST + GAP))));
  const cell = Math.max(1, Math.floor((columns - GAP * (inRow - 1)) / inRow));
  const isRight = (p: Prediction) => topClasses(p.probabilities, 1)[0] === p.label;
  const rows: string[] = [];
  for (const list of [predictions.filter(isRight), predictions.filter((p) => !isRight(p))])
    for (let first = 0; first < list.length; first += inRow) {
      const blocks = list.slice(first, first + inRow).map((p) => block(p, classes, cell, colours));
      const width = Math.max(...blocks.map((b) => b.width));
      const height = Math.max(...blocks.map((b) => b.lines.length));
      for (let line = 0; line < height; line++)
        rows.push(
          blocks
            .map((b) => b.lines[line] ?? { text: '', width: 0 })
            .map(({ text, width: w }, i) => (i === blocks.length - 1 ? text : text + ' '.repeat(width - w + GAP)))
            .join('')
            .trimEnd(),
        );
      rows.push('');
    }
  return `${rows.join('\n')}\n`;
}

/** A line and the number of characters that it shows. */
interface Line {
  text: string;
  width: number;
}

function block(
  prediction: Prediction,
  classes: readonly string[],
  cell: number,
  colours: Colours,
): { lines: Line[]; width: number } {
  const { image, label, probabilities } = prediction;
  const width = Math.min(cell, image.width);
  // a multiple of two: a character holds two pixels, one above the other
  const height = Math.max(2, 2 * Math.round((image.height * width) / image.width / 2));
  const planes = shrink(image, height, width);
  const answer = topClasses(probabilities, 1)[0]!;
  const right = answer === label;
  const nameOf = (c: number) => classes[c] ?? `class ${c}`;
  const mark = colours === 'none' ? (right ? '+' : '-') : right ? '✓' : '✗';
  const caption = (text: string, style: string): Line => {
    const short = shorten(text, cell);
    return {
      text: colours === 'none' || style === '' ? short : `\x1b[${style}m${short}\x1b[0m`,
      width: [...short].length,
    };
  };
  const lines = [
    ...drawImage(planes, height, width, colours).map((text) => ({ text, width })),
    caption(`${mark} ${nameOf(answer)}`, right ? '32' : '31'),
    caption(`  ${percent(probabilities[answer]!)}`, '2'),
    ...(right ? [] : [caption(`  is ${nameOf(label)}`, '')]),
  ];
  return { lines, width: Math.max(...lines.map((line) => line.width)) };
}

function shorten(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Three planes of height × width: each value the mean of the pixels it covers, parts of pixels by their parts. */
function shrink(image: Prediction['image'], height: number, width: number): Float64Array[] {
  const area = image.height * image.width;
  return [0, 1, 2].map((c) => {
    const plane = image.pixels.subarray(
      (image.channels === 1 ? 0 : c) * area,
      (image.channels === 1 ? 1 : c + 1) * area,
    );
    const out = new Float64Array(height * width);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        let sum = 0;
        let weights = 0;
        for (const [row, wy] of cover(y, height, image.height))
          for (const [column, wx] of cover(x, width, image.width)) {
            sum += wy * wx * plane[row * image.width + column]!;
            weights += wy * wx;
          }
        out[y * width + x] = sum / weights;
      }
    return out;
  });
}

/** The pixels of `from` that pixel `i` of `to` covers, with how much of each. */
function cover(i: number, to: number, from: number): [pixel: number, weight: number][] {
  const start = (i * from) / to;
  const end = ((i + 1) * from) / to;
  const out: [number, number][] = [];
  for (let pixel = Math.floor(start); pixel < Math.min(end, from); pixel++)
    out.push([pixel, Math.min(end, pixel + 1) - Math.max(start, pixel)]);
  return out;
}

/** From dark to bright, by the ink of each character. */
const RAMP = ' .:-=+*#%@';

function drawImage(planes: Float64Array[], height: number, width: number, colours: Colours): string[] {
  const at = (y: number, x: number): [number, number, number] => {
    const i = y * width + x;
    return [planes[0]![i]!, planes[1]![i]!, planes[2]![i]!];
  };
  const lines: string[] = [];
  for (let y = 0; y < height; y += 2) {
    let line = '';
    let before = '';
    for (let x = 0; x < width; x++) {
      const [above, below] = [at(y, x), at(y + 1, x)];
      if (colours === 'none') {
        const light = (luma(above) + luma(below)) / 2;
        line += RAMP[Math.min(RAMP.length - 1, Math.floor((light / 256) * RAMP.length))];
        continue;
      }
      const paint = `\x1b[38;${colour(above, colours)};48;${colour(below, colours)}m`;
      line += `${paint === before ? '' : paint}▀`;
      before = paint;
    }
    lines.push(colours === 'none' ? line : `${line}\x1b[0m`);
  }
  return lines;
}

/** Rec. 601. */
function luma([r, g, b]: [number, number, number]): number {
  return 0.299 * r + 0.587 * g + 0.114 * b;
}

function colour(rgb: [number, number, number], colours: Colours): string {
  const [r, g, b] = rgb.map((v) => Math.min(255, Math.max(0, Math.round(v)))) as [number, number, number];
  return colours === 'truecolor' ? `2;${r};${g};${b}` : `5;${nearest256(r, g, b)}`;
}

const CUBE = [0, 95, 135, 175, 215, 255];

/** The nearest of xterm's colours 16 … 255: a cube of 6×6×6 and 24 greys. */
function nearest256(r: number, g: number, b: number): number {
  const steps = [r, g, b].map((v) =>
    CUBE.reduce((best, level, i) => (Math.abs(level - v) < Math.abs(CUBE[best]! - v) ? i : best), 0),
  );
  const grey = Math.min(23, Math.max(0, Math.round(((r + g + b) / 3 - 8) / 10)));
  const distance = (R: number, G: number, B: number) => (R - r) ** 2 + (G - g) ** 2 + (B - b) ** 2;
  const [i, j, k] = steps as [number, number, number];
  const level = 8 + 10 * grey;
  return distance(level, level, level) < distance(CUBE[i]!, CUBE[j]!, CUBE[k]!) ? 232 + grey : 16 + 36 * i + 6 * j + k;
}
