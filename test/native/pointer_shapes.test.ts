// In the CUDA kernels' files a shape, or strides, stands beside every pointer to values: `float* y /* (rows, n) */` where it is a parameter,
// or behind the line as a comment, or in a comment of its own above it that begins with the shape.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../support/package';

// `float* x`, `float *x`; a product has a space on both sides of its star, and a function that returns a pointer a parenthesis behind its name.
const pointer = /[\w>](?:\* | \*)(?:const )?(?:__restrict__ )?(?!const\b|__restrict__)\w+\b(?!\(| \/\*)/;
/** No values: text, operands of any type, and where a kernel says what is wrong. */
const others = /\b(?:char|void|Report|return)(?:\* | \*)(?:const )?(?:__restrict__ )?\w+/g;

/** Lines that declare a pointer, or shared memory, without its shape. */
function bare(text: string): string[] {
  const lines = text.split('\n');
  return lines.filter((line, i) => {
    const above = lines[i - 1] ?? '';
    const macro = line.endsWith('\\') || above.endsWith('\\');
    if (macro || line.includes('//') || above.trim().startsWith('// (')) return false;
    return /\bCONVTAPE_SHARED\(/.test(line) || line.replace(others, '').search(pointer) >= 0;
  });
}

const folder = join(root, 'native/cuda');
const files = readdirSync(folder).filter((name) => /\.cuh?$/.test(name));

test.each(files)('%s', (name) => {
  expect(bare(readFileSync(join(folder, name), 'utf8'))).toEqual([]);
});

test('a pointer without one is found, what is none is not', () => {
  const without = [
    '    const float* from = x + base;',
    'float *dy = o.in[0].f32(), *x = o.in[1].f32();',
    'void cast(const From* x /* (count) */, To* y, int64_t count) {',
    '                  float* __restrict__ y,',
    'uint64_t* const keys = memory;',
    'const Pack<float, 4>* packs;',
    'void f(float* x) {',
    'CONVTAPE_SHARED(double, sums);',
  ];
  const others = [
    'return a * b + *c;',
    'const float* at(Row row) const {',
    'void launch(const char* name, const void* p, Report* wrong);',
    'auto y = reinterpret_cast<float*>(memory);',
    '*first = 3;',
    'return *p;',
    'float* y = f();  // (n)',
  ];
  expect(bare([...without, ...others].join('\n'))).toEqual(without);
  expect(bare('// (rows)\nfloat* y = f();\n')).toEqual([]);
  expect(bare('// Rows of\nfloat* y = f();\n')).toHaveLength(1);
});
