// What a trained model says of single images: a choice of right and wrong answers, and a sheet of them as PNG. (In the terminal:
// terminal.ts.)
import { loadSharp } from '../data/images';
import { fitText, svgText, textWidth } from './text';

/** An image with a model's answer. */
export interface Prediction {
  image: {
    /** channels × height × width, channels 1 or 3 */
    pixels: Uint8Array;
    channels: number;
    height: number;
    width: number;
  };
  /** The right class. */
  label: number;
  /** One a class. */
  probabilities: ArrayLike<number>;
}

/** The classes of the `k` largest probabilities, largest first; the lower class where two are equal. */
export function topClasses(probabilities: ArrayLike<number>, k: number): number[] {
  return Array.from({ length: probabilities.length }, (_, c) => c)
    .sort((a, b) => probabilities[b]! - probabilities[a]! || a - b)
    .slice(0, k);
}

/**
 * Numbers of `each` right and `each` wrong answers to show: the first right ones, no class twice while there are others; and the wrong
 * ones of which the model was surest, of different classes likewise.
 * @param probabilities images × classes
 */
export function choosePredictions(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  each = 5,
): { right: number[]; wrong: number[] } {
  if (probabilities.length !== labels.length * classes)
    throw new RangeError(
      `choosePredictions: ${labels.length} images of ${classes} classes have ${labels.length * classes} probabilities, got ${probabilities.length}`,
    );
  const right: number[] = [];
  const wrong: { image: number; sureness: number }[] = [];
  for (let image = 0; image < labels.length; image++) {
    let best = 0;
    const at = image * classes;
    for (let c = 1; c < classes; c++) if (probabilities[at + c]! > probabilities[at + best]!) best = c;
    if (best === labels[image]) right.push(image);
    else wrong.push({ image, sureness: probabilities[at + best]! });
  }
  wrong.sort((a, b) => b.sureness - a.sureness || a.image - b.image);
  const pick = (images: number[]) => spread(images, (image) => labels[image]!, each);
  return { right: pick(right), wrong: pick(wrong.map(({ image }) => image)) };
}

