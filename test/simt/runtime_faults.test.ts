// The runtime of a GPU with a wait taken out of its own text: what crosses between two devices is then found used before it has arrived, or
// overwritten before it has gone, and the error says where.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildTarget } from '../support/native_build';
import { policies, simulated } from '../support/simulated';

const root = join(__dirname, '../..');

interface Fault {
  name: string;
  kind: string;
  /** The file of native/cuda, without its ending, the text that is replaced there, and by what. */
  file: string;
  right: string;
  wrong: string;
}

const faults: Fault[] = [
  {
    name: 'arrival',
    kind: 'a kernel does not wait for a copy between devices to arrive',
    file: 'device',
    right: 'for (int i = 0; i < work.operands.inputs; ++i) awaitArrival(',
    wrong: 'for (int i = 0; i < work.operands.inputs && !planted("arrival"); ++i) awaitArrival(',
  },
  {
    name: 'source',
    kind: 'a copy does not wait for the kernel that makes its values',
    file: 'copies',
    right: 'if (cudaEvent_t event = ready->recorded()) check(',
    wrong: 'if (cudaEvent_t event = planted("source") ? nullptr : ready->recorded()) check(',
  },
  {
    name: 'block',
    kind: 'a copy does not wait for what still reads the memory it goes to',
    file: 'device',
    right: 'if (cudaEvent_t event = mark(compute_)->recorded()) check(',
    wrong: 'if (cudaEvent_t event = planted("block") ? nullptr : mark(compute_)->recorded()) check(',
  },
  {
    name: 'readers',
    kind: 'values are overwritten without waiting for the copy that takes them away',
    file: 'copies',
    right: 'from->addReader(read);',
    wrong: 'if (!planted("readers")) from->addReader(read);',
  },
];

/**
 * Not faults: times that the runtime must be right at; and, with a fault, that the host learns of nothing before all of the work is under way,
 * for what it has waited for is ordered after all.
 */
const delays: Omit<Fault, 'kind'>[] = [
  ['late', 'device', 'if (ran) imports_.computed('],
  ['late', 'copies', 'if (!error) imports_.computed('],
  ['unaware', 'device', 'const cudaError_t status = event->synchronize();'],
].map(([name, file, right]) => ({
  name: name!,
  file: file!,
  right: right!,
  wrong: `${name}();\n    ${right}`,
}));

// Which of these it is depends on the order that the fault left open: the last is a copy that came before the memory was anybody's.
const found =
  /(kernel unary on sim:[01]|cudaMemcpy(Peer)?Async): .*(missing event between streams: .* on another stream|reads uninitialised global memory|(reads|writes) outside an allocation).*\(on sim:[01], which/;

let program: string;

beforeAll(() => {
  const folder = join(root, 'build/sim/planted_runtime');
  mkdirSync(folder, { recursive: true });
  for (const file of ['device', 'copies']) {
    let text = readFileSync(join(root, `native/cuda/${file}.cpp`), 'utf8');
    for (const fault of [...faults, ...delays].filter((f) => f.file === file)) {
      expect(text.split(fault.right).length).toBe(2);
      text = text.replace(fault.right, () => fault.wrong);
    }
    writeFileSync(
      join(folder, `${file}.cpp`),
      `namespace convtape { bool planted(const char*); void late(); void unaware(); }\n${text}`,
    );
  }
  program = buildTarget('simt_runtime_faults');
}, 900_000);

const seeds = [1, 2, 3];

function crossing(streams: string, seed: number, settings: Record<string, string>, ...args: string[]): string[] {
  const run = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...simulated(2, { seed, streams }), ...settings },
  });
  expect(run.status).toBe(0);
  return run.stdout.trim().split('\n');
}

test.each(['direct', 'refused'])('as it is, access %s: right under every policy', (access) => {
  for (const streams of policies)
    for (const seed of seeds)
      expect(crossing(streams, seed, { CONVTAPE_SIM_PEER: access })).toEqual([
        'what came first: right',
        'what came then: right',
        'what came back: right',
      ]);
});

test.each(faults)('$kind: found and named', ({ name }) => {
  for (const streams of policies)
    for (const seed of seeds) {
      const lines = crossing(streams, seed, { CONVTAPE_PLANTED: name });
      expect({ streams, seed, lines }).toEqual({
        streams,
        seed,
        lines: expect.arrayContaining([expect.stringMatching(found)]),
      });
    }
});

test.each([
  ['kernel', 'none'],
  ['kernel', 'late'],
  ['copy', 'late'],
])("a device's error follows its values to another, first used by a %s, delay: %s", (use, delay) => {
  for (const streams of policies)
    for (const seed of seeds) {
      const lines = crossing(streams, seed, { CONVTAPE_PLANTED: delay }, use);
      const error = /: .*reads uninitialised global memory.*\(on sim:0, which/;
      expect({ streams, seed, lines }).toEqual({
        streams,
        seed,
        lines: [expect.stringMatching(error), expect.stringMatching(error)],
      });
    }
});
