// Writes dist/index.mjs and dist/index.d.mts: the ES module re-exports the CommonJS build, so that both share one Tensor class and one
// tape whichever way a program loads the package.
import { readFileSync, writeFileSync } from 'node:fs';

// Read, not loaded: loading it needs the addon, which may still be compiling.
const source = readFileSync(new URL('../dist/index.js', import.meta.url), 'utf8');
const exported = source.matchAll(/\bexports\.(\w+) = |defineProperty\(exports, "(\w+)"/g);
const names = [...new Set([...exported].map(([, assigned, defined]) => assigned ?? defined))].filter(
  (name) => name !== '__esModule',
);
writeFileSync(
  new URL('../dist/index.mjs', import.meta.url),
  `import convtape from './index.js';\nexport const { ${names.join(', ')} } = convtape;\n`,
);
writeFileSync(new URL('../dist/index.d.mts', import.meta.url), `export * from './index.js';\n`);
