// Draws a Vega-Lite specification (standard input) as SVG (standard output), without a browser. Not in the package: vega is for development.
import { text } from 'node:stream/consumers';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';

const spec = JSON.parse(await text(process.stdin));
const view = new View(parse(compile(spec).spec), { renderer: 'none' });
process.stdout.write(await view.toSVG());
view.finalize();
