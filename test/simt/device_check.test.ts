// Every CUDA kernel against the CPU's, on the simulator: whatever the order of threads, copies and streams, and with faults planted in the
// kernels' own text, which must be found and named.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildTarget } from '../support/native_build';
import { policies, policyPairs, simulated } from '../support/simulated';

const root = join(__dirname, '../..');
const build = join(root, 'build');

function check(program: string, args: string[], policy = { seed: 1, copies: 'random', streams: 'random' }, env = {}) {
  const run = spawnSync(join(build, program), args, {
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...simulated(1, policy), ...env },
  });
  return { status: run.status, lines: run.stdout.trim().split('\n') };
}

describe('kernels as they are', () => {
  beforeAll(() => void buildTarget('convtape_device_check_sim'), 900_000);

  test('every case gives what the CPU gives', () => {
    const { status, lines } = check('convtape_device_check_sim', []);
    expect(lines.filter((line) => line.startsWith('NOT OK'))).toEqual([]);
    expect(lines.at(-1)).toMatch(/^\d{3,} right, 0 wrong$/);
    expect(status).toBe(0);
  }, 240_000);

  test.each(policyPairs)(
    'copies %s, streams %s: small cases of every kernel under ten seeds, and a third of all cases',
    (copies, streams) => {
      const right = (cases: string[], seed: number) => {
        const { status, lines } = check('convtape_device_check_sim', cases, { seed, copies, streams });
        expect(lines.filter((line) => line.startsWith('NOT OK'))).toEqual([]);
        expect(status).toBe(0);
      };
      for (let seed = 1; seed <= 10; seed++) right(['--most', '400'], seed);
      // A Latin square: each case meets each policy of copies and each of streams once.
      const part = (policies.indexOf(copies) + policies.indexOf(streams)) % policies.length;
      right(['--parts', String(policies.length), '--part', String(part)], 1 + part);
    },
    240_000,
  );
});

// The figures behind a line; a card's are of use, the simulator's only show that they are made as they should be.
describe('times', () => {
  beforeAll(() => void buildTarget('convtape_device_check_sim'), 900_000);

  const timed = (op: string, env = {}) =>
    check('convtape_device_check_sim', ['--op', op, '--most', '400', '--repeat', '3'], undefined, env).lines;

  // At 1 kHz two multiprocessors of 64 units make 256,000 operations a second, and 64 bits of memory move 16,000 bytes.
  test.each([
    ['matmul', '1 × 5×3 · 3×7, ReLU', 'GFLOP/s', 2 * 5 * 3 * 7, 256e3],
    ['fill', '3 × NaN f32', 'GB/s', 3 * 4, 16e3],
  ])('%s: the share of the peak follows from the time and the clock', (op, shapes, unit, amount, peak) => {
    const line = timed(op, { CONVTAPE_SIM_CLOCK_KHZ: '1' }).find((l) => l.includes(`${shapes} `))!;
    const [, ms, share] = new RegExp(`([\\d.]+) ms +[\\d.]+ ${unit} +([\\d.]+)% of peak$`).exec(line)!;
    const expected = (100 * amount) / (Number(ms) / 1e3) / peak;
    expect(Math.abs(Number(share) - expected)).toBeLessThanOrEqual(0.1 + 0.05 * expected);
  });

  test('without clocks there is no share, without --repeat no time', () => {
    const lines = timed('fill').filter((l) => l.startsWith('ok'));
    expect(lines.filter((l) => !/ ms +[\d.]+ GB\/s$/.test(l))).toEqual([]);
    const { lines: untimed } = check('convtape_device_check_sim', ['--op', 'fill', '--most', '400']);
    expect(untimed.filter((l) => l.includes(' ms '))).toEqual([]);
  });

  test('timed calls allocate nothing', () => {
    const passes = (n: number, repeat: number) =>
      check(
        'convtape_device_check_sim',
        ['--op', 'crossEntropy', '--most', '12', '--repeat', String(repeat)],
        undefined,
        {
          CONVTAPE_SIM_FAIL_ALLOCATION: String(n),
        },
      ).status === 0;
    // The first allocation that is none any more, where a call is timed once.
    let [made, beyond] = [1, 1024];
    expect([passes(made, 1), passes(beyond, 1)]).toEqual([false, true]);
    while (beyond - made > 1) {
      const middle = (made + beyond) >> 1;
      if (passes(middle, 1)) beyond = middle;
      else made = middle;
    }
    expect(passes(beyond, 5)).toBe(true);
  });
});

