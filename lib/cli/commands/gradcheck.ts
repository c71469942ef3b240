import type { Command } from 'commander';
import { type GradcheckReport, runGradchecks } from '../../autograd/gradcheck_all';
import { type OperatorName, operatorNames } from '../../ops/registry';
import { devices } from '../../tensor/device';
import { type Io, table } from '../io';
import { deviceList, operatorList } from '../options';

interface Options {
  devices?: string;
  json?: boolean;
}

export function gradcheckCommand(program: Command, io: Io): void {
  program
    .command('gradcheck')
    .description('compare the gradient of every operator with finite differences')
    .argument('[operator...]', 'only these', operatorList)
    .option('--devices <names>', 'on these devices (default: the first of every kind)')
    .option('--json', 'print one JSON object')
    .action(async (chosen: OperatorName[] | undefined, options: Options) => {
      const on = options.devices ? deviceList(options.devices) : devices().filter((d) => d.index === 0);
      const reports: GradcheckReport[] = [];
      const count = await runGradchecks(
        on,
        (report) => {
          reports.push(report);
          if (report.outcome === 'failed') io.err(`${title(report)}: ${report.error!.message}\n`);
        },
        chosen?.length ? chosen : operatorNames,
      );
      io.out(options.json ? `${JSON.stringify({ ...count, checks: reports.map(plain) })}\n` : text(reports, count));
      if (count.failed > 0) throw new Error(`${count.failed} of ${count.passed + count.failed} gradient checks failed`);
    });
}

const title = (r: GradcheckReport) => `${r.operator} (${r.case}) on ${r.device.name}`;

function plain(r: GradcheckReport) {
  const { worst, elements } = r.result ?? {};
  return {
    device: r.device.name,
    operator: r.operator,
    case: r.case,
    outcome: r.outcome,
    elements: elements ?? 0,
    worst: worst ?? null,
    error: r.error?.message ?? null,
  };
}

function text(reports: readonly GradcheckReport[], count: { passed: number; failed: number }): string {
  const rows = reports.map((r) => [
    r.operator,
    r.case,
    r.device.name,
    r.outcome,
    r.result?.elements ?? 0,
    r.result ? `${(100 * r.result.worst.used).toFixed(0)}% of the tolerance` : '',
  ]);
  return `${table(['operator', 'case', 'device', 'outcome', 'elements', 'largest difference'], rows)}\n${count.passed} passed, ${count.failed} failed\n`;
}
