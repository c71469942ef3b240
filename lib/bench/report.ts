// docs/performance.md: every suite's figures, with the machine and the command that gave them, as text, JSON and charts.
import { join } from 'node:path';
import { atomicWrite } from '../util/atomic_write';
import { makeFolder } from '../util/make_folder';
import { draw, layersChart, peersChart } from './charts';
import { machineLine, markdownTable, noisy, peerCells, peerHead, rowCells, rowHead, withoutEmpty } from './format';
import { growthSentences } from './growth';
import type { BenchResult } from './schema';

const TITLES: Record<string, string> = {
  step: 'Whole steps',
  layers: 'Layers',
  ops: 'Operators that move memory',
  data: 'Data pipeline',
  startup: 'Start-up and calls',
  growth: 'Growth',
};

/** Writes performance.md, performance.json and the charts into `folder`; returns their paths. */
export async function writeReport(result: BenchResult, folder: string): Promise<string[]> {
  makeFolder(folder);
  const charts: { file: string; alt: string; svg: string }[] = [];
  for (const [file, alt, spec] of [
    ['performance-layers.svg', 'Share of the FMA peak by layer', layersChart(result)],
    ['performance-peers.svg', 'Times of the peers over ours', peersChart(result)],
  ] as const)
    if (spec) charts.push({ file, alt, svg: await draw(spec) });
  const files: [string, string][] = [
    ['performance.json', `${JSON.stringify(result, null, 1)}\n`],
    ...charts.map(({ file, svg }): [string, string] => [file, svg]),
    ['performance.md', page(result, charts)],
  ];
  for (const [name, text] of files) await atomicWrite(join(folder, name), (file) => file.writeFile(text));
  return files.map(([name]) => join(folder, name));
}

function page(result: BenchResult, charts: readonly { file: string; alt: string }[]): string {
  const { machine, rows, peers, missing } = result;
  const shaky = noisy(result);
  const parts = [
    '# Performance\n',
    `Measured by \`${result.command.replace('convtape bench', 'npm run bench --')}\` on ${result.date.slice(0, 10)}, convtape ${machine.convtape}, Node ${machine.node}. How to read and repeat it: [benchmarks.md](benchmarks.md).\n`,
    `${machineLine(machine)}.\n`,
    ...(rows.some((row) => row.ofPeak)
      ? ['FLOPs are counted directly: a convolution that takes fewer multiplications may go beyond 100% of the peak.\n']
      : []),
    ...(result.quick ? ['Small sizes and few samples (`--quick`): a look, not figures to quote.\n'] : []),
    ...(machine.load > 1
      ? [`The machine was busy when this began (load ${machine.load.toFixed(1)}): its figures are lower bounds.\n`]
      : []),
    ...charts.map(({ file, alt }) => `![${alt}](${file})\n`),
  ];
  for (const [suite, title] of Object.entries(TITLES)) {
    const own = rows.filter((row) => row.id.startsWith(`${suite}/`));
    if (own.length === 0) continue;
    const { head, rows: cells } = withoutEmpty(rowHead, own.map(rowCells));
    parts.push(`## ${title}\n`, markdownTable(head, cells));
    if (suite === 'growth') for (const line of growthSentences(result)) parts.push(`- ${line}\n`);
  }
  if (peers.length > 0) parts.push('## Peers\n', markdownTable(peerHead, peerCells(result)));
  if (missing.length > 0) parts.push('Not run:\n', missing.map((m) => `- ${m.system}: ${m.reason}\n`).join(''));
  if (shaky.length > 0) parts.push(`Samples of these differ by more than 10%: ${shaky.join(', ')}.\n`);
  return parts.join('\n');
}