// Which arithmetic multiplies matrices follows from the card and the precision; the runs above had three tf32 products for one.
describe.each(['matmul', 'conv2d', 'conv2dGradInput', 'conv2dGradWeight'])('%s', (op) => {
  beforeAll(() => void buildTarget('convtape_device_check_sim'), 900_000);

  test.each([
    ['float32 units', '75', 'f32'],
    ['tf32', '80', 'tf32'],
    ['bf16', '80', 'bf16'],
  ])(
    'in %s gives what the CPU gives',
    (_, capability, precision) => {
      const args = ['--op', op, '--capability', capability, '--most', '3000'];
      policyPairs.forEach(([copies, streams], i) => {
        const policy = { seed: i + 1, copies, streams };
        const { status, lines } = check('convtape_device_check_sim', args, policy, { CONVTAPE_PRECISION: precision });
        expect(lines.filter((line) => line.startsWith('NOT OK'))).toEqual([]);
        expect(status).toBe(0);
      });
    },
    240_000,
  );
});

// Kernels that compute with 64-bit indices only beyond 2^31 elements, made to do so always.
const wide = [
  { file: 'binary', op: 'binary' },
  { file: 'avg_pool2d', op: 'avgPool2d' },
];

interface Fault {
  kind: string;
  /** The kernel's file, without its ending. */
  file: string;
  /** The text that is replaced, and by what. */
  right: string;
  wrong: string;
  /** The operator whose cases show it. */
  op: string;
  /** Elements of the largest case that is needed for that. */
  most?: number;
  /** What the simulator says of it; the order of threads may show a fault in more than one way. */
  found: RegExp;
}

const faults: Fault[] = [
  {
    kind: 'missing barrier',
    file: 'softmax',
    right: 'memory[threadIdx.x / 32] = value;\n  __syncthreads();',
    wrong: 'memory[threadIdx.x / 32] = value;',
    op: 'softmax',
    most: 3000,
    found: /kernel softmax long rows .*(race|reads uninitialised shared memory)/,
  },
  {
    kind: 'missing barrier before memory is used again',
    file: 'argmax',
    right: '      __syncthreads();\n    }\n    if (lane == 0',
    wrong: '    }\n    if (lane == 0',
    op: 'argmax',
    found: /kernel argmax .*race/,
  },
  {
    kind: 'divergent barrier',
    file: 'spatial_response_norm',
    right: 'sums[r * kTile + x] = sum;\n    }\n    __syncthreads();',
    wrong: 'sums[r * kTile + x] = sum;\n    }\n    if (x < 16) __syncthreads();',
    op: 'spatialResponseNorm',
    found: /kernel spatialResponseNorm .*divergent barrier/,
  },
  {
    kind: 'threads that left before a shuffle',
    file: 'top_k',
    right: 'best = blockJoin(best, LeastKey{}, memory, kThreads);',
    wrong: 'if (threadIdx.x >= n) return;\n      best = blockJoin(best, LeastKey{}, memory, kThreads);',
    op: 'topK',
    found: /kernel topK .*(has exited|divergent barrier)/,
  },
  {
    kind: 'a mask without its own lane',
    file: 'cross_entropy',
    right: 'kAllLanes = 0xffffffffu',
    wrong: 'kAllLanes = 0x0000ffffu',
    op: 'crossEntropy',
    found: /kernel crossEntropy .*does not hold its own lane/,
  },
  {
    kind: 'out-of-bounds read',
    file: 'max_pool2d',
    right: 'lastColumn = min(p.kernelWidth(), p.width - left)',
    wrong: 'lastColumn = p.kernelWidth()',
    op: 'maxPool2d',
    found: /kernel maxPool2d .*reads outside an allocation/,
  },
  {
    kind: 'out-of-bounds write',
    file: 'random',
    right: 'if (4 * c + j < count) y',
    wrong: 'y',
    op: 'random',
    found: /kernel random .*writes outside an allocation/,
  },
  {
    kind: 'uninitialised shared memory',
    file: 'strided_copy',
    right: 'tile[x * (kTile + 1) + c]',
    wrong: 'tile[x * (kTile + 1) + c + 1]',
    op: 'stridedCopy',
    found: /kernel stridedCopy tiles .*reads uninitialised shared memory/,
  },
  {
    kind: 'uninitialised global memory',
    file: 'local_response_norm',
    right: 'shares[i] = dy[i] * power;',
    wrong: '(void)power;',
    op: 'localResponseNormGrad',
    found: /kernel localResponseNormGrad .*reads uninitialised global memory/,
  },
  {
    kind: 'race between blocks',
    file: 'reduce',
    right: 'y[piece * outputs + output] = memory[column]',
    wrong: 'y[output] = memory[column]',
    op: 'reduce',
    most: 20000,
    found: /kernel reduce (sum|max) .*(another block)/,
  },
  // The pipeline that all matrix products share (gemm.cuh), each time in the file of another operator.
  {
    kind: 'asynchronous copies that nothing waits for',
    file: 'matmul',
    right: 'waitForCopies<kStages - 2>();',
    wrong: '',
    op: 'matmul',
    found: /kernel matmul .*(a wait is missing|race)/,
  },
  {
    kind: 'a wait for one group of copies too few',
    file: 'conv2d_grad_input',
    right: 'waitForCopies<kStages - 2>();',
    wrong: 'waitForCopies<kStages - 1>();',
    op: 'conv2dGradInput',
    found: /kernel conv2dGradInput .*(a wait is missing|race)/,
  },
  {
    kind: 'asynchronous copies that belong to no group',
    file: 'conv2d',
    right: 'commitCopies();',
    wrong: 'if (step >= steps) commitCopies();',
    op: 'conv2d',
    found: /kernel conv2d .*(a wait is missing|race)/,
  },
  {
    kind: 'a stage filled while other threads still read it',
    file: 'conv2d_grad_weight',
    right: '__syncthreads();               // and the others did',
    wrong: '__syncwarp();  //',
    op: 'conv2dGradWeight',
    found: /kernel conv2dGradWeight .*(a wait is missing|race)/,
  },
];

