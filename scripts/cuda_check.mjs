// Compiles the CUDA kernels with nvcc, on machines without a GPU too, and looks at what came out.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `usage: node scripts/cuda_check.mjs [--architectures 80[,90…]] [--kernels-only] [--help]

Compiles every kernel of native/cuda for the architectures (default: all that are packaged) and checks that none of them spills registers
or keeps a stack in local memory, that the tensor-core kernels' code contains mma instructions, that the addon with CUDA in it loads here, with
no device where there is no driver, and that convtape_device_check is built and says that there is no GPU.
  --architectures LIST   compute capabilities without their dot
  --kernels-only         leave out the addon and convtape_device_check
Exit status: 0 all right, 1 not, 2 wrong usage, 77 where nvcc is not installed.
`;

const ALL = '75,80,86,89,90,100,120';
// Kernels that may keep a little on a stack: they run seldom, over little. Names as in the sources.
const MAY_SPILL = [];

const root = fileURLToPath(new URL('..', import.meta.url));
let architectures = ALL;
let kernelsOnly = false;
const args = process.argv.slice(2);
while (args.length > 0) {
  const option = args.shift();
  if (option === '--help') {
    process.stdout.write(HELP);
    process.exit(0);
  } else if (option === '--kernels-only') kernelsOnly = true;
  else if (option === '--architectures' && /^\d+(,\d+)*$/.test(args[0] ?? '')) architectures = args.shift();
  else {
    process.stderr.write(`cuda_check: unknown or incomplete option '${option}'\n\n${HELP}`);
    process.exit(2);
  }
}

function run(command, commandArgs, options = {}) {
  return spawnSync(command, commandArgs, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options });
}

const NVCC = [process.env.CUDACXX, 'nvcc', '/usr/local/cuda/bin/nvcc'].find(
  (path) => path && run(path, ['--version']).status === 0,
);
if (!NVCC) {
  process.stderr.write('cuda_check: nvcc is not installed here: NOTHING was checked\n');
  process.exit(77);
}
process.stdout.write(`${run(NVCC, ['--version']).stdout.trim().split('\n').at(-1)}, architectures ${architectures}\n`);

let failed = false;
function fail(text) {
  failed = true;
  process.stdout.write(`NOT OK ${text}\n`);
}

// ── the build, with what ptxas says of every kernel ─────────────────────────────────────────────────────────────────────────────────

const folder = join(root, 'build-cuda');
// Objects that are up to date would say nothing.
rmSync(join(folder, 'CMakeFiles', 'cuda.dir'), { recursive: true, force: true });
function cmake(...cmakeArgs) {
  const result = run('cmake', cmakeArgs, { env: { ...process.env, CUDACXX: NVCC } });
  if (result.status === 0) return result.stdout + result.stderr;
  process.stderr.write(`${result.stdout}${result.stderr}\ncuda_check: cmake ${cmakeArgs.join(' ')} failed\n`);
  process.exit(1);
}
cmake(
  ...['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', '-DCONVTAPE_CUDA=ON', '-DCONVTAPE_ISAS=NATIVE'],
  `-DCMAKE_CUDA_ARCHITECTURES=${architectures.split(',').join(';')}`,
  '-DCMAKE_CUDA_FLAGS=-Xptxas=-v',
);
const cores = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(os.availableParallelism());
const targets = kernelsOnly ? ['cuda'] : ['convtape', 'convtape_device_check'];
const log = cmake('--build', folder, '--target', ...targets, '--parallel', cores);

const compiled =
  /Compiling entry function '(\w+)' for '(\w+)'[\s\S]*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/g;
let kernels = 0;
for (const [, kernel, architecture, stack, stores, loads] of log.matchAll(compiled)) {
  kernels++;
  if (Number(stack) + Number(stores) + Number(loads) > 0 && !MAY_SPILL.some((name) => kernel.includes(name)))
    fail(`${kernel} for ${architecture}: ${stack} bytes of stack, ${stores} stored and ${loads} loaded by spills`);
}
const files = readdirSync(join(root, 'native', 'cuda')).filter((name) => name.endsWith('.cu'));
process.stdout.write(`${kernels} kernels of ${files.length} files compiled, without spills except as named above\n`);
// Every architecture compiles every kernel; what two compilers wrote at once into one log could hide some.
if (kernels < files.length || kernels % architectures.split(',').length !== 0)
  fail(
    `${kernels} kernels in the compiler's log, for ${architectures.split(',').length} architectures: some are missing`,
  );

