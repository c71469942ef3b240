// Operators that are no products, one value at a time, from their definitions in float64.
import { unravel } from './samples';

export interface Maps {
  images: number;
  channels: number;
  size: number;
}

export interface Norm {
  size: number;
  alpha: number;
  beta: number;
  k: number;
  groups: number;
}

/** Krizhevsky, Sutskever, Hinton 2012, section 3.3; the window stays within a group of maps. */
export function responseNorm(m: Maps, p: Norm, x: ArrayLike<number>, dy: ArrayLike<number>) {
  const perGroup = m.channels / p.groups;
  const half = Math.floor(p.size / 2);
  const at = (n: number, c: number, i: number, j: number) => ((n * m.channels + c) * m.size + i) * m.size + j;
  const window = (c: number): [number, number] => {
    const first = Math.floor(c / perGroup) * perGroup;
    return [Math.max(first, c - half), Math.min(first + perGroup - 1, c + half)];
  };
  const base = (n: number, c: number, i: number, j: number) => {
    const [low, high] = window(c);
    let sum = 0;
    for (let o = low; o <= high; o++) sum += x[at(n, o, i, j)]! ** 2;
    return p.k + p.alpha * sum;
  };
  return {
    forward(index: number): number {
      const [n, c, i, j] = unravel(index, m.channels, m.size, m.size);
      return x[index]! * base(n, c, i, j) ** -p.beta;
    },
    gradient(index: number): number {
      const [n, c, i, j] = unravel(index, m.channels, m.size, m.size);
      const [low, high] = window(c);
      let sum = 0;
      for (let o = low; o <= high; o++) {
        const q = at(n, o, i, j);
        sum += dy[q]! * x[q]! * base(n, o, i, j) ** (-p.beta - 1);
      }
      return dy[index]! * base(n, c, i, j) ** -p.beta - 2 * p.alpha * p.beta * x[index]! * sum;
    },
  };
}

/** Windows of 3×3 at stride 2, as AlexNet pools. */
export function pooling(m: Maps, kind: 'max' | 'avg', x: ArrayLike<number>, dy: ArrayLike<number>) {
  const out = (m.size - 3) / 2 + 1;
  const plane = (n: number, c: number) => (n * m.channels + c) * m.size * m.size;
  // The first maximum in row order, as an index into the plane.
  const best = (from: number, i: number, j: number) => {
    let where = 2 * i * m.size + 2 * j;
    for (let r = 0; r < 3; r++)
      for (let q = 0; q < 3; q++) {
        const place = (2 * i + r) * m.size + 2 * j + q;
        if (x[from + place]! > x[from + where]!) where = place;
      }
    return where;
  };
  return {
    out,
    forward(index: number): number {
      const [n, c, i, j] = unravel(index, m.channels, out, out);
      const from = plane(n, c);
      if (kind === 'max') return x[from + best(from, i, j)]!;
      let sum = 0;
      for (let r = 0; r < 3; r++) for (let q = 0; q < 3; q++) sum += x[from + (2 * i + r) * m.size + 2 * j + q]!;
      return sum / 9;
    },
    gradient(index: number): number {
      const [n, c, i, j] = unravel(index, m.channels, m.size, m.size);
      const from = plane(n, c);
      let sum = 0;
      for (let wi = Math.max(0, Math.ceil((i - 2) / 2)); wi <= Math.min(out - 1, i / 2); wi++)
        for (let wj = Math.max(0, Math.ceil((j - 2) / 2)); wj <= Math.min(out - 1, j / 2); wj++) {
          const g = dy[((n * m.channels + c) * out + wi) * out + wj]!;
          if (kind === 'avg') sum += g / 9;
          else if (best(from, wi, wj) === i * m.size + j) sum += g;
        }
      return sum;
    },
  };
}

/** exp(x − max) over its sum, along rows of n. */
export function softmaxAt(n: number, x: ArrayLike<number>): (index: number) => number {
  return (index) => {
    const from = Math.floor(index / n) * n;
    let top = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < n; i++) top = Math.max(top, x[from + i]!);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Math.exp(x[from + i]! - top);
    return Math.exp(x[index]! - top) / sum;
  };
}
