import { type Command, Option } from 'commander';
import { confusionPicture } from '../../figures/confusion';
import type { WeightType } from '../../models';
import type { Confusion } from '../../train/confusion';
import { evaluateRuns, type RunsEvaluation } from '../../train/evaluate_runs';
import { reportTest } from '../../train/report';
import { atomicWrite, writeAll } from '../../util/atomic_write';
import { UsageError } from '../errors';
import { type Io, Progress, percent, table } from '../io';
import { deviceList, inferenceWeights, whichCheckpoint, wholeNumber } from '../options';

interface Options {
  data?: string;
  split: 'train' | 'validation' | 'test';
  tenCrop?: boolean;
  with?: string[];
  perClass?: boolean;
  confusion?: string[];
  devices?: string;
  batch?: number;
  limit?: number;
  checkpoint: 'last' | 'best';
  weights: WeightType;
  json?: boolean;
}

export function evalCommand(program: Command, io: Io): void {
  program
    .command('eval')
    .description('top-1 and top-5 error of a run; of several together, whose class probabilities are averaged')
    .argument('<run...>', 'folders of runs; of several the class probabilities are averaged')
    .option(
      '--data <set>',
      'fashion-mnist[:DIR], cifar10:DIR, folder:DIR, shards:DIR, imagenet:DIR (default: what the run was trained on)',
    )
    .addOption(new Option('--split <name>', 'which images').choices(['train', 'validation', 'test']).default('test'))
    .option('--ten-crop', 'average over four corners, the centre and their mirror images')
    .option('--with <run...>', 'average with these runs')
    .option('--per-class', 'the errors of every class, not only of the worst ten')
    .option('--confusion <file...>', 'which classes are taken for which: a table as .csv, a picture as .png')
    .option('--devices <names>', 'one device or two (default: the run’s own)')
    .option('--batch <n>', 'images at a time (default: the run’s own)', wholeNumber)
    .addOption(whichCheckpoint())
    .addOption(inferenceWeights())
    .option('--limit <n>', 'only the first n images', wholeNumber)
    .option('--json', 'print one JSON object')
    .action(async (runs: string[], options: Options) => {
      const { with: others = [], json, devices, perClass = false, confusion: files = [], ...rest } = options;
      for (const file of files)
        if (!/\.(csv|png)$/i.test(file))
          throw new UsageError(`--confusion: the file's name ends in .csv or .png, got '${file}'`);
      const progress = new Progress(io);
      try {
        const result = await evaluateRuns([...runs, ...others], {
          ...rest,
          ...(devices === undefined ? {} : { devices: deviceList(devices).map((d) => d.name) }),
          onNote: (text) => progress.line(text),
          onBegin: (images) => progress.begin('evaluating', images),
          onBatch: (done) => progress.update(done),
        });
        progress.end();
        if (result.runs.length === 1)
          await reportTest(result.runs[0]!.path, result).catch((error: Error) =>
            progress.line(`not in report.json: ${error.message}`),
          );
        for (const file of files) await writeTable(file, result.confusion);
        io.out(json ? `${JSON.stringify(plain(result))}\n` : text(result, perClass));
      } finally {
        progress.end();
      }
    });
}

// A table of more classes than this is for --confusion.
const MOST_IN_JSON = 100;

function plain({ classes, confusion, ...result }: RunsEvaluation) {
  return {
    run: result.runs[0]!.path,
    ...result,
    classes: classes.length,
    perClass: confusion.perClass(),
    ...(classes.length <= MOST_IN_JSON ? { confusion: confusion.rows() } : {}),
  };
}

async function writeTable(file: string, confusion: Confusion): Promise<void> {
  const content = /\.csv$/i.test(file) ? Buffer.from(confusion.csv()) : await confusionPicture(confusion);
  await atomicWrite(file, (handle) => writeAll(handle, content));
}

/** The errors of all classes, or of the ten with the most. */
function classTable(confusion: Confusion, all: boolean): string {
  const classes = confusion.perClass().filter((c) => c.images > 0);
  const worst = [...classes].sort((a, b) => b.top1! - a.top1!).slice(0, 10);
  const rows = (all || classes.length <= 10 ? classes : worst).map((c) => [
    c.class,
    c.images,
    percent(c.top1!).padStart(7),
    percent(c.top5!).padStart(7),
    c.mistaken ? `${c.mistaken.class} (${c.mistaken.images})` : '',
  ]);
  return table(['class', 'images', '  top-1', '  top-5', 'most often taken for'], rows);
}

function text(result: RunsEvaluation, perClass: boolean): string {
  const views = `${result.tenCrop ? ', ten crops averaged' : ''}${result.weights === 'bf16' ? ', weights in bf16' : ''}`;
  return [
    `${result.runs.map((r) => `${r.path} (step ${r.step})`).join(' + ')}\n`,
    `${result.images} ${result.split} images of ${result.data}${views}\n`,
    `top-1 error ${percent(result.top1)}\n`,
    `top-5 error ${percent(result.top5)}\n`,
    `loss ${result.loss.toFixed(4)}\n\n`,
    classTable(result.confusion, perClass),
  ].join('');
}
