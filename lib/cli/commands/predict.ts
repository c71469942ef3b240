import type { Command } from 'commander';
import type { WeightType } from '../../models';
import { loadRun } from '../../train/load_run';
import { type Prediction, predict } from '../../train/predict';
import { Failures } from '../errors';
import { type Io, percent, table } from '../io';
import { deviceList, inferenceWeights, whichCheckpoint, wholeNumber } from '../options';

interface Options {
  top: number;
  devices?: string;
  checkpoint: 'last' | 'best';
  weights: WeightType;
  json?: boolean;
}

export function predictCommand(program: Command, io: Io): void {
  program
    .command('predict')
    .description('the most probable classes of image files; where some cannot be read, those of the others')
    .argument('<run>', 'the run’s folder')
    .argument('<image...>', 'image files')
    .option('--top <n>', 'how many classes', wholeNumber, 5)
    .option('--devices <names>', 'one device or two (default: the run’s own)')
    .addOption(whichCheckpoint())
    .addOption(inferenceWeights())
    .option('--json', 'print one JSON object')
    .action(async (path: string, images: string[], options: Options) => {
      const devices = options.devices === undefined ? undefined : deviceList(options.devices).map((d) => d.name);
      using run = await loadRun(path, devices, (text) => io.err(`${text}\n`), options.checkpoint);
      const { predictions, unreadable } = await predict(run, images, options.top, { weights: options.weights });
      const errors = unreadable.map(({ file, reason }) => ({ file, error: reason }));
      io.out(
        options.json ? `${JSON.stringify({ run: path, step: run.step, predictions, errors })}\n` : text(predictions),
      );
      if (unreadable.length > 0) throw new Failures(unreadable);
    });
}

function text(predictions: readonly Prediction[]): string {
  return predictions
    .map(({ image, top }) => {
      const rows = top.map((t) => [`  ${t.class}`, percent(t.probability).padStart(7)]);
      return `${image}\n${table(rows[0]!, rows.slice(1))}`;
    })
    .join('\n');
}
