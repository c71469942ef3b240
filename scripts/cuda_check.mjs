// Compiles the CUDA kernels with nvcc, on machines without a GPU too, and looks at what came out.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHITECTURES, buildFat, cudaContents, FOLDER, findNvcc, lacking, root } from './fat_addon.mjs';

const HELP = `usage: node scripts/cuda_check.mjs [--architectures 80[,90…]] [--kernels-only] [--help]

Compiles every kernel of native/cuda for the architectures (default: all that are packaged) and checks that none of them spills registers
or keeps a stack in local memory, that the tensor-core kernels' code contains mma instructions, that the addon with CUDA in it loads here, with
no device where there is no driver, that convtape_device_check is built and says that there is no GPU, and that the addon, which is the one to
be packaged, holds machine code for every architecture, PTX of the newest, and all instruction sets of the CPU kernels.
  --architectures LIST   compute capabilities without their dot; builds in build-cuda-part, not in build-cuda, which is packaged
  --kernels-only         leave out the addon and convtape_device_check
Exit status: 0 all right, 1 not, 2 wrong usage, 77 where nvcc is not installed.
`;

// Kernels that may keep a little on a stack: they run seldom, over little. Names as in the sources.
const MAY_SPILL = [];

let architectures = ARCHITECTURES;
let kernelsOnly = false;
const args = process.argv.slice(2);
while (args.length > 0) {
  const option = args.shift();
  if (option === '--help') {
    process.stdout.write(HELP);
    process.exit(0);
  } else if (option === '--kernels-only') kernelsOnly = true;
  else if (option === '--architectures' && /^\d+(,\d+)*$/.test(args[0] ?? ''))
    architectures = args.shift().split(',').map(Number);
  else {
    process.stderr.write(`cuda_check: unknown or incomplete option '${option}'\n\n${HELP}`);
    process.exit(2);
  }
}

function run(command, commandArgs, options = {}) {
  return spawnSync(command, commandArgs, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options });
}

const NVCC = findNvcc();
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

const all = String(architectures) === String(ARCHITECTURES);
const folder = all ? FOLDER : join(root, 'build-cuda-part');
// Objects that are up to date would say nothing.
rmSync(join(folder, 'CMakeFiles', 'cuda.dir'), { recursive: true, force: true });
const targets = kernelsOnly ? ['cuda'] : ['convtape', 'convtape_device_check'];
const options = { folder, architectures: all ? undefined : architectures };
const log = await buildFat(NVCC, targets, options).catch((error) => {
  process.stderr.write(`${error.message}\ncuda_check: the build failed\n`);
  process.exit(1);
});

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
if (kernels < files.length || kernels % architectures.length !== 0)
  fail(`${kernels} kernels in the compiler's log, for ${architectures.length} architectures: some are missing`);

// ── mma in the tensor-core kernels' PTX ─────────────────────────────────────────────────────────────────────────────────────────────

// The files that instantiate the tensor-core template (native/cuda/gemm_tensor.cuh).
const tensorCore = ['matmul.cu', 'conv2d.cu', 'conv2d_grad_input.cu', 'conv2d_grad_weight.cu'];
const target = Math.min(...architectures.filter((n) => n >= 80));
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
  const script = `const { build, devices } = require(${JSON.stringify(addon)});
    console.log(JSON.stringify({ isas: build.isas, gpus: devices().filter((d) => d.kind === 'cuda').length }))`;
  const result = run(process.execPath, ['-e', script]);
  const gpus = readdirSync('/dev').filter((name) => /^nvidia\d|^dxg$/.test(name)).length;
  if (result.status !== 0) fail(`the addon does not load: ${result.stderr}`);
  else {
    const found = JSON.parse(result.stdout);
    if (found.gpus !== 0 && gpus === 0) fail(`the addon finds ${found.gpus} GPUs where there is none`);
    if (process.arch === 'x64' && String(found.isas) !== 'avx512,avx2,portable')
      fail(`the addon has of the CPU's instruction sets ${found.isas}; it should have avx512, avx2 and portable`);
    process.stdout.write(
      `the addon with CUDA loads; GPUs found: ${found.gpus}; CPU kernels: ${found.isas.join(', ')}\n`,
    );
  }
  const containers = existsSync(addon) ? cudaContents(addon) : [];
  const missing = all ? lacking(containers, files.length) : null;
  if (missing) fail(`the addon has ${missing}`);
  process.stdout.write(
    `the addon has machine code for sm_${containers[0]?.machine.join(', ')} and PTX of compute_${containers[0]?.ptx.join(', ')}\n`,
  );
  const check = run(join(folder, 'convtape_device_check'), ['--op', 'fill']);
  if (check.status !== (gpus === 0 ? 77 : 0))
    fail(`convtape_device_check: exit status ${check.status}: ${check.stderr}`);
  else process.stdout.write('convtape_device_check is linked\n');
}

process.exit(failed ? 1 : 0);
