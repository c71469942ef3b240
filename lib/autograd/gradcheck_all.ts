// Checks the gradient of every registered operator on the devices given.
import { drawInputs } from '../ops/cases';
import { type OperatorName, operatorNames, registry } from '../ops/registry';
import type { Device } from '../tensor/device';
import { type GradcheckResult, gradcheck } from './gradcheck';

export interface GradcheckReport {
  readonly device: Device;
  readonly operator: OperatorName;
  readonly case: string;
  /** 'no derivative' for an operator that has none. */
  readonly outcome: 'passed' | 'failed' | 'no derivative';
  readonly result?: GradcheckResult;
  readonly error?: Error;
  readonly milliseconds: number;
}

/** Runs every sample call of every operator on every device; `onResult` hears of each. Returns the number that failed. */
export async function runGradchecks(
  devices: readonly Device[],
  onResult: (report: GradcheckReport) => void,
  operators: readonly OperatorName[] = operatorNames,
): Promise<{ passed: number; failed: number }> {
  const count = { passed: 0, failed: 0 };
  for (const device of devices)
    for (const operator of operators)
      for (const c of registry[operator].cases) {
        const start = performance.now();
        const about = { device, operator, case: c.name };
        if (!registry[operator].rule?.gradient) {
          onResult({ ...about, outcome: 'no derivative', milliseconds: 0 });
          continue;
        }
        const inputs = drawInputs(c, device);
        try {
          const result = await gradcheck(c.run, inputs, { maxElements: c.elements });
          count.passed++;
          onResult({ ...about, outcome: 'passed', result, milliseconds: performance.now() - start });
        } catch (error) {
          count.failed++;
          const cause = error instanceof Error ? error : new Error(String(error));
          onResult({ ...about, outcome: 'failed', error: cause, milliseconds: performance.now() - start });
        } finally {
          for (const t of Object.values(inputs)) t.dispose();
        }
      }
  return count;
}
