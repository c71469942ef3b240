// Writes dist/index.mjs and dist/index.d.mts: the ES module re-exports the CommonJS build, so that both share one Tensor class and one
// tape whichever way a program loads the package.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const names = Object.keys(createRequire(import.meta.url)('../dist/index.js')).filter((name) => name !== '__esModule');
writeFileSync(
  new URL('../dist/index.mjs', import.meta.url),
  `import convtape from './index.js';\nexport const { ${names.join(', ')} } = convtape;\n`,
);
writeFileSync(new URL('../dist/index.d.mts', import.meta.url), `export * from './index.js';\n`);
