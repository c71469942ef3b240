// Every operator's sample calls on the device named: values and gradients those of cpu:0, as in test/conformance. Prints the
// device's name, the simulator's settings and each call's bits, or its error, as JSON.
import { device } from '../../lib';
import { operatorNames, registry } from '../../lib/ops/registry';
import { bitsLikeCpu } from '../support/conformance';

async function main(): Promise<void> {
  const on = device(process.argv[2]!);
  const calls: Record<string, string> = {};
  for (const name of operatorNames)
    for (const c of registry[name].cases)
      calls[`${name}, ${c.name}`] = await bitsLikeCpu(name, c, on).catch((error: Error) => error.message);
  process.stdout.write(JSON.stringify({ settings: `${on.name}, ${on.description}`, calls }));
}

void main();
