// What compile-time shapes cost: the number that `tsc --extendedDiagnostics` calls Instantiations, for both ways to write AlexNet, wrong
// programs included, and for sizes that are one of many. It does not depend on the machine.
import { compileTimeout, instantiations } from '../support/compiler';

test.each([
  ['test/types/alexnet_operators.ts', 25_000],
  ['test/types/alexnet_layers.ts', 60_000],
  ['test/types/unions.ts', 60_000],
])(
  '%s costs at most %i instantiations',
  (path, budget) => {
    const cost = instantiations(path);
    expect(cost).toBeGreaterThan(1000);
    expect(cost).toBeLessThan(budget);
  },
  compileTimeout,
);
