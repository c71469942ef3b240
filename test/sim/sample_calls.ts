// Every operator's sample calls on sim:0: values and gradients those of cpu:0, as in test/conformance. Prints the simulator's settings and
// each call's bits, or its error, as JSON.
import { device } from '../../lib';
import { operatorNames, registry } from '../../lib/ops/registry';
import { bitsLikeCpu } from '../support/conformance';

async function main(): Promise<void> {
  const on = device('sim:0');
  const calls: Record<string, string> = {};
  for (const name of operatorNames)
    for (const c of registry[name].cases)
      calls[`${name}, ${c.name}`] = await bitsLikeCpu(name, c, on).catch((error: Error) => error.message);
  process.stdout.write(JSON.stringify({ settings: on.description, calls }));
}

void main();
