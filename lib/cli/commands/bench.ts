import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { Bench } from '../../bench/bench';
import { type Comparison, compare } from '../../bench/compare';
import { dataSuite } from '../../bench/data';
import {
  digits,
  machineLine,
  noisy,
  peerCells,
  peerHead,
  rowCells,
  rowHead,
  seconds,
  withoutEmpty,
} from '../../bench/format';
import { growthSentences, growthSuite } from '../../bench/growth';
import { layersOf, layersSuite } from '../../bench/layers';
import { type NetName, netNames } from '../../bench/nets';
import { operatorNames, opsSuite } from '../../bench/ops';
import { addPeers } from '../../bench/peers';
import { writeReport } from '../../bench/report';
import { type BenchResult, parseResult } from '../../bench/schema';
import { startupSuite } from '../../bench/startup';
import { stepSuite } from '../../bench/step';
import { type Device, device, devices, numThreads } from '../../tensor/device';
import { atomicWrite } from '../../util/atomic_write';
import { UsageError } from '../errors';
import { type Io, table } from '../io';
import { deviceList, wholeNumber } from '../options';

/** Options of every suite. */
interface Common {
  reps?: number;
  threads?: number;
  quick?: boolean;
  json?: string | true;
  compare?: string;
  compareBy: 'wall' | 'cpu';
  failOnRegression?: boolean;
  peers?: string | true;
}

interface NetOptions extends Common {
  model: NetName;
  batch?: number;
  devices?: string;
  inference?: boolean;
}

export function benchCommand(program: Command, io: Io): void {
  const bench = program
    .command('bench')
    .description(
      'measure speed, beside what this machine can do at most; results are checked before they are timed; without a name: step',
    );

  netSuite(bench, 'step', 'a training step and a forward pass of the whole net: grouped on one device, columns on two')
    .option('--inference', 'the forward pass only')
    .allowExcessArguments() // the name of a suite that is none ends up here, where the default is
    .action(async (options: NetOptions, { args: [name] }: Command) => {
      const names = bench.commands.map((c) => c.name());
      if (name !== undefined) throw new UsageError(`unknown command '${name}'; there are ${names.join(', ')}`);
      await runSuite(io, 'step', options, (b) => steps(b, options));
    });

  netSuite(
    bench,
    'layers',
    'each layer that has weights, alone: forward, gradient to the input, gradient to the weights',
  )
    .option('--layer <name...>', 'only these')
    .action(async (options: NetOptions & { layer?: string[] }) => {
      const names = layersOf(options.model).map((layer) => layer.name);
      requireKnown(options.layer, names, `--layer: ${options.model} has no layer`);
      await runSuite(io, 'layers', options, (b) => layers(b, options));
    });

  onDevice(
    bench,
    'ops',
    'operators that move memory rather than compute, over sweeps of sizes, beside the memory’s rate',
  )
    .option('--op <name...>', 'only these')
    .action(async (options: DeviceOptions & { op?: string[] }) => {
      requireKnown(options.op, operatorNames, '--op: there is no benchmark of');
      await runSuite(io, 'ops', options, (b) =>
        opsSuite(b, { device: oneDevice(options, 'ops'), ...(options.op && { only: options.op }) }),
      );
    });

  suite(bench, 'data', 'the data pipeline: images a second from a loader, and learned from by the small net')
    .option('--data <set>', 'this data set (default: the bundled Fashion-MNIST sample, and JPEG files made for it)')
    .option('--batch <n>', 'images (default: 128)', wholeNumber)
    .option('--devices <names>', 'where the small net learns (default: both columns)')
    .action(async (options: Common & { data?: string; batch?: number; devices?: string }) => {
      await runSuite(io, 'data', options, (b) =>
        dataSuite(b, {
          batch: options.batch ?? 128,
          placement: placements(options.devices).at(-1)!,
          ...(options.data && { data: options.data }),
        }),
      );
    });

  onDevice(bench, 'startup', 'loading the package, and what one call costs').action(async (options: DeviceOptions) => {
    await runSuite(io, 'startup', options, (b) => startupSuite(b, oneDevice(options, 'startup')));
  });

  netSuite(bench, 'growth', 'a training step at batches from 1 to 512, and with 1 thread to all').action(
    async (options: NetOptions) => {
      await runSuite(io, 'growth', options, (b) => growth(io, b, options));
    },
  );

  suite(bench, 'report', 'every suite on AlexNet; writes performance.md, its JSON and its charts')
    .option('--out <folder>', 'where to', 'docs')
    .action(async (options: Common & { out: string }) => {
      const all = { ...options, model: 'alexnet' as const };
      await runSuite(
        io,
        'report',
        options,
        async (b) => {
          await steps(b, all);
          await layers(b, all);
          await opsSuite(b, { device: device('cpu:0') });
          await dataSuite(b, { batch: 128, placement: placements(undefined).at(-1)! });
          await startupSuite(b, device('cpu:0'));
          await growth(io, b, all);
        },
        async (result) => {
          for (const path of await writeReport(result, options.out)) io.err(`wrote ${path}\n`);
        },
      );
    });
}

