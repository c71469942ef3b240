// The addon as it is packaged where nvcc is: all instruction sets of the CPU kernels, and CUDA for every architecture. It has a build folder
// of its own: local builds stay as lean as they were, and scripts/package.mjs and scripts/cuda_check.mjs compile the kernels once for both.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
/** What CMakeLists.txt compiles for where CUDA is asked for: machine code of each, PTX of the last. */
export const ARCHITECTURES = [75, 80, 86, 89, 90, 100, 120];
export const FOLDER = join(root, 'build-cuda');

/** nvcc as CUDACXX names it, on PATH, or where CUDA's installer puts it; undefined where it is at none of these. */
export function findNvcc() {
  return [process.env.CUDACXX, 'nvcc', '/usr/local/cuda/bin/nvcc'].find(
    (path) => path && spawnSync(path, ['--version']).status === 0,
  );
}

/** Which of the architectures this nvcc says it does not know. */
export function unknownTo(nvcc) {
  const known = spawnSync(nvcc, ['--list-gpu-code'], { encoding: 'utf8' }).stdout.match(/sm_\d+/g);
  return known ? ARCHITECTURES.map((sm) => `sm_${sm}`).filter((name) => !known.includes(name)) : [];
}

/**
 * Builds CMake's `targets` in `folder` and gives what CMake printed; throws with it where that fails.
 * `architectures`: other ones than all, in a folder that nobody packages.
 */
export async function buildFat(nvcc, targets, { folder = FOLDER, architectures } = {}) {
  // A build folder that was moved or copied names its old place, and another compiler's objects would be kept.
  const cache = join(folder, 'CMakeCache.txt');
  const home = existsSync(cache) && readFileSync(cache, 'utf8').match(/^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m)?.[1];
  if (home && join(home, '/') !== join(root, '/')) rmSync(cache);
  const cores = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(os.availableParallelism());
  // What ptxas says of every kernel is for cuda_check, and its flag for all: objects are shared where they are made alike.
  const configured = await cmake(
    nvcc,
    ...['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', '-DCMAKE_CUDA_FLAGS=-Xptxas=-v'],
    architectures ? `-DCMAKE_CUDA_ARCHITECTURES=${architectures.join(';')}` : '-UCMAKE_CUDA_ARCHITECTURES',
  );
  return configured + (await cmake(nvcc, '--build', folder, '--target', ...targets, '--parallel', cores));
}

function cmake(nvcc, ...args) {
  const wanted = { CUDACXX: nvcc, CONVTAPE_CUDA: 'ON', CONVTAPE_ISAS: 'ALL' };
  // make's own way to keep the lines of one compiler together; ninja does so anyway.
  const env = { ...process.env, ...wanted, MAKEFLAGS: '-Otarget' };
  return new Promise((resolve, reject) => {
    let output = '';
    const child = spawn('cmake', args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    child.on('error', reject);
    child.on('close', (status) =>
      status === 0
        ? resolve(output)
        : reject(new Error(`${output}\ncmake ${args.join(' ')} failed (status ${status})`)),
    );
  });
}

/**
 * What nvcc has put into a file, a container for every source of kernels: which architectures' machine code, which PTX. Read as the driver
 * finds it (cuobjdump, which would tell, is no part of a small CUDA toolkit).
 */
export function cudaContents(path) {
  const bytes = readFileSync(path);
  const containers = [];
  // Magic, version, size of the header; then the size of the entries, each with its kind, size of header, size of contents, architecture.
  for (let at = bytes.indexOf('50ed55ba', 'hex'); at >= 0; ) {
    const machine = new Set();
    const ptx = new Set();
    let entry = at + bytes.readUInt16LE(at + 6);
    const end = entry + Number(bytes.readBigUInt64LE(at + 8));
    while (entry < end) {
      const kind = bytes.readUInt16LE(entry);
      if (kind !== 1 && kind !== 2)
        throw new Error(`${path}: byte ${entry}: an entry of kind ${kind} in a CUDA container`);
      (kind === 1 ? ptx : machine).add(bytes.readUInt32LE(entry + 28));
      entry += bytes.readUInt32LE(entry + 4) + Number(bytes.readBigUInt64LE(entry + 8));
    }
    containers.push({ machine: [...machine].sort(ascending), ptx: [...ptx].sort(ascending) });
    at = bytes.indexOf('50ed55ba', end, 'hex');
  }
  return containers;
}

const ascending = (a, b) => a - b;

/** What an addon that is to be packaged lacks; null where it is complete. `sources`: how many files of kernels are in it. */
export function lacking(containers, sources) {
  if (containers.length !== sources) return `CUDA code of ${containers.length} files where ${sources} were compiled`;
  for (const { machine, ptx } of containers) {
    if (String(machine) !== String(ARCHITECTURES))
      return `machine code for sm_${machine.join(', ')}; it should be for sm_${ARCHITECTURES.join(', ')}`;
    if (String(ptx) !== String(ARCHITECTURES.at(-1)))
      return `PTX of ${ptx.length > 0 ? `compute_${ptx.join(', ')}` : 'no architecture'}; it should be of compute_${ARCHITECTURES.at(-1)}`;
  }
  return null;
}
