// Compares an operator, forward and gradients, with what PyTorch gave for the same inputs. test/literals/NAME.py makes
// test/literals/NAME.json; the JSON is committed, so that tests need no Python.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Device, type Tensor, tape, tensor } from '../../lib';
import { expectClose } from './close';
import { kinds } from './devices';

interface Literal {
  shape: number[];
  dtype: 'f32' | 'i32' | 'u8' | 'bf16';
  data: number[];
}

export interface LiteralCase {
  name: string;
  inputs: Record<string, Literal | null>;
  attrs: Record<string, any>;
  output: Literal;
  /** dL/doutput that the gradients were taken with. */
  dy?: Literal;
  gradients?: Record<string, Literal>;
}

export type AnyTensor = Tensor<any, any>;

export function loadLiterals(name: string): LiteralCase[] {
  const text = readFileSync(join(__dirname, '..', 'literals', `${name}.json`), 'utf8');
  // What JSON cannot write: NaN is null there, infinities are strings.
  return JSON.parse(text, (_key, value) => (Array.isArray(value) ? value.map(decode) : value)) as LiteralCase[];
}

function decode(value: unknown): unknown {
  if (value === null) return Number.NaN;
  return value === 'Infinity' || value === '-Infinity' ? Number(value) : value;
}

export function toTensor(literal: Literal, device: Device): AnyTensor {
  return tensor(literal.data, { shape: literal.shape, dtype: literal.dtype, device }) as AnyTensor;
}

/**
 * One test for each case and device kind. The default tolerance: float32 has 6e-8 of rounding an operation, and sums of a few hundred
 * terms in another order than PyTorch's stay well below 2e-6.
 */
export function testLiterals(
  name: string,
  run: (inputs: Record<string, any>, attrs: Record<string, any>) => AnyTensor,
  tolerance = 2e-6,
): void {
  for (const device of kinds)
    for (const c of loadLiterals(name))
      test(`${name} ${c.name} on ${device.kind} equals PyTorch`, async () => {
        const inputs = Object.fromEntries(
          Object.entries(c.inputs).map(([key, literal]) => [key, literal && toTensor(literal, device)]),
        );
        using t = tape();
        const y = run(inputs, c.attrs);
        expect([y.dtype, ...y.shape]).toEqual([c.output.dtype, ...c.output.shape]);
        expectClose(await y.data(), c.output.data, tolerance, 'output');
        if (!c.dy || !c.gradients) return;
        const params = Object.fromEntries(Object.keys(c.gradients).map((key) => [key, inputs[key]!]));
        const gradients = t.gradients(y, params, { seed: toTensor(c.dy, y.device) });
        for (const [key, literal] of Object.entries(c.gradients)) {
          expect([...gradients[key]!.shape]).toEqual(literal.shape);
          expectClose(await gradients[key]!.data(), literal.data, tolerance, `gradient of ${key}`);
        }
      });
}