interface DeviceOptions extends Common {
  devices?: string;
}

function onDevice(bench: Command, name: string, description: string): Command {
  return suite(bench, name, description).option('--devices <name>', 'where (default: cpu:0)');
}

function oneDevice(options: { devices?: string }, what: string): Device {
  const on = options.devices ? deviceList(options.devices) : [device('cpu:0')];
  if (on.length > 1) throw new UsageError(`--devices: ${what} is measured on one device`);
  return on[0]!;
}

async function growth(io: Io, bench: Bench, options: NetOptions): Promise<void> {
  const most = options.batch ?? (options.quick ? 8 : 512);
  const doublings = (upTo: number) => Array.from({ length: Math.floor(Math.log2(upTo)) + 1 }, (_, i) => 2 ** i);
  await growthSuite(bench, {
    model: options.model,
    batches: doublings(most),
    threads: doublings(numThreads()),
    placement: placements(options.devices)[0]!,
    log: (line) => io.err(`${line}\n`),
  });
}

function suite(bench: Command, name: string, description: string): Command {
  return bench
    .command(name, { isDefault: name === 'step' })
    .description(description)
    .option('--reps <n>', 'samples of each (default: as many as fit into 1.5 s, 3 to 40)', wholeNumber)
    .option('--threads <n>', 'CPU threads (default: every core)', wholeNumber)
    .option('--quick', 'small sizes, few samples: a look, not a figure to quote')
    .option('--peers [dir]', 'run PyTorch, and onnxruntime-node and tfjs from DIR’s node_modules, on the same work')
    .option('--json [file]', 'print one JSON object, or write it to a file')
    .option('--compare <file>', 'show what moved since that JSON was written')
    .option('--compare-by <time>', 'wall: median time as it passed; cpu: least processor time', comparedTime, 'wall')
    .option('--fail-on-regression', 'exit status 1 where something became slower than in --compare');
}

function netSuite(bench: Command, name: string, description: string): Command {
  return suite(bench, name, description)
    .option('--model <name>', netNames.join(' or '), netName, 'alexnet')
    .option('--batch <n>', 'images (default: 128; 8 with --quick)', wholeNumber)
    .option('--devices <names>', 'where: one device, or two for columns');
}

function netName(name: string): NetName {
  if ((netNames as readonly string[]).includes(name)) return name as NetName;
  throw new InvalidArgumentError(`It must be ${netNames.join(' or ')}.`);
}

function comparedTime(text: string): 'wall' | 'cpu' {
  if (text === 'wall' || text === 'cpu') return text;
  throw new InvalidArgumentError('It must be wall or cpu.');
}

/** Before the minutes that a measurement takes, not after them. */
function requireKnown(asked: readonly string[] | undefined, names: readonly string[], complaint: string): void {
  const unknown = asked?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`${complaint} '${unknown}'; choose from ${names.join(', ')}`);
}

/** Both forms where no devices are named. */
function placements(names: string | undefined): (readonly Device[])[] {
  if (names === undefined) {
    const pair = devices('cpu').slice(0, 2);
    return pair.length === 2 ? [[pair[0]!], pair] : [[pair[0]!]];
  }
  const list = deviceList(names);
  if (list.length > 2) throw new UsageError(`--devices: one device or two, got ${list.length}`);
  return [list];
}

async function steps(bench: Bench, options: NetOptions): Promise<void> {
  const batch = options.batch ?? (options.quick ? 8 : 128);
  const { model } = options;
  await stepSuite(bench, {
    model,
    batch,
    placements: placements(options.devices),
    modes: options.inference ? ['inference'] : ['train', 'inference'],
  });
  // One image at a time is another kind of work: its floor is the weights' way through memory.
  if (options.batch === undefined)
    await stepSuite(bench, {
      model,
      batch: 1,
      placements: placements(options.devices),
      modes: ['inference', 'inference-bf16'],
    });
}

async function layers(bench: Bench, options: NetOptions & { layer?: string[] }): Promise<void> {
  await layersSuite(bench, {
    model: options.model,
    batch: options.batch ?? (options.quick ? 8 : 128),
    device: oneDevice(options, 'layers'),
    ...(options.layer && { only: options.layer }),
  });
}

