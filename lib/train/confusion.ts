// Which classes are taken for which.
import { rankOf } from './metrics';

export interface ClassErrors {
  readonly class: string;
  /** Images of the class. */
  readonly images: number;
  /** Errors as fractions; null where there are no images. */
  readonly top1: number | null;
  readonly top5: number | null;
  /** The class that its images are most often taken for, and how often; null where all are right. */
  readonly mistaken: { readonly class: string; readonly images: number } | null;
}

/** Counts of images by right class and by the most probable one. */
export class Confusion {
  /** classes × classes, rows the right classes, columns the most probable ones. */
  readonly counts: Int32Array;
  readonly #wrong5: Int32Array;

  constructor(readonly classes: readonly string[]) {
    this.counts = new Int32Array(classes.length ** 2);
    this.#wrong5 = new Int32Array(classes.length);
  }

  /** @param probabilities rows of one value a class; of equal ones the first counts as the most probable */
  add(probabilities: ArrayLike<number>, labels: Int32Array): void {
    const width = probabilities.length / labels.length;
    const n = this.classes.length;
    labels.forEach((label, i) => {
      let most = 0;
      // A network may have more outputs than the data has classes: those beyond are never right, and not in the table.
      for (let c = 1; c < n; c++) if (probabilities[i * width + c]! > probabilities[i * width + most]!) most = c;
      this.counts[label * n + most]!++;
      if (rankOf(probabilities, i * width, width, label) >= 5) this.#wrong5[label]!++;
    });
  }

  row(label: number): Int32Array {
    const n = this.classes.length;
    return this.counts.subarray(label * n, (label + 1) * n);
  }

  perClass(): ClassErrors[] {
    return this.classes.map((name, label) => {
      const row = this.row(label);
      const images = row.reduce((a, b) => a + b, 0);
      let other = -1;
      row.forEach((count, c) => {
        if (c !== label && count > 0 && (other < 0 || count > row[other]!)) other = c;
      });
      return {
        class: name,
        images,
        top1: images === 0 ? null : (images - row[label]!) / images,
        top5: images === 0 ? null : this.#wrong5[label]! / images,
        mistaken: other < 0 ? null : { class: this.classes[other]!, images: row[other]! },
      };
    });
  }

  rows(): number[][] {
    return this.classes.map((_, label) => [...this.row(label)]);
  }

  /** RFC 4180: a line a class, the right class first, then how many of its images were taken for each. */
  csv(): string {
    const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
    const lines = [['class', ...this.classes].map(cell)];
    this.classes.forEach((name, label) => {
      lines.push([cell(name), ...[...this.row(label)].map(String)]);
    });
    return lines.map((line) => `${line.join(',')}\r\n`).join('');
  }
}
