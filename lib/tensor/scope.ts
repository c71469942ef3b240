import type { Tensor } from './tensor';

const stack: Scope[] = [];

/** Frees every tensor made while it is the innermost scope, unless it was kept. Made by {@link scope}. */
export class Scope implements Disposable {
  readonly #made = new Set<Tensor<any, any>>();

  /** @internal */
  add(t: Tensor<any, any>): void {
    this.#made.add(t);
  }

  /** Takes `t` (a tensor, or an array or record of tensors) out of this scope: it then belongs to the scope around, or to the caller. */
  keep<T>(t: T): T {
    const seen = new Set<unknown>(); // a record may hold itself
    const walk = [t] as unknown[];
    while (walk.length > 0) {
      const value = walk.pop();
      if (isTensor(value)) {
        if (this.#made.delete(value)) stack[stack.lastIndexOf(this) - 1]?.add(value);
      } else if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value) && !seen.has(value)) {
        seen.add(value);
        for (const inner of Object.values(value)) walk.push(inner);
      }
    }
    return t;
  }

  /** Whether this scope will free `t`. */
  has(t: Tensor<any, any>): boolean {
    return this.#made.has(t);
  }

  /** @internal Takes `t` out without handing it to the scope around. */
  forget(t: Tensor<any, any>): void {
    this.#made.delete(t);
  }

  /** @internal What is made from now on belongs to the scope around; what was made here is still freed with this one. */
  leave(): void {
    const at = stack.lastIndexOf(this);
    if (at >= 0) stack.splice(at, 1);
  }

  [Symbol.dispose](): void {
    this.leave();
    for (const t of this.#made) t.dispose();
    this.#made.clear();
  }
}

// Scope cannot import Tensor (which imports it), so it knows a tensor by what only tensors have.
function isTensor(value: unknown): value is Tensor<any, any> {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'dispose' in value && 'device' in value;
}

/**
 * `using s = scope()` frees, at the end of the block and on a throw too, every tensor made inside and not kept with `s.keep(t)`.
 *
 * Scopes nest as blocks do; they follow the call stack, so do not `await` inside one while other code makes tensors.
 */
export function scope(): Scope {
  const s = new Scope();
  stack.push(s);
  return s;
}

/** @internal */
export function innermostScope(): Scope | undefined {
  return stack[stack.length - 1];
}

/** @internal Hands `t`, which has just been made, to the scope that will free `owner`; to no scope where none will. */
export function freeWith(t: Tensor<any, any>, owner: Tensor<any, any>): void {
  innermostScope()?.forget(t);
  stack.find((s) => s.has(owner))?.add(t);
}
