import { checkBoolean, checkOptions, show } from '../tensor/checks';
import { type Device, type DeviceLike, defaultDevice, device as deviceOf } from '../tensor/device';
import { checkSeed, nextSeed } from '../tensor/random';
import { ColumnNet } from './column_net';
import { geometry } from './geometry';
import { alexnetSmallSpec, alexnetSpec, type NetSpec, netDefaults, type Preset } from './spec';

export interface AlexNetOptions<K extends number = number> {
  /** Two devices: a column on each (the same one twice puts both columns there). One: the grouped form of the same function. */
  devices?: readonly DeviceLike[];
  /** Default 1000. */
  classes?: K;
  /** `paper` (default): the text. `layers-145`: what its authors' code of 2012 did; see docs/model.md for every difference. */
  preset?: Preset;
  /** A sixth convolution after the last pooling, as in the text's entry pre-trained on all of ImageNet. Default false. */
  conv6?: boolean;
  /** Response normalisation. Default true. */
  norm?: boolean;
  /** `overlapping` (default): 3×3 windows at stride 2; `plain`: 2×2 at stride 2. */
  pooling?: 'overlapping' | 'plain';
  /** Share of fc6's and fc7's outputs that a training pass drops, 0 ≤ p < 1. Default 0.5, as in the text. */
  dropout?: number;
  /** Factor of every layer's number of maps or hidden units, rounded to as many in each column. Default 1. */
  width?: number;
  /** Maps of every convolution, one number each, before `width` multiplies them. Default null: the net's own. */
  filters?: readonly number[] | null;
  /** Numbers, from 1, of the convolutions whose maps are pooled. Default [1, 2, 5], as in the text. */
  pooled?: readonly number[];
  /** Decides the initial weights. Drawn from the global generator where it is not given. */
  seed?: number;
}

const KNOWN = [
  'devices',
  'classes',
  'preset',
  'conv6',
  'norm',
  'pooling',
  'dropout',
  'width',
  'filters',
  'pooled',
  'seed',
] as const;

function resolve(name: string, options: AlexNetOptions) {
  const {
    classes = 1000,
    preset = netDefaults.preset,
    conv6 = netDefaults.conv6,
    norm = netDefaults.norm,
    pooling = netDefaults.pooling,
    dropout = netDefaults.dropout,
    width = netDefaults.width,
    filters = netDefaults.filters,
    pooled = netDefaults.pooled,
    devices = [defaultDevice],
    seed,
  } = options;
  if (!Array.isArray(devices) || devices.length < 1 || devices.length > 2)
    throw new RangeError(
      `${name}: devices must be one device (grouped) or two (columns), got ${Array.isArray(devices) ? devices.length : show(devices)}`,
    );
  if (!Number.isInteger(classes) || classes < 1)
    throw new RangeError(`${name}: classes must be a positive integer, got ${show(classes)}`);
  if (preset !== 'paper' && preset !== 'layers-145')
    throw new RangeError(`${name}: preset must be 'paper' or 'layers-145', got ${show(preset)}`);
  if (pooling !== 'overlapping' && pooling !== 'plain')
    throw new RangeError(`${name}: pooling must be 'overlapping' or 'plain', got ${show(pooling)}`);
  if (typeof dropout !== 'number' || !(dropout >= 0 && dropout < 1))
    throw new RangeError(`${name}: dropout must be at least 0 and less than 1, got ${show(dropout)}`);
  if (typeof width !== 'number' || !(width > 0 && width <= 16))
    throw new RangeError(`${name}: width must be above 0 and at most 16, got ${show(width)}`);
  checkBoolean(name, 'conv6', conv6);
  checkBoolean(name, 'norm', norm);
  const convs = conv6 ? 6 : 5;
  const all = (list: unknown, least: number, most: number): list is readonly number[] =>
    Array.isArray(list) && list.every((n) => Number.isInteger(n) && n >= least && n <= most);
  if (filters !== null && !(all(filters, 1, 1 << 16) && filters.length === convs))
    throw new RangeError(
      `${name}: filters must be ${convs} integers of at least 1, the maps of each convolution, got ${show(filters)}`,
    );
  if (!all(pooled, 1, convs) || new Set(pooled).size !== pooled.length)
    throw new RangeError(
      `${name}: pooled must be numbers of convolutions, each from 1 to ${convs} and once, got ${show(pooled)}`,
    );
  if (seed !== undefined) checkSeed(name, seed);
  return {
    spec: { classes, preset, conv6, norm, pooling, dropout, width, filters, pooled },
    devices: Array.from(devices, (d) => deviceOf(d)),
    seed,
  };
}

/** The net of a specification whose maps pooling has not used up. @throws RangeError where it has. */
function build<C extends number, H extends number, K extends number>(
  name: string,
  spec: NetSpec,
  pooled: readonly number[],
  { devices, seed }: { devices: Device[]; seed: number | undefined },
): ColumnNet<C, H, K> {
  const used = geometry(spec).find(({ weight, output }) => [...weight, ...output].some((n) => n < 1));
  if (used) throw new RangeError(`${name}: pooled ${show(pooled)} leaves ${used.name} no maps to read`);
  return new ColumnNet<C, H, K>(name, spec, devices, seed ?? nextSeed()); // last: a call that is refused draws nothing
}

/**
 * AlexNet: N×3×227×227 images → N×classes logits; 60,965,224 parameters with 1000 classes.
 *
 * With two `devices`, column a (the first half of every layer's maps) is on the first and b on the second; they exchange activations before
 * conv3, fc6, fc7 and fc8, which is on the first. With one, the same function with grouped convolutions.
 * @throws RangeError, TypeError for an option that is unknown or out of range.
 */
export function alexnet<const K extends number = 1000>(options: AlexNetOptions<K> = {}): ColumnNet<3, 227, K> {
  checkOptions('alexnet', options, KNOWN);
  const { spec, ...rest } = resolve('alexnet', options);
  return build<3, 227, K>('alexnet', alexnetSpec(spec), spec.pooled, rest);
}

export interface AlexNetSmallOptions<C extends number, H extends 28 | 32, K extends number> extends AlexNetOptions<K> {
  /** Image channels. Default 1. */
  channels?: C;
  /** Image height and width: 28 (default) or 32. */
  size?: H;
}

/** The small variant for 28×28 and 32×32 images; default 1×28×28 and 10 classes. Otherwise as {@link alexnet}. */
export function alexnetSmall<const C extends number = 1, const H extends 28 | 32 = 28, const K extends number = 10>(
  options: AlexNetSmallOptions<C, H, K> = {},
): ColumnNet<C, H, K> {
  checkOptions('alexnetSmall', options, [...KNOWN, 'channels', 'size']);
  const { channels = 1, size = 28, ...rest } = options;
  if (!Number.isInteger(channels) || channels < 1)
    throw new RangeError(`alexnetSmall: channels must be a positive integer, got ${show(channels)}`);
  if (size !== 28 && size !== 32) throw new RangeError(`alexnetSmall: size must be 28 or 32, got ${show(size)}`);
  const { spec, ...net } = resolve('alexnetSmall', { classes: 10, ...rest });
  return build<C, H, K>('alexnetSmall', alexnetSmallSpec({ ...spec, channels, size }), spec.pooled, net);
}
