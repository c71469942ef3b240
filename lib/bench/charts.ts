// The charts of a report, as Vega-Lite specifications; benchmarks/chart.mjs draws them.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { packageRoot } from '../native/addon';
import type { BenchResult } from './schema';

const BASE = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  config: { font: 'sans-serif', axis: { labelFontSize: 11, titleFontSize: 12 } },
};

/** Percent of the run's best FMA peak, by layer and pass; null where no layers were measured. */
export function layersChart(result: BenchResult): object | null {
  const values = result.rows.flatMap((row) => {
    const [suite, , layer, pass] = row.id.split('/');
    return suite === 'layers' && row.ofPeak ? [{ layer, pass, percent: 100 * row.ofPeak }] : [];
  });
  if (values.length === 0) return null;
  return {
    ...BASE,
    title: 'Share of the FMA peak by the direct count, by layer',
    width: 620,
    height: 260,
    data: { values },
    mark: { type: 'bar', tooltip: true },
    encoding: {
      x: { field: 'layer', type: 'nominal', sort: null, title: null, axis: { labelAngle: 0 } },
      xOffset: { field: 'pass', sort: ['forward', 'gradInput', 'gradWeight'] },
      y: { field: 'percent', type: 'quantitative', title: '% of the FMA peak' },
      color: {
        field: 'pass',
        sort: ['forward', 'gradInput', 'gradWeight'],
        title: null,
        scale: { scheme: 'tableau10' },
      },
    },
  };
}

/** How many times a peer's time is ours, on a logarithmic axis; the rule at 1 is a draw. Null without peers. */
export function peersChart(result: BenchResult): object | null {
  const values = result.peers.flatMap((peer) => {
    const ours = result.rows.find((row) => row.id === peer.id);
    return ours ? [{ work: peer.id, system: peer.system, ratio: peer.timing.median / ours.timing.median }] : [];
  });
  if (values.length === 0) return null;
  const ticks = { type: 'quantitative', scale: { type: 'log' } };
  return {
    ...BASE,
    title: "A peer's time over ours (more than 1: we are faster)",
    width: 520,
    data: { values },
    layer: [
      {
        mark: { type: 'point', filled: true, size: 70, tooltip: true },
        encoding: {
          x: { field: 'ratio', ...ticks, title: 'times our time' },
          y: { field: 'work', type: 'nominal', sort: null, title: null, axis: { labelLimit: 320 } },
          color: { field: 'system', title: null, scale: { scheme: 'tableau10' } },
          shape: { field: 'system', title: null },
        },
      },
      {
        data: { values: [{ draw: 1 }] },
        mark: { type: 'rule', strokeDash: [4, 4] },
        encoding: { x: { field: 'draw', ...ticks } },
      },
    ],
  };
}

/** @returns SVG */
export async function draw(spec: object): Promise<string> {
  const script = join(packageRoot(), 'benchmarks/chart.mjs');
  if (!existsSync(script))
    throw new Error(`report: ${script} is not there; charts are drawn in the repository, not by the package`);
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {}); // a script that ended early says why on standard error
  child.stdin.end(JSON.stringify(spec));
  const ended = new Promise<number | null>((done, failed) => child.on('error', failed).on('close', done));
  const [svg, errors, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (status !== 0 || !svg.startsWith('<svg'))
    throw new Error(`report: the chart could not be drawn (npm ci installs vega): ${errors.trim().split('\n').at(-1)}`);
  return svg;
}
