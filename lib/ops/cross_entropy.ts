import { apply, rule } from '../autograd/operator';
import { recording } from '../autograd/tape';
import { launch } from '../native/addon';
import type { KernelParams } from '../native/kernels';
import type { CrossEntropyCheck, CrossEntropyShape } from '../shape/reduce';
import type { Shape } from '../shape/shape';
import { checkOptions, show } from '../tensor/checks';
import { empty, Tensor } from '../tensor/tensor';
import { requireFloats } from './dense';

export type Reduction = 'mean' | 'sum' | 'none';

export interface CrossEntropyOptions<R extends Reduction = Reduction> {
  /** The mean over the rows (the default), their sum, or every row's loss. */
  reduction?: R;
}

// dlogits[n] = (softmax(logits[n]) − onehot(labels[n])) · dy[n]; for the mean, dy[n] = dy/N. `saved`: logits, labels, and each row's
// largest logit and Σ exp(logit − largest).
export const crossEntropyRule = rule<KernelParams['crossEntropy']>('crossEntropy', ({ attrs, saved }, dy) => {
  const dlogits = empty(saved[0]!.shape, dy.device);
  launch(
    'crossEntropyGrad',
    attrs,
    [dy, ...saved].map((t) => t.storage('crossEntropy').native),
    [dlogits.storage('crossEntropy').native],
  );
  return [dlogits, null];
});

/**
 * The multinomial logistic loss: `−log softmax(logits[n])[labels[n]]`, as log-sum-exp with the largest logit taken off first; summed in
 * a fixed order.
 *
 * @param logits N×C
 * @param labels N, i32, each in 0 … C−1. A label outside is found when the kernel runs: a RangeError that names it and its row rejects
 *   the next read of the loss.
 * @returns a scalar; N losses with `reduction: 'none'`
 * @throws TypeError or RangeError, with the shapes, where they do not fit
 */
export function crossEntropy<X extends Shape, L extends Shape, const R extends Reduction = 'mean'>(
  logits: Tensor<X>,
  labels: Tensor<L, 'i32'> & CrossEntropyCheck<X, L>,
  options?: CrossEntropyOptions<R>,
): Tensor<CrossEntropyShape<X, NoInfer<R>>>;
export function crossEntropy(
  logits: Tensor<Shape>,
  labels: Tensor<Shape, 'i32'>,
  options?: CrossEntropyOptions,
): Tensor<Shape> {
  const name = 'crossEntropy';
  requireFloats(name, 'logits', logits);
  if (!(labels instanceof Tensor)) throw new TypeError(`${name}: labels must be a Tensor, got ${show(labels)}`);
  if (labels.dtype !== 'i32') throw new TypeError(`${name}: labels must be i32, got ${labels.dtype} [${labels.shape}]`);
  const { reduction = 'mean' } = checkOptions<CrossEntropyOptions>(name, options, ['reduction']);
  if (reduction !== 'mean' && reduction !== 'sum' && reduction !== 'none')
    throw new RangeError(`${name}: reduction must be 'mean', 'sum' or 'none', got ${show(reduction)}`);
  if (logits.rank !== 2) throw new RangeError(`${name}: logits must be N×C, got [${logits.shape}]`);
  const [rows, classes] = logits.shape as readonly [number, number];
  if (labels.rank !== 1 || labels.shape[0] !== rows)
    throw new RangeError(
      `${name}: labels [${labels.shape}] must have the shape [${rows}] for logits [${logits.shape}]`,
    );
  const params = { rows, classes, reduction };
  let stats: Tensor<Shape> | undefined;
  try {
    return apply(crossEntropyRule, [logits, labels], params, (device, save) => {
      const loss = empty(reduction === 'none' ? [rows] : [], device);
      if (recording()) {
        stats = empty([rows, 2], device);
        save(logits, labels, stats);
      }
      launch(
        name,
        params,
        [logits.storage(name).native, labels.storage(name).native],
        [loss.storage(name).native, stats?.storage(name).native ?? null],
      );
      return loss;
    });
  } finally {
    stats?.dispose(); // the tape holds its own
  }
}
