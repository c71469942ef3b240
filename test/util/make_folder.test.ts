import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../lib/util/make_folder';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'convtape-folder-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('makes what is missing on the way, and nothing of what is there', () => {
  const path = join(dir, 'a', 'b', 'c');
  makeFolder(path);
  expect(statSync(path).isDirectory()).toBe(true);
  makeFolder(path);
  makeFolder(join(dir, 'a', 'b'));
  mkdirSync(join(dir, 'd'));
  makeFolder(join(dir, 'd', 'e', '..', 'f'));
  expect(statSync(join(dir, 'd', 'f')).isDirectory()).toBe(true);
});

test('a file in the way is an error, as the last name and as one before it', () => {
  const file = join(dir, 'file');
  writeFileSync(file, '');
  expect(() => makeFolder(file)).toThrow(/EEXIST/);
  expect(() => makeFolder(join(file, 'a', 'b'))).toThrow(/ENOTDIR/);
});

// mkdir with `recursive` never returns from this one.
(process.platform === 'linux' ? test : test.skip)('a file system that makes no folders is an error at once', () => {
  expect(() => makeFolder('/proc/none/run')).toThrow(/ENOENT.*\/proc\/none/);
});
