// Handles of tensors' memory that the tape owns, and sums of gradients.
import { launch } from '../native/addon';
import { innermostScope } from '../tensor/scope';
import { empty, Tensor } from '../tensor/tensor';
import type { AnyTensor } from './operator';

/** A second handle of the same memory that no scope owns. */
export function view(t: AnyTensor): AnyTensor {
  return unowned(new Tensor<any, any>(t.storage('tape').retain(), t.shape));
}

function unowned(t: AnyTensor): AnyTensor {
  innermostScope()?.forget(t);
  return t;
}

/** a + b, into a's memory where nobody else looks at it. Consumes a. */
export function accumulate(a: AnyTensor, b: AnyTensor): AnyTensor {
  const storage = a.storage('gradients');
  const into = storage.shared ? unowned(empty(a.shape, a.device)) : a;
  const strides = [1];
  launch(
    'binary',
    { function: 'add', shape: [a.size], aStrides: strides, bStrides: strides },
    [storage.native, b.storage('gradients').native],
    [into.storage('gradients').native],
  );
  if (into !== a) a.dispose();
  return into;
}

/** The same values in memory of their own. */
export function copyOf(t: AnyTensor): AnyTensor {
  const copy = unowned(empty(t.shape, t.device));
  copy.storage('gradients').native.copyFrom(t.storage('gradients').native);
  return copy;
}

export function ones(like: AnyTensor): AnyTensor {
  const t = unowned(empty(like.shape, like.device));
  launch('fill', { count: t.size, value: 1 }, [], [t.storage('gradients').native]);
  return t;
}
