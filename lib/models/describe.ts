// A net as a table.
import { checkNumber, checkShape, show } from '../tensor/checks';
import type { Device } from '../tensor/device';
import { COLUMNS } from './columns';
import type { LayerGeometry } from './geometry';

export interface LayerRow {
  /** `conv1a`, `conv1b`, …, `fc8`; `conv1`, … in the grouped form. */
  readonly layer: string;
  readonly device: string;
  /** Output of one image: maps×height×width before pooling, or units. */
  readonly shape: readonly number[];
  readonly parameters: number;
  /** Of one image's forward pass: two for each multiply-add. */
  readonly flops: number;
}

export function describe(layers: readonly LayerGeometry[], devices: readonly Device[], output: string): LayerRow[] {
  return layers.flatMap(({ name, weight, output: shape, multiplyAdds }) => {
    const parts = name === output ? 1 : devices.length;
    const parameters = (weight.reduce((a, b) => a * b, 1) + weight[0]!) / parts;
    return Array.from({ length: parts }, (_, c) => ({
      layer: parts === 1 ? name : `${name}${COLUMNS[c]}`,
      device: devices[c]!.name,
      shape: [shape[0]! / parts, ...shape.slice(1)],
      parameters,
      flops: (2 * multiplyAdds) / parts,
    }));
  });
}

/** The rows of {@link describe} as text, with their total in the last line. */
export function formatRows(rows: readonly LayerRow[]): string {
  if (!Array.isArray(rows)) throw new TypeError(`formatRows: rows must be an array of rows, got ${show(rows)}`);
  for (const [i, row] of rows.entries()) checkRow(`rows[${i}]`, row);
  const number = (n: number) => n.toLocaleString('en-US');
  const sum = (what: 'parameters' | 'flops') => rows.reduce((total, row) => total + row[what], 0);
  const table = [
    ['layer', 'device', 'output', 'parameters', 'MFLOP/image'],
    ...rows.map((r) => [r.layer, r.device, r.shape.join('×'), number(r.parameters), (r.flops / 1e6).toFixed(1)]),
    ['total', '', '', number(sum('parameters')), (sum('flops') / 1e6).toFixed(1)],
  ];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table
    .map((row) => row.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n');
}

function checkRow(at: string, row: unknown): void {
  if (row === null || typeof row !== 'object')
    throw new TypeError(`formatRows: ${at} must be a row of describe, got ${show(row)}`);
  const { layer, device, shape, parameters, flops } = row as Partial<LayerRow>;
  for (const [name, text] of Object.entries({ layer, device }))
    if (typeof text !== 'string') throw new TypeError(`formatRows: ${at}.${name} must be a string, got ${show(text)}`);
  checkShape('formatRows', shape, `${at}.shape`);
  checkNumber('formatRows', `${at}.parameters`, parameters);
  checkNumber('formatRows', `${at}.flops`, flops);
}
