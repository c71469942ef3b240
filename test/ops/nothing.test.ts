// Every operator, handed something that is no tensor where it takes one, or one of bf16 where it takes another type: an error with its
// name, whatever it is.
import { ops, tensor } from '../../lib';
import { drawInputs } from '../../lib/ops/cases';
import { operatorNames, registry } from '../../lib/ops/registry';
import { kinds } from '../support/devices';

// The samples of these do something with their inputs first: copyTo asks for a device, cropImages for other element types. Their own tests
// have their errors.
test.each(operatorNames.filter((name) => name !== 'copyTo' && name !== 'cropImages'))('%s', (name) => {
  const c = registry[name].cases[0];
  const disposed = tensor([1]);
  disposed.dispose();
  for (const input of Object.keys(c.inputs)) {
    if (input === 'bias') continue;
    for (const value of [null, undefined, 'abc', {}, [1, 2], new Float32Array(3), () => 1, 1n, Number.NaN, disposed]) {
      const inputs = drawInputs(c, kinds[0]!);
      // A number stands for a scalar in these.
      if (typeof value === 'number' && ['add', 'sub', 'mul', 'div', 'maximum'].includes(name)) continue;
      let thrown: unknown;
      try {
        c.run({ ...inputs, [input]: value });
      } catch (error) {
        thrown = error;
      }
      const message = thrown instanceof Error ? thrown.message : `nothing was thrown for ${input} = ${String(value)}`;
      expect(message).toMatch(new RegExp(`^${name}: `));
    }
  }
});

// What moves elements takes any type, and the weights of linear may be bf16; the sample of cropImages makes bytes of its images itself.
const takesHalf = ['cast x', 'copyTo x', 'flatten x', 'reshape x', 'slice x', 'transpose x', 'linear weight'];

test.each(operatorNames)('%s of bf16', (name) => {
  const c = registry[name].cases[0];
  const inputs = drawInputs(c, kinds[0]!);
  for (const input of Object.keys(inputs)) {
    if (takesHalf.includes(`${name} ${input}`) || (name === 'cropImages' && input === 'x')) continue;
    const half = ops.cast(inputs[input]!, 'bf16');
    const call = () => c.run({ ...inputs, [input]: half });
    expect(call).toThrow(TypeError);
    expect(call).toThrow(new RegExp(`^${name}: .*bf16 \\[${half.shape.join(', ?')}\\]`));
  }
});
