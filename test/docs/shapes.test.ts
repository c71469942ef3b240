// The programs of docs/shapes.md compile, and give the messages it prints.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, compileTimeout } from '../support/compiler';

test(
  'docs/shapes.md holds what it says',
  () => {
    const page = readFileSync(join(__dirname, '..', '..', 'docs', 'shapes.md'), 'utf8');
    const [first, second] = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map((m) => m[1]!);
    const [conv, layer] = compile([
      first!,
      `${second}
class Head<K extends number> extends nn.Layer<ToClasses<K>> {
  readonly params = {};
  protected run(x: Tensor<Shape>) {
    return x;
  }
}
export const y = nn.sequential(new Scale(3), nn.flatten(), new Head<10>('head')).forward(zeros([n, 3, 2, 2]));
export const z = ((<N extends number>(x: Tensor<[N, 3, 2, 2]>): Tensor<[N, 3, 2, 2]> => new Scale(3).forward(x)))(zeros([2, 3, 2, 2]));`,
    ]);
    expect(conv!.types.conv1).toBe('Tensor<[128, 96, 55, 55], "f32">');
    expect(conv!.errors).toHaveLength(1);
    const promised = /"(conv2d: [^"]*)"/.exec(page)![1]!;
    expect(conv!.errors[0]).toContain(promised);
    expect(layer!.errors).toEqual([]);
    expect(layer!.types.y).toBe('Tensor<[number, 10], "f32">');
    expect(layer!.types.z).toBe('Tensor<[2, 3, 2, 2], "f32">');
  },
  compileTimeout,
);
