// report.json in a run's folder: what came of the run, for people and programs: its end, and every test that was made of it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { atomicWrite, writeAll } from '../util/atomic_write';
import type { RunsEvaluation } from './evaluate_runs';

/** A test of the run, by `convtape eval`. Errors are fractions. */
export interface TestReport {
  readonly data: string;
  readonly split: string;
  readonly tenCrop: boolean;
  /** Where it was tested with rounded weights. */
  readonly weights?: 'bf16';
  readonly images: number;
  readonly top1: number;
  readonly top5: number;
  readonly loss: number;
  /** The updates that the tested checkpoint has. */
  readonly step: number;
}

export interface RunReport {
  /** What `convtape train --json` prints; `seconds` are those of all sessions that came to an end of their own. */
  train?: { seconds: number; [key: string]: unknown };
  tests: TestReport[];
}

const pathIn = (run: string) => join(run, 'report.json');

/** The report of a run; an empty one where there is none, or what is there is no report. */
export function readReport(run: string): RunReport {
  if (!existsSync(pathIn(run))) return { tests: [] };
  try {
    const report = JSON.parse(readFileSync(pathIn(run), 'utf8')) as RunReport;
    return Array.isArray(report?.tests) ? report : { tests: [] };
  } catch {
    return { tests: [] };
  }
}

async function write(run: string, report: RunReport): Promise<void> {
  const text = `${JSON.stringify(report, null, 2)}\n`;
  await atomicWrite(pathIn(run), (file) => writeAll(file, Buffer.from(text)));
}

/** Takes down how a session of the run ended. @param fresh it began the run, and what an earlier one said is void */
export async function reportTraining(run: string, train: { seconds: number }, fresh: boolean): Promise<void> {
  const before: RunReport = fresh ? { tests: [] } : readReport(run);
  await write(run, { ...before, train: { ...train, seconds: train.seconds + (before.train?.seconds ?? 0) } });
}

/** Takes down a test of one run, in the place of an earlier one of the same kind. */
export async function reportTest(run: string, result: RunsEvaluation): Promise<void> {
  const { data, split, tenCrop, weights, images, top1, top5, loss, runs } = result;
  const rounded = weights === 'bf16' ? { weights } : {};
  const test: TestReport = { data, split, tenCrop, ...rounded, images, top1, top5, loss, step: runs[0]!.step };
  const kind = (t: TestReport) => [t.data, t.split, t.tenCrop, t.weights, t.images, t.step].join();
  const same = (t: TestReport) => kind(t) === kind(test);
  const before = readReport(run);
  await write(run, { ...before, tests: [...before.tests.filter((t) => !same(t)), test] });
}
