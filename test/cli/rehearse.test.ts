// The small form of `npm run rehearse`.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');

function rehearse(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts/rehearse.mjs'), ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('a run killed twice anywhere ends with the bits of one that nobody stopped, and can be evaluated', () => {
  const size = ['--classes', '3', '--images', '48', '--model', 'alexnet-small', '--batch', '8', '--steps', '6'];
  const command = 'node -r ./test/support/register.js lib/cli/main.ts';
  const { status, stdout, stderr } = rehearse(...size, '--kills', '2', '--command', command);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(
    /^64 images in 3 classes, with cmyk, grey, turned, png, cut short among them\nprepared: \d+ files in .*\n6 steps of alexnet-small/,
  );
  expect(stdout.match(/^session \d+: killed, checkpoint of step [0-6]$/gm)).toHaveLength(2);
  expect(stdout).toMatch(
    /no torn file, and the bits of the run that nobody stopped\nten crops of 16 images: top-1 error/,
  );
}, 300_000);

test('what it cannot do it says in one line', () => {
  expect(rehearse('--images', '5')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'rehearse: --images: expected one a class and more, 1000, got 5\n',
  });
  // A command that fails is no success.
  const { status, stderr } = rehearse(
    '--classes',
    '1',
    '--images',
    '1',
    '--command',
    'node -e process.exit(7) --',
    '--layout',
    'folders',
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(/^rehearse: convtape train .* ended with 7:/);
});
