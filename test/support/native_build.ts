// Programs of native code that tests run, built from the addon's own build folder.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './package';

const build = join(root, 'build');

/** Builds a CMake target and returns where it is. One build at a time: test files run side by side, and their targets share objects. */
export function buildTarget(target: string): string {
  const cmake = ['cmake', '--build', build, '--target', target, '-j2'];
  try {
    execFileSync('flock', [join(build, 'native.lock'), ...cmake], { stdio: 'pipe', maxBuffer: 1 << 26 });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: Buffer; stderr?: Buffer };
    const output = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n');
    throw new Error(`${cmake.join(' ')} failed:\n${output.slice(-30).join('\n')}`, { cause: error });
  }
  return join(build, target);
}