/** The first `count` of a list, taking from every class before taking from one again; in the order of the list. */
function spread(list: readonly number[], classOf: (item: number) => number, count: number): number[] {
  const seen = new Map<number, number>();
  const rounds = list.map((item, place) => {
    const round = seen.get(classOf(item)) ?? 0;
    seen.set(classOf(item), round + 1);
    return { item, place, round };
  });
  return rounds
    .sort((a, b) => a.round - b.round || a.place - b.place)
    .slice(0, count)
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** A probability for a person: `98.3 %`, `<0.1 %`. */
export function percent(p: number): string {
  return p > 0 && p < 0.0005 ? '<0.1 %' : `${(100 * p).toFixed(1)} %`;
}

export interface SheetOptions {
  classes: readonly string[];
  /** Above the images. */
  title: string;
  /** Below the title, smaller. */
  subtitle?: string;
  /** Bars under each image. Default 3. */
  bars?: number;
}

const COLUMNS = 5;
const CARD = 224;
const GAP = 16;
const MARGIN = 36;
const PICTURE = 196;
const INSET = (CARD - PICTURE) / 2;
const BAR = 25;
const colours = {
  paper: '#f6f5f1',
  card: '#ffffff',
  line: '#dedbd2',
  ink: '#23211c',
  faint: '#7a766b',
  right: '#2f8f5b',
  wrong: '#c8472f',
  other: '#b9c3d0',
};

/**
 * A PNG: the images answered rightly in the first rows, the others below, each with its most probable classes as bars. The right class's
 * bar is green wherever it stands; a wrong answer is red.
 */
export async function predictionSheet(predictions: readonly Prediction[], options: SheetOptions): Promise<Buffer> {
  if (predictions.length === 0) throw new RangeError('predictionSheet: there are no predictions to show');
  const bars = Math.min(options.bars ?? 3, options.classes.length);
  const isRight = (p: Prediction) => topClasses(p.probabilities, 1)[0] === p.label;
  const groups = [
    { name: 'Right', colour: colours.right, list: predictions.filter(isRight) },
    { name: 'Wrong', colour: colours.wrong, list: predictions.filter((p) => !isRight(p)) },
  ].filter(({ list }) => list.length > 0);

  const sharp = await loadSharp();
  const width = 2 * MARGIN + COLUMNS * CARD + (COLUMNS - 1) * GAP;
  const cardHeight = INSET + PICTURE + 48 + bars * BAR + 4;
  const parts: string[] = [];
  const pictures: Promise<{ input: Buffer; left: number; top: number }>[] = [];
  let y = MARGIN + 26;
  parts.push(
    svgText(fitText(options.title, 28, width - 2 * MARGIN, 'bold'), MARGIN, y, {
      size: 28,
      weight: 'bold',
      fill: colours.ink,
    }),
  );
  if (options.subtitle) {
    y += 28;
    parts.push(
      svgText(fitText(options.subtitle, 16, width - 2 * MARGIN), MARGIN, y, { size: 16, fill: colours.faint }),
    );
  }
  for (const { name, colour, list } of groups) {
    y += 40;
    parts.push(`<circle cx="${MARGIN + 6}" cy="${y - 6}" r="6" fill="${colour}"/>`);
    parts.push(svgText(name, MARGIN + 20, y, { size: 18, weight: 'bold', fill: colours.ink }));
    y += 14;
    for (let first = 0; first < list.length; first += COLUMNS, y += cardHeight + GAP)
      list.slice(first, first + COLUMNS).forEach((prediction, column) => {
        const x = MARGIN + column * (CARD + GAP);
        parts.push(card(prediction, x, y, cardHeight, bars, options.classes));
        pictures.push(picture(sharp, prediction.image, x + INSET, y + INSET));
      });
    y -= GAP;
  }
  const height = y + MARGIN;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<rect width="100%" height="100%" fill="${colours.paper}"/>${parts.join('')}</svg>`;
  return sharp(Buffer.from(svg))
    .composite(await Promise.all(pictures))
    .removeAlpha()
    .png({ compressionLevel: 9 })
    .toBuffer();
}

function card(
  prediction: Prediction,
  x: number,
  y: number,
  height: number,
  bars: number,
  classes: readonly string[],
): string {
  const { probabilities, label } = prediction;
  const top = topClasses(probabilities, bars);
  const first = top[0]!;
  const left = x + INSET;
  let at = y + INSET + PICTURE + 24;
  const parts = [
    `<rect x="${x + 0.5}" y="${y + 0.5}" width="${CARD - 1}" height="${height - 1}" rx="8" fill="${colours.card}" stroke="${colours.line}"/>`,
    svgText(fitText(classes[label] ?? `class ${label}`, 17, PICTURE, 'bold'), left, at, {
      size: 17,
      weight: 'bold',
      fill: colours.ink,
    }),
  ];
  at += 14;
  for (const c of top) {
    const p = probabilities[c]!;
    const fill = c === label ? colours.right : c === first ? colours.wrong : colours.other;
    const number = percent(p);
    const numberWidth = textWidth('100.0 %', 12);
    const name = fitText(classes[c] ?? `class ${c}`, 13, PICTURE - numberWidth - 8);
    parts.push(
      svgText(name, left, at + 11, { size: 13, fill: colours.ink }),
      svgText(number, left + PICTURE, at + 11, { size: 12, fill: colours.faint, anchor: 'end' }),
      `<rect x="${left}" y="${at + 15}" width="${PICTURE}" height="4" rx="2" fill="#eceae4"/>`,
      `<rect x="${left}" y="${at + 15}" width="${Math.max(PICTURE * Math.min(Math.max(p, 0), 1), 1).toFixed(1)}" height="4" rx="2" fill="${fill}"/>`,
    );
    at += BAR;
  }
  return parts.join('');
}

/** Small images in whole multiples of their size, so that pixels stay square; large ones scaled down; centred in their place. */
async function picture(
  sharp: Awaited<ReturnType<typeof loadSharp>>,
  { pixels, channels, height, width }: Prediction['image'],
  x: number,
  y: number,
): Promise<{ input: Buffer; left: number; top: number }> {
  const area = height * width;
  const interleaved = Buffer.alloc(3 * area);
  for (let c = 0; c < 3; c++) {
    const plane = channels === 1 ? 0 : c;
    for (let i = 0; i < area; i++) interleaved[3 * i + c] = pixels[plane * area + i]!;
  }
  const most = PICTURE / Math.max(height, width);
  const scale = most >= 1 ? Math.floor(most) : most;
  const [toWidth, toHeight] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const input = await sharp(interleaved, { raw: { width, height, channels: 3 } })
    .resize(toWidth, toHeight, { fit: 'fill', kernel: most >= 1 ? 'nearest' : 'lanczos3' })
    .png()
    .toBuffer();
  return { input, left: x + ((PICTURE - toWidth) >> 1), top: y + ((PICTURE - toHeight) >> 1) };
}
