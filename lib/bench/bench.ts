// A run of benchmarks: measures case after case, and puts what the machine can do beside it.
import { devices } from '../tensor/device';
import { Machine } from './machine';
import { type Case, type MeasureOptions, measure, type Timing } from './measure';
import type { BenchResult, Row } from './schema';

export interface BenchOptions extends Partial<MeasureOptions> {
  quick?: boolean;
  /** After each case, with its row so far (rates of the machine are settled at the end). */
  onRow?: (row: Row) => void;
}

export class Bench {
  readonly quick: boolean;
  readonly machine: Machine;
  readonly #options: BenchOptions;
  readonly #rows: Row[] = [];

  constructor(options: BenchOptions = {}) {
    this.quick = options.quick ?? false;
    this.machine = new Machine({ quick: this.quick });
    this.#options = options;
    this.machine.measure();
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Checks and times one case. `extra`: what else is known of it once it has run. */
  async time(work: Case, extra?: () => Partial<Row>): Promise<Row> {
    const { reps, inject } = this.#options;
    const budget = this.#options.budget ?? (this.quick ? 0.25 : 1.5);
    const { timing, check } = await measure(work, {
      budget,
      sample: this.#options.sample ?? (this.quick ? 0.002 : 0.03),
      ...(onCpu(work.devices.map((d) => d.name)) && { probe: this.machine.probe }),
      ...(reps !== undefined && { reps }),
      ...(inject && { inject }),
    });
    const row: Row = {
      id: work.id,
      devices: work.devices.map((d) => d.name),
      timing,
      ...(work.flops && { flops: work.flops }),
      ...(work.bytes && { bytes: work.bytes }),
      ...(work.images && { images: work.images }),
      check,
      ...extra?.(),
    };
    this.#rows.push(row);
    this.#options.onRow?.(this.#rated(row));
    return row;
  }

  /** Everything measured, rates settled. */
  finish(command: string): BenchResult {
    if (!this.quick) this.machine.measure();
    return {
      format: 'convtape-bench',
      version: 1,
      date: new Date().toISOString(),
      command,
      quick: this.quick,
      rows: this.#rows.map((row) => this.#rated(row)),
      machine: this.machine.report(),
      peers: [],
      missing: [],
    };
  }

  #rated(row: Row): Row {
    if (!onCpu(row.devices)) return row;
    const { median, threads, peak, memory } = row.timing as Timing;
    return {
      ...row,
      ...(row.flops && { ofPeak: row.flops / median / this.machine.fma(threads) }),
      ...(row.flops && peak && { ofPeakBeside: row.flops / median / peak }),
      ...(row.bytes && { ofMemory: row.bytes / median / this.machine.memory }),
      ...(row.bytes && memory && { ofMemoryBeside: row.bytes / median / memory }),
    };
  }
}

const onCpu = (names: readonly string[]): boolean => names.every((name) => devices('cpu').some((d) => d.name === name));
