import type { Command } from 'commander';
import { dataKinds } from '../../data';
import { type RecipeInput, ratesForBatch, resolveRecipe, setKey } from '../../train/recipe';
import { readRecipeFile, recipeNames } from '../../train/recipe_file';
import { reportTraining } from '../../train/report';
import { RunFolder } from '../../train/run_folder';
import { Interrupted, UsageError } from '../errors';
import type { Io } from '../io';
import { deviceList } from '../options';
import { report, sentence, trainWithProgress } from '../train_view';

export interface TrainOptions {
  recipe?: string;
  data?: string;
  model?: string;
  devices?: string;
  out?: string;
  epochs?: string;
  batch?: string;
  lr?: string[];
  init?: string;
  reset?: string[];
  freeze?: string[];
  seed?: string;
  resume?: boolean;
  watch?: string | true;
  set?: string[];
  json?: boolean;
}

export function trainCommand(program: Command, io: Io): void {
  program
    .command('train')
    .description('train a network; writes config.json, metrics.jsonl and checkpoint.safetensors into the run’s folder')
    .option('--recipe <name|file>', `settings from a file: ${recipeNames().join(', ')}, or a path; options come on top`)
    .option('--data <set>', 'fashion-mnist[:DIR], cifar10:DIR, folder:DIR, shards:DIR, imagenet:DIR')
    .option('--model <name>', 'alexnet or alexnet-small (default: alexnet)')
    .option('--devices <names>', 'one device: the grouped network; two: a column on each (default: two of a kind)')
    .option('--out <folder>', 'the run’s folder (default: runs/MODEL-N, N the first free number from 1)')
    .option(
      '--epochs <n>',
      'passes over the training images (default: the recipe’s, or 90 for alexnet and 10 for alexnet-small)',
    )
    .option(
      '--batch <n>',
      'images a step (default: the recipe’s, or 128); a smaller one lowers default and recipe rates in proportion, never those of --lr',
    )
    .option(
      '--lr <rate>',
      'learning rate, taken as it is whatever the batch (default: the recipe’s, or 0.01 for alexnet and 0.05 for alexnet-small; less for a smaller --batch); LAYER=RATE: of a layer, as often as needed',
      (value: string, before: string[] = []) => [...before, value],
    )
    .option('--init <run>', 'start from the parameters of that run instead of random ones')
    .option('--reset <layer...>', 'with --init: layers that start from random values all the same')
    .option('--freeze <layer...>', 'layers that stay as they are')
    .option('--seed <n>', 'decides every random draw (default: 0)')
    .option('--resume', 'go on from the checkpoint in the run’s folder, which --out names')
    .option(
      '--set <key=value...>',
      'any other key of the recipe, by dotted path: --set trainLimit=1000 schedule.patience=5',
    )
    .option('--watch [port]', 'a page on this machine with curves that grow (default: any free port)')
    .option('--json', 'print one JSON object')
    .action(async (options: TrainOptions) => {
      if (options.resume && options.out === undefined)
        throw new UsageError('train --resume needs --out <folder>: the folder of the run to go on with');
      const recipe = recipeOf(options);
      if (!options.resume && recipe.data === undefined)
        throw new UsageError(`train needs --data: ${dataKinds.join(', ')}`);
      const watch = watchPort(options.watch);
      // What is wrong with the recipe is said before a folder is made for it.
      const made = options.out === undefined ? RunFolder.next(resolveRecipe(recipe).model) : null;
      const out = options.out ?? made!.path;
      try {
        const { result, facts, received } = await trainWithProgress(io, recipe, {
          out,
          resume: options.resume,
          watch,
          chosen: made !== null,
        });
        await reportTraining(out, report(result, facts), facts.step === 0);
        const classes = facts.dataset.classes.length;
        io.out(options.json ? `${JSON.stringify(report(result, facts))}\n` : sentence(result, classes));
        if (result.outcome === 'interrupted')
          throw new Interrupted(
            `stopped by ${received} after step ${result.progress.step}; go on with --out ${out} --resume`,
            received!,
          );
      } finally {
        made?.removeIfEmpty();
      }
    });
}

function watchPort(option: string | true | undefined): number | undefined {
  if (option === undefined || option === true) return option && 0;
  if (!/^\d{1,5}$/.test(option) || Number(option) > 65_535)
    throw new UsageError(`--watch: expected a port from 0 to 65535, got '${option}'`);
  return Number(option);
}

/** What the command line says of the recipe. */
export function recipeOf(options: Omit<TrainOptions, 'out'>): RecipeInput {
  const file: RecipeInput = options.recipe === undefined ? {} : readRecipeFile(options.recipe);
  const input = ratesForBatch(file, batchOf(options));
  for (const key of ['epochs', 'batch', 'seed'] as const)
    if (options[key] !== undefined) setKey(input, `${key}=${options[key]}`);
  for (const key of ['data', 'model'] as const) if (options[key] !== undefined) input[key] = options[key];
  if (options.devices !== undefined) input.devices = deviceList(options.devices).map((d) => d.name);
  for (const rate of options.lr ?? []) if (!rate.includes('=')) setKey(input, `lr=${rate}`);
  for (const assignment of options.set ?? []) setKey(input, assignment);
  const { init, reset } = options;
  if (init !== undefined || reset !== undefined) {
    const before = typeof input.init === 'object' ? input.init : {};
    input.init = {
      ...before,
      ...(init === undefined ? {} : { from: init }),
      ...(reset === undefined ? {} : { reset }),
    };
  }
  const groups = layerGroups(options);
  if (groups.length > 0) input.groups = [...(Array.isArray(input.groups) ? input.groups : []), ...groups];
  return input;
}

/** The batch that the command line asks for; undefined where it does not. */
function batchOf({ batch, set = [] }: Omit<TrainOptions, 'out'>): unknown {
  const asked: RecipeInput = batch === undefined ? {} : { batch: Number(batch) };
  for (const assignment of set) if (/^\s*batch\s*=/.test(assignment)) setKey(asked, assignment);
  return asked.batch;
}

/** `--lr fc8=0.01` and `--freeze conv1` as groups, which come after the recipe's own. */
function layerGroups({ lr = [], freeze = [] }: Pick<TrainOptions, 'lr' | 'freeze'>): RecipeInput[] {
  const rates = lr.flatMap((text) => {
    const at = text.indexOf('=');
    if (at < 0) return [];
    const rate = Number(text.slice(at + 1));
    if (at === 0 || text.slice(at + 1).trim() === '' || !(rate >= 0))
      throw new UsageError(`--lr: expected a rate or LAYER=RATE, such as fc8=0.01; got '${text}'`);
    return [{ match: text.slice(0, at), lr: rate }];
  });
  return [...rates, ...freeze.map((layer) => ({ match: layer, frozen: true }))];
}
