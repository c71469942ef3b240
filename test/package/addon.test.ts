// What the built addon asks of a system, and what it shows to one; with CONVTAPE_PACK=full, the addon of the package with CUDA as well, where
// there is one (npm run test:package).
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { addon, packageRoot } from '../../lib/native/addon';
import { build } from '../support/package';

// A build with sanitizers links otherwise, on purpose.
const onLinux = process.platform === 'linux' && !process.env.CONVTAPE_ADDON ? test : test.skip;

const packed = 'build-cuda/Release/convtape.node';
const addons = ['build/Release/convtape.node'];
if (process.env.CONVTAPE_PACK === 'full' && existsSync(join(packageRoot(), packed))) addons.push(packed);

function symbols(path: string, ...options: string[]): string {
  return execFileSync('objdump', [...options, join(packageRoot(), path)], { encoding: 'utf8', maxBuffer: 1 << 26 });
}

const versions = (text: string, library: string): number[] =>
  [...text.matchAll(new RegExp(`\\b${library}_(\\d+)\\.(\\d+)`, 'g'))].map((m) => Number(m[1]) * 1000 + Number(m[2]));

onLinux.each(addons)('%s needs no C++ library of the system', (path) => {
  build();
  const text = symbols(path, '-p', '-T');
  expect(versions(text, 'GLIBCXX')).toEqual([]);
  expect(versions(text, 'CXXABI')).toEqual([]);
  expect(text).not.toMatch(/NEEDED.*(stdc\+\+|cuda)/);
});

onLinux.each(addons)('%s, built on glibc 2.36 or older, loads from 2.34 on', (path) => {
  build();
  const { header } = process.report!.getReport() as unknown as { header: { glibcVersionRuntime: string } };
  const here = versions(`GLIBC_${header.glibcVersionRuntime}`, 'GLIBC')[0]!;
  // A newer glibc gives newer versions to what is linked against it: the package is made on the older one.
  const most = here <= 2036 ? 2034 : here;
  expect(Math.max(...versions(symbols(path, '-T'), 'GLIBC'))).toBeLessThanOrEqual(most);
});

onLinux.each(addons)('%s shows Node its entry points and nothing else', (path) => {
  build();
  const defined = symbols(path, '-T')
    .split('\n')
    .filter((line) => /\sg\s|\sw\s|\su\s/.test(line.slice(16)) && !line.includes('*UND*'))
    .map((line) => line.trim().split(/\s+/).at(-1));
  expect(defined.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
});

test('the addon knows its operators', () => {
  expect(addon.operators.length).toBeGreaterThan(5);
});