/** Runs a suite, and tells, writes and compares what came out. */
async function runSuite(
  io: Io,
  name: string,
  options: Common,
  body: (bench: Bench) => Promise<void>,
  write?: (result: BenchResult) => Promise<void>,
): Promise<void> {
  if (options.failOnRegression && !options.compare)
    throw new UsageError('--fail-on-regression needs --compare, with the JSON of the run to hold against');
  const before = options.compare === undefined ? null : await readResult(options.compare);
  const threads = numThreads();
  if (options.threads) numThreads(options.threads);
  try {
    const bench = new Bench({
      quick: options.quick ?? false,
      ...(options.reps && { reps: options.reps }),
      onRow: (row) => {
        const { head, rows } = withoutEmpty(rowHead, [rowCells(row)]);
        io.err(
          `${rows[0]![0]}  ${rows[0]!
            .slice(1)
            .map((cell, i) => `${head[i + 1]} ${cell}`)
            .join(', ')}\n`,
        );
      },
    });
    io.err(`${machineLine(bench.machine.report())}\n`);
    await body(bench);
    const flags = `${options.quick ? ' --quick' : ''}${options.peers ? ' --peers' : ''}`;
    let result = bench.finish(`convtape bench ${name}${flags}`);
    if (options.peers) {
      // Our own memory goes back first: the peers' shall not be what this machine has left.
      for (const d of devices('cpu')) d.releaseCached();
      result = await addPeers(result, {
        folder: options.peers === true ? process.cwd() : options.peers,
        quick: options.quick ?? false,
        log: (line) => io.err(`${line}\n`),
      });
    }
    await write?.(result);
    await deliver(io, options, result, before);
  } finally {
    numThreads(threads);
  }
}

async function deliver(io: Io, options: Common, result: BenchResult, before: BenchResult | null): Promise<void> {
  const comparison = before && compare(before, result, { by: options.compareBy });
  const json = `${JSON.stringify(comparison ? { ...result, comparison } : result)}\n`;
  if (options.json === true || options.json === '-') io.out(json);
  else {
    if (options.json) await atomicWrite(options.json, (file) => file.writeFile(json));
    io.out(resultText(result));
    if (comparison) io.out(comparisonText(comparison));
  }
  const slower = comparison?.changes.filter((c) => c.verdict === 'slower') ?? [];
  if (options.failOnRegression && slower.length > 0)
    throw new Error(
      `${slower.length} of ${comparison!.changes.length} became slower: ${slower.map((c) => `${c.id} ${c.ratio.toFixed(2)} times`).join(', ')}`,
    );
}

async function readResult(path: string): Promise<BenchResult> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--compare ${path}: ${(error as Error).message}`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`--compare ${path}: not JSON (${(error as Error).message})`, { cause: error });
  }
  return parseResult(value, path);
}

function resultText(result: BenchResult): string {
  const { head, rows } = withoutEmpty(rowHead, result.rows.map(rowCells));
  const shaky = noisy(result);
  return [
    `\n${machineLine(result.machine)}\n\n`,
    table(head, rows),
    result.peers.length > 0 ? `\n${table(peerHead, peerCells(result))}` : '',
    ...result.missing.map((m) => `${m.system}: ${m.reason}\n`),
    ...growthSentences(result).map((line) => `${line}\n`),
    result.machine.load > 1
      ? `\nthe machine was busy (load ${digits(result.machine.load)}) when this began: its figures are lower bounds\n`
      : '',
    shaky.length > 0 ? `\nsamples differ by more than 10%: ${shaky.join(', ')}\n` : '',
  ].join('');
}

function comparisonText({ changes, gone, added, warnings }: Comparison): string {
  const moved = changes.filter((c) => c.verdict !== 'same').sort((a, b) => b.ratio - a.ratio);
  const rows = moved.map((c) => [
    c.id,
    seconds(c.before),
    seconds(c.now),
    `${c.ratio.toFixed(2)}×`,
    `±${(100 * c.margin).toFixed(0)}%`,
    c.verdict,
  ]);
  return [
    '\n',
    moved.length > 0 ? table(['benchmark', 'before', 'now', 'time', 'noise', 'verdict'], rows) : '',
    `${moved.length} of ${changes.length} moved beyond the noise\n`,
    added.length > 0 ? `new: ${added.join(', ')}\n` : '',
    gone.length > 0 ? `not measured this time: ${gone.join(', ')}\n` : '',
    ...warnings.map((w) => `careful: ${w}\n`),
  ].join('');
}
