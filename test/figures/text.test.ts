import sharp from 'sharp';
import { fitText, svgText, textWidth } from '../../lib/figures/text';

/** Share of dark pixels in a drawing of the text, and the box around them: left, top, right, bottom. */
async function ink(text: string, weight: 'regular' | 'bold' = 'regular') {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="100"><rect width="100%" height="100%" fill="#fff"/>${svgText(text, 20, 70, { size: 50, weight })}</svg>`;
  const { data, info } = await sharp(Buffer.from(svg)).greyscale().raw().toBuffer({ resolveWithObject: true });
  const box = [400, 100, 0, 0] as [number, number, number, number];
  let dark = 0;
  for (let y = 0; y < 100; y++)
    for (let x = 0; x < 400; x++)
      if (data[(y * 400 + x) * info.channels]! < 128) {
        dark++;
        box[0] = Math.min(box[0], x);
        box[1] = Math.min(box[1], y);
        box[2] = Math.max(box[2], x);
        box[3] = Math.max(box[3], y);
      }
  return { dark, box };
}

test('letters stand on the base line, as wide as textWidth says', async () => {
  const { box } = await ink('HxH');
  // the H's strokes begin a little inside its advance
  expect(box[0]).toBeGreaterThanOrEqual(20);
  expect(box[0]).toBeLessThan(28);
  expect(box[2]).toBeLessThan(20 + textWidth('HxH', 50));
  expect(box[2]).toBeGreaterThan(20 + textWidth('HxH', 50) - 8);
  // 70 is the base line; DejaVu's capitals are 0.729 em high
  expect(box[3]).toBe(69);
  expect(box[1]).toBeGreaterThanOrEqual(70 - 0.729 * 50 - 1);
  expect(box[1]).toBeLessThanOrEqual(70 - 0.729 * 50 + 1);
  expect((await ink('gjp')).box[3]).toBeGreaterThan(75);
});

test('bold has more ink; every printable character of ASCII has some; counters are open', async () => {
  expect((await ink('Coat', 'bold')).dark).toBeGreaterThan(1.2 * (await ink('Coat')).dark);
  for (let code = 0x21; code < 0x7f; code++) expect((await ink(String.fromCharCode(code))).dark).toBeGreaterThan(10);
  expect(svgText(' ', 0, 0, { size: 10 })).not.toContain('<path');
  // an O filled in would have about twice the ink of a C
  expect((await ink('O')).dark).toBeLessThan(1.6 * (await ink('C')).dark);
});

test('accents: drawn where the font has them, composed or not; left out where it has not; a box for the rest', async () => {
  const [plain, accent] = [await ink('e'), await ink('é')];
  expect(accent.dark).toBeGreaterThan(plain.dark + 20);
  expect(svgText('é', 0, 0, { size: 10 })).toBe(svgText('e\u0301', 0, 0, { size: 10 }));
  expect(svgText('ṍ', 0, 0, { size: 10 })).toBe(svgText('o', 0, 0, { size: 10 }));
  expect((await ink('犬')).dark).toBeGreaterThan(100);
  expect(svgText('犬', 0, 0, { size: 10 })).toBe(svgText('🐕', 0, 0, { size: 10 }));
  expect(textWidth('__proto__', 10)).toBeGreaterThan(0);
});

test('anchors', () => {
  const at = (anchor: 'start' | 'middle' | 'end') =>
    Number(/translate\(([-\d.]+) /.exec(svgText('Coat', 100, 0, { size: 20, anchor }))![1]);
  const width = textWidth('Coat', 20);
  expect(at('start')).toBe(100);
  expect(at('middle')).toBeCloseTo(100 - width / 2, 1);
  expect(at('end')).toBeCloseTo(100 - width, 1);
});

test('fitText', () => {
  expect(fitText('Ankle boot', 10, 1000)).toBe('Ankle boot');
  const short = fitText('Ankle boot', 10, 40);
  expect(short).toMatch(/^Ankl?e?…$/);
  expect(textWidth(short, 10)).toBeLessThanOrEqual(40);
  expect(fitText('Ankle boot', 10, textWidth('Ankle …', 10))).toBe('Ankle…');
  expect(fitText('Ankle boot', 10, 1)).toBe('…');
});

test('what could be markup is only letters', () => {
  expect(svgText('<script>&"', 0, 0, { size: 10 })).not.toMatch(/script|&/);
});
