// Response normalisation: the shape stays.
import type { Divides } from './digits';
import type { HasAxis, Same, Shape, ShapeError, Show } from './shape';

/** An operator over images. */
export type ImagesCheck<Operator extends string, X extends Shape> =
  Same<X['length'], 4> extends true ? unknown : ShapeError<`${Operator}: x must be N×C×H×W, got ${Show<X>}`>;

/** An operator over groups of the maps, which are axis 1. */
export type MapsCheck<Operator extends string, X extends Shape, G extends number> =
  HasAxis<X, 1> extends true
    ? Divides<G, X[1]> extends false
      ? ShapeError<`${Operator}: groups = ${G} does not divide the maps of x ${Show<X>}`>
      : unknown
    : ShapeError<`${Operator}: x must be N×C×…, got ${Show<X>}`>;
