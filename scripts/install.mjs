// npm runs this after unpacking the package. The package holds an addon for Linux on x64; only where that does not load is one compiled
// from the sources, which the package holds as well. In a clone of the repository, scripts/setup.mjs builds and this does nothing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const addon = join(root, 'build', 'Release', 'convtape.node');

/** null where it loads, else why not. */
function whyNot() {
  try {
    createRequire(import.meta.url)(addon);
    return null;
  } catch (error) {
    return error.message.split('\n')[0];
  }
}

function cmake(...args) {
  const run = spawnSync('cmake', args, { cwd: root, stdio: 'inherit' });
  if (run.status === 0) return;
  process.stderr.write(
    'convtape: building the addon failed. It needs CMake 3.18 or newer, a C++17 compiler and make; on Debian or Ubuntu:\n' +
      '    sudo apt-get install -y cmake g++ make && npm rebuild convtape\n',
  );
  process.exit(1);
}

const reason = existsSync(join(root, 'scripts', 'setup.mjs')) ? null : whyNot();
if (reason !== null) {
  process.stderr.write(`convtape: the addon in the package does not load here (${reason}); compiling it\n`);
  // A build folder of its own: objects do not mix with the addon that came along.
  const folder = join(root, 'build', 'source');
  cmake(
    '-S',
    root,
    '-B',
    folder,
    '-DCMAKE_BUILD_TYPE=Release',
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(addon, '..')}`,
  );
  cmake('--build', folder, '--parallel', String(os.availableParallelism()));
  const still = whyNot();
  if (still !== null) {
    process.stderr.write(`convtape: the addon was compiled but does not load: ${still}\n`);
    process.exit(1);
  }
}
