// What the compiler makes of right and of wrong calls, operator by operator.
import { compile, compileTimeout, type Verdict } from '../support/compiler';
import { elementRules } from './rules/elements';
import { layoutRules } from './rules/layout';
import { programRules } from './rules/programs';

const rules = { ...elementRules, ...layoutRules, ...programRules };

const calls = Object.entries(rules).flatMap(([name, { right, wrong }]) => [
  ...right.map(([call, type]) => ({ name, call, type, message: null })),
  ...wrong.map(([call, message]) => ({ name, call, type: null, message })),
]);
let verdicts: Map<string, Verdict>;

beforeAll(() => {
  const list = compile(calls.map(({ call }) => `export const y = ${call};`));
  verdicts = new Map(calls.map(({ call }, i) => [call, list[i]!]));
}, compileTimeout);

test.each(calls)('$name: $call', ({ call, type, message }) => {
  const { errors, types } = verdicts.get(call)!;
  if (message !== null) {
    expect(errors.join('\n')).toContain(message);
    expect(errors).toHaveLength(1);
  } else {
    expect(errors).toEqual([]);
    expect(types.y).toBe(type!.startsWith('Tensor') ? type : `Tensor<${type}, "f32">`);
  }
});
