// Kernel files are compiled once an instruction set. What they define of other namespaces (an inline function of std::, say) exists three
// times under one name, and the linker keeps any of them: perhaps one with instructions that this processor does not have.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon, packageRoot } from '../../lib/native/addon';
import { build } from '../support/package';
import { temporaryFolder } from '../support/temporary';

const folder = temporaryFolder();
// The build with sanitizers has other objects; the one without is looked at.
const onRelease = process.env.CONVTAPE_ADDON ? test.skip : test;

/** Symbols of `objects` that other objects may define too, and that are not of namespace convtape::cpu::`isa`. */
function foreign(isa: string, objects: readonly string[]): string[] {
  const text = execFileSync('nm', ['-A', '-C', '--defined-only', ...objects], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return text.split('\n').flatMap((line) => {
    const match = line.match(/^.*\/([^/]+):[0-9a-f]* ([WVu]) (.*)$/);
    if (!match) return [];
    const [, object, kind, name] = match as unknown as [string, string, string, string];
    // A pointer, the same in every object.
    if (kind === 'V' && name.startsWith('DW.ref.')) return [];
    // A template's name begins with its result's type.
    const own = name.includes(`convtape::cpu::${isa}::`) && !/^(?:\w+ for )?std::/.test(name);
    return own ? [] : [`${object}: ${name}`];
  });
}

onRelease.each(addon.build.isas)('kernels for %s define nothing of other namespaces', (isa) => {
  build();
  const built = join(packageRoot(), 'build', 'CMakeFiles', `cpu_${isa}.dir`, 'native', 'cpu');
  const objects = readdirSync(built).filter((name) => name.endsWith('.o'));
  const kernels = readdirSync(join(packageRoot(), 'native', 'cpu')).filter(
    (name) =>
      name.endsWith('.cpp') &&
      readFileSync(join(packageRoot(), 'native', 'cpu', name), 'utf8').includes(
        'namespace convtape::cpu::CONVTAPE_ISA {',
      ),
  );
  expect(kernels.length).toBeGreaterThan(15);
  expect(objects).toEqual(expect.arrayContaining(kernels.map((name) => `${name}.o`)));
  const found = foreign(
    isa,
    objects.map((name) => join(built, name)),
  );
  expect(found).toEqual([]);
});

onRelease('such a definition is found', () => {
  const source = join(folder, 'kernel.cpp');
  const object = join(folder, 'kernel.o');
  writeFileSync(
    source,
    `#include <algorithm>
    namespace convtape { inline int shared(int a) { return a + 1; } int (*use)(int) = &shared; }
    namespace convtape::cpu::avx2 {
    template <class T> T own(T a) { return a; }
    template float own(float);
    const float& run(const float& a, const float& b) { return std::max(a, b); }
    }`,
  );
  execFileSync(process.env.CXX ?? 'c++', ['-std=c++17', '-O0', '-c', source, '-o', object]);
  expect(foreign('avx2', [object])).toEqual([
    'kernel.o: convtape::shared(int)',
    'kernel.o: float const& std::max<float>(float const&, float const&)',
  ]);
  expect(foreign('avx512', [object])).toHaveLength(3);
});
