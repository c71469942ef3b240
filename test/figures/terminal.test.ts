import type { Prediction } from '../../lib/figures/predictions';
import { coloursOf, drawPredictions } from '../../lib/figures/terminal';

const classes = ['Ankle boot', 'Bag', 'A class whose name is long'];

/** Left half black, right half of the given colour. */
function halves(rgb: number[], label: number, probabilities: number[], size = 28): Prediction {
  const channels = rgb.length;
  const pixels = Uint8Array.from({ length: channels * size * size }, (_, i) =>
    i % size < size / 2 ? 0 : rgb[Math.floor(i / (size * size))]!,
  );
  return { image: { pixels, channels, height: size, width: size }, label, probabilities };
}

const right = halves([255], 0, [0.983, 0.017, 0]);
const wrong = halves([255], 1, [0.2, 0.1, 0.7]);
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const bare = (text: string) => text.replace(/\x1b\[[\d;]*m/g, '');

test('letters alone where there are no colours', () => {
  const text = drawPredictions([wrong, right], { classes, columns: 80 });
  const lines = text.split('\n');
  // 80 columns: five in a row of 14 each; 14 pixels high, two a line
  expect(lines.slice(0, 10)).toEqual([...new Array(7).fill('       @@@@@@@'), '+ Ankle boot', '  98.3 %', '']);
  expect(lines.slice(10)).toEqual([
    ...new Array(7).fill('       @@@@@@@'),
    '- A class who…',
    '  70.0 %',
    '  is Bag',
    '',
    '',
  ]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(text).not.toMatch(/\x1b/);
});

test('two blanks between the images of a row', () => {
  const lines = drawPredictions([right, right], { classes, columns: 80 }).split('\n');
  expect(lines[0]).toBe('       @@@@@@@         @@@@@@@');
  expect(lines[7]).toBe('+ Ankle boot    + Ankle boot');
  expect(lines[8]).toBe('  98.3 %          98.3 %');
});

test('grey is drawn by its brightness, colours by their luma', () => {
  const line = (rgb: number[]) =>
    drawPredictions([halves(rgb, 0, [1])], { classes, columns: 80 })
      .split('\n')[0]!
      .slice(7);
  expect([[0], [30], [130], [255]].map(line).map((l) => l[0] ?? ' ')).toEqual([' ', '.', '+', '@']);
  expect(line([0, 255, 0])).toBe('+++++++');
  expect(line([0, 0, 255])).toBe('.......');
});

test('24-bit colours: half blocks, the upper pixel over the lower, a colour named only where it changes', () => {
  const text = drawPredictions([halves([10, 20, 30], 0, [1, 0, 0])], { classes, columns: 80, colours: 'truecolor' });
  expect(text.split('\n')[0]).toBe('\x1b[38;2;0;0;0;48;2;0;0;0m▀▀▀▀▀▀▀\x1b[38;2;10;20;30;48;2;10;20;30m▀▀▀▀▀▀▀\x1b[0m');
  expect(text).toContain('\x1b[32m✓ Ankle boot\x1b[0m');
  // two pixels one above the other
  const stripes: Prediction = {
    image: { pixels: Uint8Array.of(1, 2, 3, 4), channels: 1, height: 2, width: 2 },
    label: 1,
    probabilities: [1, 0],
  };
  const small = drawPredictions([stripes], { classes, colours: 'truecolor' });
  expect(small.split('\n')[0]).toBe('\x1b[38;2;1;1;1;48;2;3;3;3m▀\x1b[38;2;2;2;2;48;2;4;4;4m▀\x1b[0m');
  expect(small).toContain('\x1b[31m✗ Ankle boot\x1b[0m');
});

test('256 colours: the nearest of the cube and of the greys', () => {
  const code = (rgb: number[]) =>
    /;48;5;(\d+)m▀+.\[0m/.exec(drawPredictions([halves(rgb, 0, [1])], { classes, colours: '256' }).split('\n')[0]!)![1];
  expect(code([255, 0, 0])).toBe('196');
  expect(code([95, 135, 175])).toBe('67');
  expect(code([128, 128, 128])).toBe('244');
  expect(code([255, 255, 255])).toBe('231');
  expect(code([12, 9, 8])).toBe('232');
});

test.each([20, 40, 80, 100, 150, 300])('no line is longer than %d columns; columns line up', (columns) => {
  const list = [...new Array(7).fill(right), wrong, wrong];
  for (const colours of ['none', '256', 'truecolor'] as const) {
    const lines = bare(drawPredictions(list, { classes, columns, colours })).split('\n');
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(columns);
    const captions = lines.find((line) => /^[+✓] /.test(line))!;
    const starts = [...captions.matchAll(/[+✓]/g)].map((m) => m.index);
    expect(starts.length).toBe(Math.max(1, Math.min(5, Math.floor((columns + 2) / 16))));
    const numbers = lines[lines.indexOf(captions) + 1]!;
    expect([...numbers.matchAll(/98\.3/g)].map((m) => m.index)).toEqual(starts.map((s) => s + 2));
  }
});

test('images are never enlarged, and photographs are scaled down by averaging', () => {
  const wide = drawPredictions([right], { classes, columns: 300 }).split('\n');
  expect(wide[0]!.length).toBe(28);
  const photo: Prediction = {
    image: {
      pixels: Uint8Array.from({ length: 100 * 100 }, (_, i) => (i % 2) * 200),
      channels: 1,
      height: 100,
      width: 100,
    },
    label: 0,
    probabilities: [1],
  };
  const first = drawPredictions([photo], { classes, columns: 80, colours: 'truecolor' }).split('\n')[0]!;
  const greys = [...first.matchAll(/38;2;(\d+)/g)].map((m) => Number(m[1]));
  for (const grey of greys) expect(Math.abs(grey - 100)).toBeLessThan(16);
});

test('coloursOf', () => {
  const tty = (depth: number) => ({ isTTY: true, getColorDepth: () => depth });
  expect([24, 8, 4, 1].map((depth) => coloursOf(tty(depth), {}))).toEqual(['truecolor', '256', 'none', 'none']);
  expect(coloursOf({ isTTY: false, getColorDepth: () => 24 }, {})).toBe('none');
  expect(coloursOf({}, {})).toBe('none');
  expect(coloursOf(tty(24), { NO_COLOR: '1' })).toBe('none');
  expect(coloursOf(tty(24), { TERM: 'dumb' })).toBe('none');
  expect(coloursOf(tty(24), { FORCE_COLOR: '0' })).toBe('none');
  expect([coloursOf({}, { FORCE_COLOR: '3' }), coloursOf({}, { FORCE_COLOR: '2' })]).toEqual(['truecolor', '256']);
});
