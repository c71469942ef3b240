import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(__dirname, '..', '..');

/** Makes sure that the addon and dist/ are what the sources say; quick where they are. */
export function build(): void {
  execFileSync(process.execPath, [join(root, 'scripts/setup.mjs'), '--build'], { cwd: root, stdio: 'pipe' });
}

export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
