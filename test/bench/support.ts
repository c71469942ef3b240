// Results of benchmarks, made up.
import type { BenchResult, MachineReport, Row } from '../../lib/bench/schema';
import { spread } from '../../lib/bench/stats';

export const machine: MachineReport = {
  processor: 'P',
  cores: 2,
  threads: 2,
  memoryBytes: 8e9,
  isa: 'avx2',
  widestIsa: 'avx512',
  node: 'v20.0.0',
  convtape: '0.1.0',
  compiler: 'GCC',
  fma: [{ threads: 2, flops: 4e11 }],
  readBytes: 5e10,
  copyBytes: 4e10,
  load: 0,
};

/** One row with these samples, in seconds. */
export function row(id: string, times: number[], cpu = 1, more: Partial<Row> = {}): Row {
  return {
    id,
    devices: ['cpu:0'],
    timing: { ...spread(times), reps: times.length, calls: 1, cpu, threads: 2 },
    check: { against: 'nothing', error: 0, tolerance: 0 },
    ...more,
  };
}

export function result(rows: Row[], on: MachineReport = machine): BenchResult {
  return {
    format: 'convtape-bench',
    version: 1,
    date: '2026-01-01T00:00:00.000Z',
    command: 'convtape bench step',
    quick: false,
    machine: on,
    rows,
    peers: [],
    missing: [],
  };
}
