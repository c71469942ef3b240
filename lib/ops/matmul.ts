import { apply, rule } from '../autograd/operator';
import { launch } from '../native/addon';
import type { KernelParams } from '../native/kernels';
import type { MatmulCheck, MatmulShape } from '../shape/dense';
import type { Shape } from '../shape/shape';
import { checkOptions, show } from '../tensor/checks';
import { empty, type Tensor } from '../tensor/tensor';
import { requireFloats } from './dense';

export interface MatmulOptions<TA extends boolean = boolean, TB extends boolean = boolean> {
  /** a is …×k×m, used as its transpose. */
  transposeA?: TA;
  /** b is …×n×k, used as its transpose. */
  transposeB?: TB;
}

type Sizes = KernelParams['matmul'];

// y = A·B (A, B after their transposes): dA = dy·Bᵀ and dB = Aᵀ·dy. Of a transposed operand the transposed gradient is wanted:
// d(Aᵀ) = B·dyᵀ, d(Bᵀ) = dyᵀ·A.
export const matmulRule = rule<Sizes>('matmul', ({ attrs, saved, needs }, dy) => {
  const { batch, m, n, k, transposeA, transposeB } = attrs;
  const [a, b] = saved as [Tensor<Shape>, Tensor<Shape>];
  const product = (
    like: Tensor<Shape>,
    left: Tensor<Shape>,
    right: Tensor<Shape>,
    sizes: Omit<Sizes, 'batch' | 'relu'>,
  ) => {
    const to = empty(like.shape, dy.device);
    launch(
      'matmul',
      { batch, relu: false, ...sizes },
      [left.storage('matmul').native, right.storage('matmul').native],
      [to.storage('matmul').native],
    );
    return to;
  };
  const da = !needs[0]
    ? null
    : transposeA
      ? product(a, b, dy, { m: k, n: m, k: n, transposeA: transposeB, transposeB: true })
      : product(a, dy, b, { m, n: k, k: n, transposeA: false, transposeB: !transposeB });
  const db = !needs[1]
    ? null
    : transposeB
      ? product(b, dy, a, { m: n, n: k, k: m, transposeA: true, transposeB: transposeA })
      : product(b, a, dy, { m: k, n, k: m, transposeA: !transposeA, transposeB: false });
  return [da, db];
});

/**
 * Matrix product of a (m×k) and b (k×n), or of two equally long stacks of matrices (…×m×k and …×k×n with the same leading axes).
 *
 * @returns …×m×n
 * @throws TypeError or RangeError, with both shapes, where they do not fit
 */
export function matmul<
  A extends Shape,
  B extends Shape,
  const TA extends boolean = false,
  const TB extends boolean = false,
>(
  a: Tensor<A>,
  b: Tensor<B> & MatmulCheck<A, B, TA, TB>,
  options?: MatmulOptions<TA, TB>,
): Tensor<MatmulShape<A, B, NoInfer<TA>, NoInfer<TB>>>;
export function matmul(a: Tensor<Shape>, b: Tensor<Shape>, options: MatmulOptions = {}): Tensor<Shape> {
  requireFloats('matmul', 'a', a);
  requireFloats('matmul', 'b', b);
  checkOptions('matmul', options, ['transposeA', 'transposeB']);
  const transposeA = flag('transposeA', options.transposeA);
  const transposeB = flag('transposeB', options.transposeB);
  const misfit = (why: string) =>
    new RangeError(
      `matmul: a [${a.shape}]${transposeA ? ' (transposed)' : ''} and b [${b.shape}]${transposeB ? ' (transposed)' : ''} do not fit: ${why}`,
    );
  if (a.rank < 2 || b.rank < 2) throw misfit('both must have at least two axes');
  const leading = a.shape.slice(0, -2);
  if (leading.join() !== b.shape.slice(0, -2).join()) throw misfit('the axes before the last two must be equal');
  const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [kb, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (k !== kb) throw misfit(`the inner sizes ${k} and ${kb} differ`);
  const batch = leading.reduce((product, size) => product * size, 1);
  const sizes: Sizes = { batch, m, n, k, transposeA, transposeB, relu: false };
  return apply(matmulRule, [a, b], sizes, (device, save) => {
    const y = empty([...leading, m, n], device);
    launch('matmul', sizes, [a.storage('matmul').native, b.storage('matmul').native], [y.storage('matmul').native]);
    save(a, b);
    return y;
  });
}

function flag(name: string, value: unknown): boolean {
  if (value !== undefined && typeof value !== 'boolean')
    throw new TypeError(`matmul: ${name} must be true or false, got ${show(value)}`);
  return value ?? false;
}
