import { type Command, Option } from 'commander';
import { evaluateRuns, type RunsEvaluation } from '../../train/evaluate_runs';
import { type Io, Progress, percent } from '../io';
import { deviceList, whichCheckpoint, wholeNumber } from '../options';

interface Options {
  data?: string;
  split: 'train' | 'validation' | 'test';
  tenCrop?: boolean;
  with?: string[];
  devices?: string;
  batch?: number;
  limit?: number;
  checkpoint: 'last' | 'best';
  json?: boolean;
}

export function evalCommand(program: Command, io: Io): void {
  program
    .command('eval')
    .description('top-1 and top-5 error of a run; of several together, whose class probabilities are averaged')
    .argument('<run>', 'the run’s folder')
    .option('--data <set>', 'fashion-mnist[:DIR], cifar10:DIR, folder:DIR (default: what the run was trained on)')
    .addOption(new Option('--split <name>', 'which images').choices(['train', 'validation', 'test']).default('test'))
    .option('--ten-crop', 'average over four corners, the centre and their mirror images')
    .option('--with <run...>', 'average with these runs')
    .option('--devices <names>', 'one device or two (default: the run’s own)')
    .option('--batch <n>', 'images at a time (default: the run’s own)', wholeNumber)
    .addOption(whichCheckpoint())
    .option('--limit <n>', 'only the first n images', wholeNumber)
    .option('--json', 'print one JSON object')
    .action(async (run: string, options: Options) => {
      const { with: others = [], json, devices, ...rest } = options;
      const progress = new Progress(io);
      try {
        const result = await evaluateRuns([run, ...others], {
          ...rest,
          ...(devices === undefined ? {} : { devices: deviceList(devices).map((d) => d.name) }),
          onNote: (text) => progress.line(text),
          onBegin: (images) => progress.begin('evaluating', images),
          onBatch: (done) => progress.update(done),
        });
        progress.end();
        io.out(json ? `${JSON.stringify(plain(result))}\n` : text(result));
      } finally {
        progress.end();
      }
    });
}

function plain({ classes, ...result }: RunsEvaluation) {
  return { run: result.runs[0]!.path, ...result, classes: classes.length };
}

function text(result: RunsEvaluation): string {
  const views = result.tenCrop ? ', ten crops averaged' : '';
  return [
    `${result.runs.map((r) => `${r.path} (step ${r.step})`).join(' + ')}\n`,
    `${result.images} ${result.split} images of ${result.data}${views}\n`,
    `top-1 error ${percent(result.top1)}\n`,
    `top-5 error ${percent(result.top5)}\n`,
    `loss ${result.loss.toFixed(4)}\n`,
  ].join('');
}
