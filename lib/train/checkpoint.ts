// Checkpoints: one safetensors file with everything that a run needs to go on with the very same bits, or a program to use the model.
//
//   conv1a.weight …            the parameters, by their names
//   momentum.conv1a.weight …   the optimiser's momentum of each
//   data.mean …                other tensors that the model's use needs
//   __metadata__               format, version; the rest of CheckpointMeta as JSON, one key a field
import type { DType, TypedArrayOf } from '../native/addon';
import { fromBf16, toTyped } from '../tensor/values';
import { version } from '../version';
import {
  type AnyArray,
  type SafetensorsDType,
  SafetensorsError,
  SafetensorsFile,
  type TensorToWrite,
  writeSafetensors,
} from './safetensors';

const FORMAT = 'convtape-checkpoint-1';
const MOMENTUM = 'momentum.';
const EXTRA = 'data.';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Where a run stands. */
export interface CheckpointMeta {
  /** Optimiser steps done. */
  step: number;
  /** The pass over the training images that the run is in, from 0. */
  epoch: number;
  /** Batches of that pass that are done: it goes on with `loader.epoch(epoch, batch)`. */
  batch: number;
  /** The learning rate of the next step. */
  lr: number;
  /** Every seed of the run, by its use. */
  seeds: Readonly<Record<string, number>>;
  /** State of the learning rate's schedule (the plateau rule's drops, best error, waiting). */
  schedule: Json;
  /** What the model was made from. */
  model: Json;
  /** Of the data set: its name, classes, sizes, how the images are prepared. */
  data: Json;
}

/** A tensor on a device, or anything with its values. */
export interface TensorLike {
  readonly dtype: DType;
  readonly shape: readonly number[];
  data(): TypedArrayOf<DType> | Promise<TypedArrayOf<DType>>;
}

export interface CheckpointState<T = TensorLike> {
  readonly meta: CheckpointMeta;
  readonly params: Readonly<Record<string, T>>;
  readonly momentum: Readonly<Record<string, T>>;
  /** Other tensors (the mean image, say), by names of their own. */
  readonly extra?: Readonly<Record<string, T>>;
}

export interface LoadedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArrayOf<DType>;
}

export interface Checkpoint extends Required<CheckpointState<LoadedTensor>> {
  /** Of the package that wrote it. */
  readonly version: string;
}

const dtypes = { f32: 'F32', i32: 'I32', u8: 'U8', bf16: 'BF16' } as const satisfies Record<DType, SafetensorsDType>;
const dtypeNames = new Map<string, DType>(Object.entries(dtypes).map(([ours, theirs]) => [theirs, ours as DType]));

/**
 * Writes a checkpoint atomically. Tensors are read back one at a time and the file is written asynchronously, so the event loop goes on;
 * the caller must not change them before the promise resolves.
 * @throws Error `cannot write PATH: …`; an earlier checkpoint there is then intact
 */
export async function saveCheckpoint(path: string, state: CheckpointState): Promise<void> {
  const tensors: [string, TensorToWrite][] = [];
  const put = (prefix: string, record: Readonly<Record<string, TensorLike>>) => {
    for (const [name, t] of Object.entries(record))
      tensors.push([
        prefix + name,
        { dtype: dtypes[t.dtype], shape: t.shape, data: async () => toTyped(await t.data(), t.dtype, t.shape) },
      ]);
  };
  for (const name of Object.keys(state.params))
    if (name.startsWith(MOMENTUM) || name.startsWith(EXTRA))
      throw new Error(
        `saveCheckpoint: a parameter may not be named '${name}': '${MOMENTUM}' and '${EXTRA}' mark other tensors`,
      );
  put('', state.params);
  put(MOMENTUM, state.momentum);
  put(EXTRA, state.extra ?? {});
  const metadata: Record<string, string> = { format: FORMAT, version };
  for (const [key, value] of Object.entries(state.meta)) {
    checkJson(`saveCheckpoint: meta.${key}`, value);
    metadata[key] = JSON.stringify(value);
  }
  await writeSafetensors(path, tensors, metadata);
}

/**
 * Reads a checkpoint.
 * @param options.momentum false leaves the momentum in the file, for use without training on
 * @throws SafetensorsError in one line that names the file and what is wrong with it
 */
