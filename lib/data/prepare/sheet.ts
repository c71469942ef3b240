// A sheet of images drawn at random, to look at: whether they are upright, of the right colours, under the right names.
import { fitText, svgText } from '../../figures/text';
import type { Dataset } from '../dataset';
import { loadSharp } from '../images';

const COLUMNS = 8;
const TILE = 128;
const GAP = 8;
const TEXT = 20;

/** A PNG of the first images of a set whose order is mixed. */
export async function sampleSheet({ train, classes, height, width }: Dataset, count = 48): Promise<Buffer> {
  const sharp = await loadSharp();
  const shown = Math.min(count, train.length);
  const area = height * width;
  const tiles = await Promise.all(
    Array.from({ length: shown }, async (_, i) => {
      const planes = await train.pixels(i);
      const data = Buffer.alloc(3 * area);
      for (let k = 0; k < data.length; k++) data[k] = planes[(k % 3) * area + Math.floor(k / 3)]!;
      const input = await sharp(data, { raw: { width, height, channels: 3 } })
        .resize(TILE, TILE, { fit: 'contain', kernel: width < TILE ? 'nearest' : 'lanczos3' })
        .png()
        .toBuffer();
      return {
        input,
        left: placeOf(i % COLUMNS, TILE + GAP),
        top: placeOf(Math.floor(i / COLUMNS), TILE + GAP + TEXT),
      };
    }),
  );
  const columns = Math.min(COLUMNS, shown);
  const sheetWidth = placeOf(columns, TILE + GAP);
  const sheetHeight = placeOf(Math.ceil(shown / COLUMNS), TILE + GAP + TEXT);
  const names = tiles.map(({ left, top }, i) =>
    svgText(fitText(classes[train.label(i)]!, 13, TILE), left, top + TILE + 15, { size: 13, fill: '#23211c' }),
  );
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${sheetWidth}" height="${sheetHeight}">` +
    `<rect width="100%" height="100%" fill="#f6f5f1"/>${names.join('')}</svg>`;
  return sharp(Buffer.from(svg)).composite(tiles).removeAlpha().png({ compressionLevel: 9 }).toBuffer();
}

const placeOf = (i: number, step: number) => GAP + i * step;
