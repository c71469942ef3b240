// The operators' tests once more, on the instruction sets that this processor has besides its widest, which every other test uses.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { jest, jestArguments, root } from './jest.mjs';

const HELP = `usage: npm run test:isas [-- jest arguments]

Runs the operators' tests and the whole network's step against PyTorch, or the tests that the jest arguments name, with
CONVTAPE_CPU_ISA set to each instruction set that the addon holds and this processor has, but for the widest.
`;

const TESTS = ['test/ops', 'test/models/alexnet_step'];

const args = jestArguments(HELP);
const addon = join(root, 'build', 'Release', 'convtape.node');
const { isas, isa: widest } = createRequire(import.meta.url)(addon).build;
// Those wider than the widest in use are compiled, but not for this processor.
const others = isas.slice(isas.indexOf(widest) + 1);
if (others.length === 0) {
  // The quickstart's addon has one set where there are more; other processors have one.
  const lean = process.arch === 'x64' && isas.length === 1;
  const advice = lean ? '; run npm run build first' : ', nothing to run';
  process.stderr.write(`test:isas: the addon holds nothing narrower than ${widest}${advice}\n`);
  process.exit(lean ? 1 : 0);
}
let failed = 0;
for (const isa of others) {
  process.stderr.write(`\n${isa}\n`);
  // One report a set of instructions would overwrite the other.
  const own = args.map((a) => a.replace(/^--outputFile=(.*)$/, `--outputFile=$1${isa === others[0] ? '' : `.${isa}`}`));
  if (jest(TESTS, own, { CONVTAPE_CPU_ISA: isa }) !== 0) failed++;
}
process.exit(failed === 0 ? 0 : 1);