// ── mma in the tensor-core kernels' PTX ─────────────────────────────────────────────────────────────────────────────────────────────

// The files that instantiate the tensor-core template (native/cuda/gemm_tensor.cuh).
const tensorCore = ['matmul.cu', 'conv2d.cu', 'conv2d_grad_input.cu', 'conv2d_grad_weight.cu'];
const target = Math.min(
  ...architectures
    .split(',')
    .map(Number)
    .filter((n) => n >= 80),
);
for (const name of Number.isFinite(target) ? tensorCore : []) {
  const ptx = join(folder, `${name}.ptx`);
  const flags = ['-std=c++17', '-O3', '--fmad=false', '-I', 'native', '-DCONVTAPE_GPU=cuda', `-arch=compute_${target}`];
  const result = run(NVCC, ['-ptx', ...flags, '-o', ptx, join('native', 'cuda', name)]);
  if (result.status !== 0) {
    fail(`${name}: ${result.stderr}`);
    continue;
  }
  // Kernel by kernel: those whose arithmetic is the class Tensor, by their mangled names.
  const kernels = readFileSync(ptx, 'utf8')
    .split('.entry ')
    .slice(1)
    .map((text) => ({ kernel: text.slice(0, text.indexOf('(')), text }))
    .filter(({ kernel }) => kernel.includes('8multiplyINS') && kernel.includes('6TensorI'));
  const using = (text, type) => new RegExp(`mma\\.sync\\.aligned\\.[\\w.]*\\.${type}\\.`).test(text);
  for (const { kernel, text } of kernels)
    if (!using(text, 'tf32') && !using(text, 'bf16')) fail(`${name}: no mma.sync in ${kernel} for compute_${target}`);
  for (const type of ['tf32', 'bf16'])
    if (!kernels.some(({ text }) => using(text, type)))
      fail(`${name}: no kernel has mma.sync with ${type} for compute_${target}`);
  process.stdout.write(`${name}: ${kernels.length} kernels with mma.sync for compute_${target}\n`);
}

// ── the addon, without a driver ─────────────────────────────────────────────────────────────────────────────────────────────────────

if (!kernelsOnly) {
  const addon = join(folder, 'Release', 'convtape.node');
  if (!existsSync(addon)) fail(`${addon} was not built`);
  const script = `const kinds = require(${JSON.stringify(addon)}).devices().map((d) => d.kind); console.log(kinds.join(' '))`;
  const result = run(process.execPath, ['-e', script]);
  const gpus = readdirSync('/dev').filter((name) => /^nvidia\d|^dxg$/.test(name)).length;
  const found = result.stdout.split(/\s+/).filter((kind) => kind === 'cuda').length;
  if (result.status !== 0) fail(`the addon does not load: ${result.stderr}`);
  else if (found !== 0 && gpus === 0) fail(`the addon finds ${found} GPUs where there is none`);
  else process.stdout.write(`the addon with CUDA loads; GPUs found: ${found}\n`);
  const check = run(join(folder, 'convtape_device_check'), ['--op', 'fill']);
  if (check.status !== (gpus === 0 ? 77 : 0))
    fail(`convtape_device_check: exit status ${check.status}: ${check.stderr}`);
  else process.stdout.write('convtape_device_check is linked\n');
}

process.exit(failed ? 1 : 0);
