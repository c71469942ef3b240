// The compiler's arithmetic against JavaScript's: all small numbers, and random ones of every length.
import { hostRandom } from '../../lib/autograd/gradcheck';
import { compile, compileTimeout } from '../support/compiler';

const operations: Record<string, (a: number, b: number) => number | string> = {
  Add: (a, b) => a + b,
  Subtract: (a, b) => (a < b ? 'negative' : a - b),
  Multiply: (a, b) => a * b,
  Divide: (a, b) => Math.floor(a / b),
  Divides: (a, b) => String(b % a === 0),
};

const random = hostRandom(7);
const draw = () => Math.floor(10 ** (random() * 7));
const pairs: [number, number][] = [];
for (let a = 0; a < 12; a++) for (let b = 0; b < 12; b++) pairs.push([a, b]);
pairs.push([99, 1], [100, 1], [1000, 999], [999_999, 1], [1_000_000, 1_000_000], [227, 11], [9216, 4096], [9216, 36]);
for (let i = 0; i < 60; i++) pairs.push([draw(), draw()]);

test(
  'arithmetic on literal numbers is that of JavaScript',
  () => {
    const names = Object.keys(operations);
    const defined = (name: string, [a, b]: readonly [number, number]) =>
      !(name === 'Divide' && b === 0) && !(name === 'Divides' && a === 0);
    const tables = names.map((name) => pairs.filter((pair) => defined(name, pair)));
    const programs = names.map(
      (name, i) =>
        `import type { ${name} } from '../../lib/shape/digits';\n` +
        `declare const y: [${tables[i]!.map(([a, b]) => `${name}<${a}, ${b}>`).join(', ')}];`,
    );
    compile(programs).forEach(({ errors, types }, i) => {
      expect(errors).toEqual([]);
      const found = types.y!.slice(1, -1).split(', ');
      const expected = tables[i]!.map(([a, b]) => {
        const value = operations[names[i]!]!(a, b);
        return value === 'negative' ? '"negative"' : String(value);
      });
      expect(found.map((f, j) => `${names[i]}<${tables[i]![j]}> ${f}`)).toEqual(
        expected.map((e, j) => `${names[i]}<${tables[i]![j]}> ${e}`),
      );
    });
  },
  compileTimeout,
);

test(
  'what is not a literal natural number gives number',
  () => {
    const [{ types, errors }] = compile([
      `import type { Add, Divide, Divides, Multiply, Subtract } from '../../lib/shape/digits';
declare const y: [Add<number, 1>, Add<1, number>, Add<-1, 2>, Add<1.5, 2>, Subtract<number, 1>, Subtract<-1, 3>, Multiply<2, number>,
  Multiply<1e21, 3>, Multiply<9007199254740991, 9007199254740991>, Divide<number, 2>, Divide<7, 0>, Divide<-7, 2>, Divide<1.5, 2>];
declare const z: [Divides<number, 7>, Divides<0, 7>, Divides<2 | 3, 7>];
declare const union: [Add<1 | 2, 3>, Subtract<9, 1 | 2>, Multiply<1 | 2, 3>, Divide<8 | 9, 3>];`,
    ]) as [ReturnType<typeof compile>[number]];
    expect(errors).toEqual([]);
    expect(types.y).toBe(`[${Array(13).fill('number').join(', ')}]`);
    expect(types.z).toBe('[true, true, true]');
    expect(types.union).toBe('[number, number, number, number]');
  },
  compileTimeout,
);
