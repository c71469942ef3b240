// Makes data/font/glyphs.json: the outlines of the letters that figures need, so that text in them looks the same on every machine,
// those without any font included. From DejaVu Sans Condensed (Debian's fonts-dejavu).
//
//   npx ts-node scripts/make_glyphs.ts [FOLDER OF THE FONTS]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const CHARACTERS = [...range(0x20, 0x7e), ...range(0xa1, 0xff), ...Array.from('–—‘’“”…×✓✗', (c) => c.codePointAt(0)!)];

interface Point {
  x: number;
  y: number;
  on: boolean;
}

/** The tables of a TrueType font that outlines need (Apple's and Microsoft's "OpenType specification": cmap format 4, loca, glyf, hmtx). */
class Font {
  readonly #bytes: Buffer;
  readonly #tables = new Map<string, number>();
  readonly unitsPerEm: number;
  readonly ascent: number;

  constructor(path: string) {
    this.#bytes = readFileSync(path);
    for (let i = 0; i < this.#u16(4); i++) {
      const at = 12 + 16 * i;
      this.#tables.set(this.#bytes.toString('latin1', at, at + 4), this.#bytes.readUInt32BE(at + 8));
    }
    this.unitsPerEm = this.#u16(this.#table('head') + 18);
    this.ascent = this.#i16(this.#table('hhea') + 4);
  }

  #table(name: string): number {
    const at = this.#tables.get(name);
    if (at === undefined) throw new Error(`the font has no table '${name}'`);
    return at;
  }

  #u16(at: number): number {
    return this.#bytes.readUInt16BE(at);
  }

  #i16(at: number): number {
    return this.#bytes.readInt16BE(at);
  }

  /** Number of the glyph of a character, from the cmap's format-4 table. */
  glyphOf(code: number): number {
    const cmap = this.#table('cmap');
    for (let i = 0; i < this.#u16(cmap + 2); i++) {
      const at = cmap + this.#bytes.readUInt32BE(cmap + 4 + 8 * i + 4);
      if (this.#u16(at) !== 4) continue;
      const segments = this.#u16(at + 6) / 2;
      for (let s = 0; s < segments; s++) {
        const end = this.#u16(at + 14 + 2 * s);
        const start = this.#u16(at + 16 + 2 * segments + 2 * s);
        if (code < start || code > end) continue;
        const delta = this.#i16(at + 16 + 4 * segments + 2 * s);
        const rangeAt = at + 16 + 6 * segments + 2 * s;
        const offset = this.#u16(rangeAt);
        const glyph = offset === 0 ? code : this.#u16(rangeAt + offset + 2 * (code - start));
        return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
      }
    }
    return 0;
  }

  advance(glyph: number): number {
    const count = this.#u16(this.#table('hhea') + 34);
    return this.#u16(this.#table('hmtx') + 4 * Math.min(glyph, count - 1));
  }

  contours(glyph: number): Point[][] {
    const long = this.#i16(this.#table('head') + 50) === 1;
    const place = (g: number) =>
      long ? this.#bytes.readUInt32BE(this.#table('loca') + 4 * g) : 2 * this.#u16(this.#table('loca') + 2 * g);
    if (place(glyph) === place(glyph + 1)) return [];
    const at = this.#table('glyf') + place(glyph);
    const count = this.#i16(at);
    return count >= 0 ? this.#simple(at + 10, count) : this.#composite(at + 10);
  }

  #simple(at: number, count: number): Point[][] {
    const ends = Array.from({ length: count }, (_, i) => this.#u16(at + 2 * i));
    const points = count === 0 ? 0 : ends[count - 1]! + 1;
    let next = at + 2 * count;
    next += 2 + this.#u16(next);
    const flags: number[] = [];
    while (flags.length < points) {
      const flag = this.#bytes[next++]!;
      const repeats = flag & 8 ? this.#bytes[next++]! : 0;
      for (let r = 0; r <= repeats; r++) flags.push(flag);
    }
    const coordinates = (short: number, same: number) => {
      let value = 0;
      return flags.map((flag) => {
        if (flag & short) value += flag & same ? this.#bytes[next++]! : -this.#bytes[next++]!;
        else if (!(flag & same)) {
          value += this.#i16(next);
          next += 2;
        }
        return value;
      });
    };
    const xs = coordinates(2, 16);
    const ys = coordinates(4, 32);
    const all = flags.map((flag, i) => ({ x: xs[i]!, y: ys[i]!, on: (flag & 1) === 1 }));
    return ends.map((end, i) => all.slice(i === 0 ? 0 : ends[i - 1]! + 1, end + 1));
  }

  /** Letters with accents: other glyphs, moved. */
  #composite(at: number): Point[][] {
    const out: Point[][] = [];
    for (let next = at, more = true; more; ) {
      const flags = this.#u16(next);
      const part = this.#u16(next + 2);
      const wide = (flags & 1) !== 0;
      if (!(flags & 2)) throw new Error('a composite glyph placed by matching points');
      const dx = wide ? this.#i16(next + 4) : this.#bytes.readInt8(next + 4);
      const dy = wide ? this.#i16(next + 6) : this.#bytes.readInt8(next + 5);
      next += wide ? 8 : 6;
      let [a, b, c, d] = [1, 0, 0, 1];
      const fixed = (place: number) => this.#i16(next + place) / 16384;
      if (flags & 8) {
        a = d = fixed(0);
        next += 2;
      } else if (flags & 64) {
        [a, d] = [fixed(0), fixed(2)];
        next += 4;
      } else if (flags & 128) {
        [a, b, c, d] = [fixed(0), fixed(2), fixed(4), fixed(6)];
        next += 8;
      }
      for (const contour of this.contours(part))
        out.push(contour.map((p) => ({ x: a * p.x + c * p.y + dx, y: b * p.x + d * p.y + dy, on: p.on })));
      more = (flags & 32) !== 0;
    }
    return out;
  }
}