describe('kernels with a change planted in their text', () => {
  const folder = join(build, 'sim/planted');

  /** A kernel's text with the headers it shares with others in it, so that a fault can be planted there as well. */
  function textOf(file: string): string {
    const text = readFileSync(join(root, `native/cuda/${file}.cu`), 'utf8');
    return text.replace(/#include "(cuda\/(?:reduce|gemm)\.cuh)"\n/, (_, header) =>
      readFileSync(join(root, 'native', header), 'utf8').replace('#pragma once\n', ''),
    );
  }

  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    for (const { file, right, wrong } of faults) {
      const text = textOf(file);
      expect(text.split(right).length).toBe(2);
      writeFileSync(
        join(folder, `${file}.cpp`),
        text.replace(right, () => wrong),
      );
    }
    for (const { file } of wide)
      writeFileSync(join(folder, `${file}.cpp`), `#define CONVTAPE_NARROW_LIMIT 0\n${textOf(file)}`);
    buildTarget('convtape_device_check_planted');
  }, 900_000);

  test.each(wide)('$file with 64-bit indices gives what the CPU gives', ({ op }) => {
    const { status, lines } = check('convtape_device_check_planted', ['--op', op]);
    expect(lines.filter((line) => line.startsWith('NOT OK'))).toEqual([]);
    expect(status).toBe(0);
  });

  test.each(faults)('$kind, in $file: found and named', ({ op, found, most = 1500 }) => {
    for (const [i, copies] of policies.entries()) {
      const policy = { seed: i + 1, copies, streams: 'random' };
      const args = ['--op', op, '--most', String(most)];
      const { status, lines } = check('convtape_device_check_planted', args, policy);
      const wrong = lines.filter((line) => line.startsWith('NOT OK') && found.test(line));
      expect({ status, named: wrong.length > 0, lines: wrong.length > 0 ? [] : lines }).toEqual({
        status: 1,
        named: true,
        lines: [],
      });
    }
  });
});
