import type { Command } from 'commander';
import { addon } from '../../native/addon';
import { type Device, devices, numThreads } from '../../tensor/device';
import { version } from '../../version';
import { bytes, type Io, table } from '../io';

export function devicesCommand(program: Command, io: Io): void {
  program
    .command('devices')
    .description('the devices, their memory, how they reach each other, and how the addon was built')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) => {
      const report = describe(devices());
      io.out(options.json ? `${JSON.stringify(report)}\n` : text(report));
    });
}

function describe(all: readonly Device[]) {
  return {
    version,
    addon: addon.build,
    node: process.version,
    threads: numThreads(),
    devices: all.map((d) => ({
      name: d.name,
      kind: d.kind,
      index: d.index,
      description: d.description,
      memory: d.memory(),
      peerAccess: Object.fromEntries(all.map((other) => [other.name, d.peerAccess(other)])),
    })),
  };
}

function text(report: ReturnType<typeof describe>): string {
  const names = report.devices.map((d) => d.name);
  const rows = report.devices.map((d) => [
    d.name,
    d.description,
    bytes(d.memory.allocated),
    bytes(d.memory.reserved),
    bytes(d.memory.peak),
  ]);
  const peers = report.devices.map((d) => [d.name, ...names.map((other) => d.peerAccess[other]!)]);
  return [
    table(['device', 'what it is', 'in use', 'reserved', 'peak'], rows),
    '\nfrom \\ to\n',
    table(['', ...names], peers),
    `\nconvtape ${report.version}, addon by ${report.addon.compiler}${report.addon.optimised ? '' : ' without optimisation'}, node ${report.node}\n`,
    `CPU kernels: ${report.addon.isas.join(', ')}; in use: ${report.addon.isa}; ${report.threads} threads\n`,
  ].join('');
}
