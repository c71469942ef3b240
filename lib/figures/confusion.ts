// The table of which classes are taken for which, as a picture: rows are the right classes, columns the most probable ones.
import sharp from 'sharp';
import { fitText, svgText, textWidth } from './text';

export interface ConfusionTable {
  readonly classes: readonly string[];
  row(label: number): ArrayLike<number>;
}

/** White for none of a row's images to dark blue for all; the square root shows single mistakes. */
function colour(part: number): [number, number, number] {
  const t = Math.sqrt(part);
  return [255 - 235 * t, 255 - 190 * t, 255 - 120 * t].map(Math.round) as [number, number, number];
}

/** A PNG; names and numbers where the classes are few enough for them to be read. */
export async function confusionPicture(table: ConfusionTable): Promise<Buffer> {
  const n = table.classes.length;
  const cell = Math.max(1, Math.min(48, Math.floor(960 / n)));
  const named = cell >= 14;
  const size = Math.min(14, cell * 0.7);
  const widest = Math.max(...table.classes.map((name) => textWidth(name, size)));
  const margin = named ? Math.ceil(Math.min(widest, 160)) + 16 : 8;
  const side = n * cell;
  const pixels = Buffer.alloc(side * side * 3);
  let labels = '';
  for (let r = 0; r < n; r++) {
    const row = Array.from(table.row(r));
    const images = Math.max(
      1,
      row.reduce((a, b) => a + b, 0),
    );
    row.forEach((count, c) => {
      const [red, green, blue] = colour(count / images);
      for (let y = r * cell; y < (r + 1) * cell; y++)
        for (let at = (y * side + c * cell) * 3; at < (y * side + (c + 1) * cell) * 3; at += 3) {
          pixels[at] = red;
          pixels[at + 1] = green;
          pixels[at + 2] = blue;
        }
      if (cell < 32 || count === 0) return;
      const fill = count / images > 0.3 ? '#fff' : '#000';
      const at = [margin + (c + 0.5) * cell, margin + (r + 0.5) * cell + 4] as const;
      labels += svgText(String(count), ...at, { size: 12, fill, anchor: 'middle' });
    });
    if (!named) continue;
    const name = fitText(table.classes[r]!, size, margin - 12);
    const middle = margin + (r + 0.5) * cell;
    labels += svgText(name, margin - 6, middle + size * 0.35, { size, anchor: 'end' });
    const turned = svgText(name, 0, 0, { size });
    labels += `<g transform="translate(${middle + size * 0.35} ${margin - 6}) rotate(-90)">${turned}</g>`;
  }
  const all = margin + side + 8;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${all}" height="${all}">${labels}</svg>`;
  return sharp({ create: { width: all, height: all, channels: 3, background: '#fff' } })
    .composite([
      { input: pixels, raw: { width: side, height: side, channels: 3 }, left: margin, top: margin },
      { input: Buffer.from(svg), left: 0, top: 0 },
    ])
    .png()
    .toBuffer();
}
