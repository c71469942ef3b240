// Text in SVG as outlines, so that it looks the same on every machine: a renderer without fonts would draw boxes, or nothing.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../native/addon';

export type Weight = 'regular' | 'bold';
/** Advance in thousandths of the size, and the outline in the same units, y downwards from the base line. */
type Glyph = readonly [advance: number, path: string];

let glyphs: Record<Weight, Record<string, Glyph>> | undefined;

function glyphOf(character: string, weight: Weight): Glyph {
  glyphs ??= JSON.parse(readFileSync(join(packageRoot(), 'data', 'font', 'glyphs.json'), 'utf8')) as typeof glyphs;
  const set = glyphs![weight];
  if (Object.hasOwn(set, character)) return set[character]!;
  // a letter with an accent that is not there: without the accent
  const plain = character.normalize('NFD')[0]!;
  return Object.hasOwn(set, plain) ? set[plain]! : missing;
}

/** A box, as fonts have it for what they lack. */
const missing: Glyph = [600, 'M60 0v-700h480v700zM110-50h380v-600h-380z'];

/** The space that a text takes, in the unit of `size`. */
export function textWidth(text: string, size: number, weight: Weight = 'regular'): number {
  let width = 0;
  for (const character of text.normalize('NFC')) width += glyphOf(character, weight)[0];
  return (width * size) / 1000;
}

/** The text, or as much of its beginning as fits in `width`, with an ellipsis. */
export function fitText(text: string, size: number, width: number, weight: Weight = 'regular'): string {
  if (textWidth(text, size, weight) <= width) return text;
  const characters = [...text.normalize('NFC')];
  while (characters.length > 0 && textWidth(`${characters.join('').trimEnd()}…`, size, weight) > width)
    characters.pop();
  return `${characters.join('').trimEnd()}…`;
}

export interface TextStyle {
  /** Height of an em, in the SVG's units. */
  size: number;
  weight?: Weight;
  fill?: string;
  anchor?: 'start' | 'middle' | 'end';
}

/** An SVG element that draws a line of text with its base line at `y`. */
export function svgText(text: string, x: number, y: number, style: TextStyle): string {
  const { size, weight = 'regular', fill = '#000', anchor = 'start' } = style;
  const width = textWidth(text, size, weight);
  let at = 0;
  let out = '';
  for (const character of text.normalize('NFC')) {
    const [advance, path] = glyphOf(character, weight);
    if (path !== '') out += `<path transform="translate(${at} 0)" d="${path}"/>`;
    at += advance;
  }
  const left = x - (anchor === 'start' ? 0 : anchor === 'middle' ? width / 2 : width);
  return `<g fill="${fill}" transform="translate(${round(left)} ${round(y)}) scale(${round(size / 1000, 1e5)})">${out}</g>`;
}

function round(value: number, unit = 100): number {
  return Math.round(value * unit) / unit;
}