export async function loadCheckpoint(path: string, options: { momentum?: boolean } = {}): Promise<Checkpoint> {
  const file = await SafetensorsFile.open(path);
  try {
    const { format, version: writer = '' } = file.metadata;
    if (format !== FORMAT)
      throw new SafetensorsError(
        `${path} is not a checkpoint: its metadata's format is ${format === undefined ? 'missing' : `'${format}'`}, expected '${FORMAT}'`,
      );
    const meta = parseMeta(path, file.metadata);
    const params: [string, LoadedTensor][] = [];
    const momentum: [string, LoadedTensor][] = [];
    const extra: [string, LoadedTensor][] = [];
    for (const [name, { dtype, shape }] of file.tensors) {
      const ours = dtypeNames.get(dtype);
      if (!ours)
        throw new SafetensorsError(`${path}: '${name}' is ${dtype}, expected ${[...dtypeNames.keys()].join(', ')}`);
      if (name.startsWith(MOMENTUM) && options.momentum === false) continue;
      const read = (await file.read(name)) as AnyArray;
      const data = (ours === 'bf16' ? fromBf16(read as Uint16Array) : read) as TypedArrayOf<DType>;
      const tensor = { dtype: ours, shape, data };
      if (name.startsWith(MOMENTUM)) momentum.push([name.slice(MOMENTUM.length), tensor]);
      else if (name.startsWith(EXTRA)) extra.push([name.slice(EXTRA.length), tensor]);
      else params.push([name, tensor]);
    }
    checkMomentum(path, new Map(params), momentum);
    const record = Object.fromEntries<LoadedTensor>;
    return { version: writer, meta, params: record(params), momentum: record(momentum), extra: record(extra) };
  } finally {
    await file.close();
  }
}

function checkMomentum(
  path: string,
  params: ReadonlyMap<string, LoadedTensor>,
  momentum: readonly [string, LoadedTensor][],
): void {
  for (const [name, m] of momentum) {
    const p = params.get(name);
    if (!p) throw new SafetensorsError(`${path} holds the momentum of '${name}' but no such parameter`);
    if (String(p.shape) !== String(m.shape))
      throw new SafetensorsError(
        `${path}: '${name}' is [${p.shape.join(', ')}] and its momentum [${m.shape.join(', ')}]`,
      );
  }
}

/** Numbers that JSON cannot hold would come back as null. */
function checkJson(where: string, value: Json | undefined): void {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new Error(`${where} is ${value}, which a checkpoint cannot hold`);
  if (value === undefined) throw new Error(`${where} is undefined`);
  if (value !== null && typeof value === 'object')
    for (const [key, inner] of Object.entries(value)) checkJson(`${where}.${key}`, inner as Json);
}

const isCount = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;
const isObject = (v: unknown) => typeof v === 'object' && v !== null && !Array.isArray(v);
const rules: { [K in keyof CheckpointMeta]: [test: (v: unknown) => boolean, what: string] } = {
  step: [isCount, 'a whole number'],
  epoch: [isCount, 'a whole number'],
  batch: [isCount, 'a whole number'],
  lr: [(v) => typeof v === 'number', 'a number'],
  seeds: [(v) => isObject(v) && Object.values(v as object).every(isCount), 'an object of whole numbers'],
  schedule: [() => true, 'JSON'],
  model: [() => true, 'JSON'],
  data: [() => true, 'JSON'],
};

function parseMeta(path: string, metadata: Readonly<Record<string, string>>): CheckpointMeta {
  const meta: Record<string, unknown> = {};
  for (const [key, [test, what]] of Object.entries(rules)) {
    const text = metadata[key];
    if (text === undefined)
      throw new SafetensorsError(`${path} is not a whole checkpoint: its metadata lacks '${key}'`);
    try {
      meta[key] = JSON.parse(text);
    } catch (error) {
      throw new SafetensorsError(`${path}: metadata '${key}' is not JSON: ${text.slice(0, 60)}`, { cause: error });
    }
    if (!test(meta[key]))
      throw new SafetensorsError(`${path}: metadata '${key}' must be ${what}, got ${text.slice(0, 60)}`);
  }
  return meta as unknown as CheckpointMeta;
}
