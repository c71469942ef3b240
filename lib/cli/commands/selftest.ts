import type { Command } from 'commander';
import { type OperatorName, operatorNames, registry } from '../../ops/registry';
import { type CrossingReport, selftestCrossing } from '../../selftest/crossing';
import { type SelftestReport, selftest } from '../../selftest/selftest';
import { devices } from '../../tensor/device';
import { type Io, Progress, percent, table } from '../io';
import { deviceList, operatorList, wholeNumber } from '../options';

interface Options {
  device?: string;
  repeats?: number;
  batch?: number;
  json?: boolean;
}

/** How much is done where nobody says. On a simulated device a call takes seconds, and its time says nothing: it is made once. */
const DEFAULTS = { real: { repeats: 20, batch: 16 }, simulated: { repeats: 0, batch: 1 } };

export function selftestCommand(program: Command, io: Io): void {
  program
    .command('selftest')
    .description("every operator's values and gradients on a device against cpu:0; with two, a net trained on both")
    .argument('[operator...]', 'only these', operatorList)
    .option(
      '--device <names>',
      'the device, or two of a kind, separated by a comma (default: the first that is no cpu)',
    )
    .option('--repeats <n>', 'further calls of each sample, the fastest counts (default: 20; sim: none)', wholeNumber)
    .option('--batch <n>', 'images a step of the net that two devices train (default: 16; sim: 1)', wholeNumber)
    .option('--json', 'print one JSON object')
    .action(async (named: OperatorName[] | undefined, options: Options) => {
      const chosen = options.device
        ? deviceList(options.device, '--device')
        : [devices().find((d) => d.kind !== 'cpu') ?? devices()[1]!];
      const reports: SelftestReport[] = [];
      const simulated = chosen.some((d) => d.kind === 'sim');
      const defaults = DEFAULTS[simulated ? 'simulated' : 'real'];
      const { repeats = defaults.repeats, batch = defaults.batch } = options;
      const operators = named?.length ? named : operatorNames;
      const calls = operators.reduce((sum, name) => sum + registry[name].cases.length, 0);
      const progress = new Progress(io);
      progress.begin('checking', calls * chosen.length);
      try {
        for (const device of chosen)
          await selftest(device, operators, repeats, (report) => {
            reports.push(report);
            progress.update(reports.length, `${report.operator} on ${report.device.name}`);
            if (!report.passed)
              progress.line(`${report.operator} (${report.case}) on ${report.device.name}: ${why(report)}`);
          });
      } finally {
        progress.end();
      }
      const crossing = chosen.length > 1 ? await selftestCrossing(chosen[0]!, chosen[1]!, batch) : null;
      const failed = reports.filter((r) => !r.passed).length + (crossing?.passed === false ? 1 : 0);
      const total = reports.length + (crossing ? 1 : 0);
      io.out(
        options.json
          ? `${JSON.stringify({
              devices: chosen.map((d) => ({ name: d.name, description: d.description })),
              calls: reports.map((r) => ({ ...r, device: r.device.name })),
              crossing: crossing && { ...crossing, devices: crossing.devices.map((d) => d.name) },
              passed: total - failed,
              failed,
            })}\n`
          : `${chosen.map((d) => `${d.name}: ${d.description}\n`).join('')}${simulated ? SIMULATED : ''}\n${rows(reports)}${crossing ? across(crossing) : ''}\n${total - failed} passed, ${failed} failed\n`,
      );
      if (failed > 0) throw new Error(`${failed} of ${total} checks failed`);
    });
}

const SIMULATED =
  "Times are the simulator's and say nothing of a card; few calls are timed (--repeats), and with every check on they are slow (CONVTAPE_SIM_CHECK=0).\n";

const why = (r: SelftestReport) => r.failure ?? `relative error ${r.error.toExponential(2)}`;

function rows(reports: readonly SelftestReport[]): string {
  const known = reports.some((r) => r.ofPeak !== null);
  return table(
    ['operator', 'case', 'device', 'shapes', 'worst error', 'ms', 'rate', ...(known ? ['of peak'] : []), ''],
    reports.map((r) => [
      r.operator,
      r.case,
      r.device.name,
      r.shapes,
      r.error.toExponential(1),
      r.milliseconds.toFixed(3),
      `${r.rate.toPrecision(3)} ${r.unit}`,
      ...(known ? [r.ofPeak === null ? '' : percent(r.ofPeak, 1)] : []),
      r.passed ? 'ok' : 'FAILED',
    ]),
  );
}

function across({ devices: [a, b], access, error, sameBits, passed }: CrossingReport): string {
  return (
    `\n${a.name} to ${b.name} ${access[0]}, back ${access[1]}; two columns: losses within ${error.toExponential(1)} of the CPU's, ` +
    `${sameBits ? 'the bits' : 'NOT the bits'} of both columns on ${a.name}: ${passed ? 'ok' : 'FAILED'}\n`
  );
}