/** An SVG path of whole numbers in units of 1/1000 em, y downwards, relative to the point before. */
function pathOf(contours: Point[][], scale: number): string {
  let out = '';
  for (const contour of contours) {
    if (contour.length < 2) continue;
    const points = contour.map((p) => ({ x: Math.round(p.x * scale), y: Math.round(-p.y * scale), on: p.on }));
    // between two control points lies an implied point of the curve
    const full = points.flatMap((p, i) => {
      const before = points[(i + points.length - 1) % points.length]!;
      const middle = { x: Math.round((p.x + before.x) / 2), y: Math.round((p.y + before.y) / 2), on: true };
      return p.on || before.on ? [p] : [middle, p];
    });
    const first = full.findIndex((p) => p.on);
    const ring = [...full.slice(first), ...full.slice(0, first), full[first]!];
    let at = ring[0]!;
    out += `M${at.x} ${at.y}`;
    const to = (p: { x: number; y: number }) => `${p.x - at.x} ${p.y - at.y}`;
    for (let i = 1; i < ring.length; i++) {
      const p = ring[i]!;
      if (p.on) {
        if (i < ring.length - 1 && (p.x !== at.x || p.y !== at.y))
          out += p.x === at.x ? `v${p.y - at.y}` : p.y === at.y ? `h${p.x - at.x}` : `l${to(p)}`;
        at = p;
      } else {
        const end = ring[++i]!;
        out += `q${to(p)} ${to(end)}`;
        at = end;
      }
    }
    out += 'z';
  }
  return out.replaceAll(' -', '-');
}

function glyphsOf(path: string): Record<string, [advance: number, path: string]> {
  const font = new Font(path);
  const scale = 1000 / font.unitsPerEm;
  return Object.fromEntries(
    CHARACTERS.map((code) => {
      const glyph = font.glyphOf(code);
      if (glyph === 0) throw new Error(`${path} has no glyph for U+${code.toString(16)}`);
      return [
        String.fromCodePoint(code),
        [Math.round(font.advance(glyph) * scale), pathOf(font.contours(glyph), scale)],
      ];
    }),
  );
}

const fonts = process.argv[2] ?? '/usr/share/fonts/truetype/dejavu';
const glyphs = {
  regular: glyphsOf(join(fonts, 'DejaVuSansCondensed.ttf')),
  bold: glyphsOf(join(fonts, 'DejaVuSansCondensed-Bold.ttf')),
};
const text = JSON.stringify(glyphs).replaceAll('],"', '],\n"').replaceAll('":{"', '":{\n"');
writeFileSync(join(__dirname, '../data/font/glyphs.json'), `${text}\n`);
console.log(`data/font/glyphs.json: ${CHARACTERS.length} characters, ${text.length} bytes`);
