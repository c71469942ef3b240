// Arguments of the package's public functions: mostly what they should be.
import fc from 'fast-check';
import { device, randn, type Tensor, tensor, zeros } from '../../lib';
import { anything, Planted, size } from './values';

/** The tensors of the call that is being made: a getter may dispose of them. */
export const living: Tensor<any, any>[] = [];

export type Make = () => unknown;
export type Argument = fc.Arbitrary<Make>;
/** How often an argument is what it should be. */
export const mostly = (good: Argument, odds = 5): Argument =>
  fc.oneof({ weight: odds, arbitrary: good }, { weight: 2, arbitrary: anything });
export const of = (...values: unknown[]): Argument => fc.constantFrom(...values.map((v) => () => v));

const disposed = () => {
  const t = zeros([2, 3]);
  t.dispose();
  return t;
};
export const anyTensor: Argument = fc.constantFrom<Make>(
  () => tensor(3),
  () => zeros([3]),
  () => randn([2, 3]),
  () => randn([3, 2]),
  () => randn([2, 3], { device: 'cpu:1' }),
  () => randn([1, 4, 5, 5]),
  () => randn([2, 4, 3, 3]),
  () => randn([2, 2, 1, 1]),
  () => tensor([0, 1], { dtype: 'i32', shape: [2] }),
  () => tensor([0, 9, -1], { dtype: 'i32', shape: [3] }),
  () => zeros([2, 3], { dtype: 'u8' }),
  () => zeros([2, 3], { dtype: 'bf16' }),
  () => zeros([5, 3], { dtype: 'bf16' }),
  disposed,
);
export const t = mostly(anyTensor, 8);
export const number = mostly(size.map((n) => () => n));
export const shape = mostly(fc.array(size, { maxLength: 7 }).map((list) => () => list));
export const axis = mostly(of(0, 1, -1, 2, -5, 0.5));
export const pair = mostly(
  fc.oneof(
    size.map((n) => () => n),
    fc.tuple(size, size).map((p) => () => p),
  ),
);
export const dtype = mostly(of('f32', 'i32', 'u8', 'bf16'));
export const on = mostly(of('cpu:0', 'cpu:1', device('cpu:1')), 8);
export const flag = mostly(of(true, false));
export const real = mostly(of(0, 0.5, 1, 1e-4, -1, 1e30));
export const whole = mostly(of(0, 1, 7, 2 ** 53));

/** An options object with some of the fields, now and then with a getter that throws, or with a field that nobody knows. */
export function options(fields: Record<string, Argument>): Argument {
  const some = fc.record(fields, { requiredKeys: [] });
  const trick = fc.oneof(
    { weight: 8, arbitrary: fc.constant('none') },
    { weight: 3, arbitrary: fc.constantFrom('throw', 'unknown', 'dispose') },
  );
  const record = fc.tuple(some, trick, fc.nat(9)).map(([chosen, what, at]) => () => {
    const made: Record<string, unknown> = Object.fromEntries(Object.entries(chosen).map(([k, make]) => [k, make!()]));
    const name = Object.keys(fields)[at % Object.keys(fields).length]!;
    const value = made[name];
    const get = () => {
      if (what === 'throw') throw new Planted('planted');
      for (const x of living) x.dispose();
      return value;
    };
    if (what === 'unknown') made.nobody = 1;
    else if (what !== 'none') Object.defineProperty(made, name, { get, enumerable: true });
    return made;
  });
  return fc.oneof(
    { weight: 3, arbitrary: of(undefined) },
    { weight: 6, arbitrary: record },
    { weight: 1, arbitrary: anything },
  );
}

/** An array. */
export const list = (item: Argument, maxLength = 3): Argument =>
  fc.array(item, { maxLength }).map((makers) => () => makers.map((make) => make()));

/** An array or a record. */
export const record = (item: Argument): Argument =>
  fc.oneof(
    list(item),
    fc
      .dictionary(
        fc.constantFrom('a', 'b', 'conv1.weight', 'conv1a.weight', 'conv1b.weight', 'fc8.bias', 'length'),
        item,
        { maxKeys: 3 },
      )
      .map((d) => () => Object.fromEntries(Object.entries(d).map(([k, make]) => [k, make()]))),
  );
