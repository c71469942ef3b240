// A run that starts from another run's parameters: fine-tuning, and the text's chain of pre-training.
import type { ColumnNet } from '../models';
import { scope } from '../tensor/scope';
import { layerOf, layersOf } from './rates';
import { type Recipe, RecipeError } from './recipe';
import { readRunCheckpoint } from './run_checkpoint';
import { RunError, RunFolder } from './run_folder';

/**
 * Copies the parameters of the run in `from` into the layers of the same name, those in `reset` left out. Layers that the other run lacks,
 * such as a sixth convolution grown onto a trained net, keep their random values.
 * @returns a line that says what came from where
 * @throws RunError where there is no such run, or a layer has another shape there; RecipeError where a layer to reset does not exist.
 */
export async function initFrom(model: ColumnNet, { from, reset }: Recipe['init']): Promise<string | null> {
  const names = Object.keys(model.params);
  const layers = layersOf(names);
  for (const layer of reset)
    if (!layers.includes(layer))
      throw new RecipeError(`recipe: init.reset: there is no layer '${layer}'; there are ${layers.join(', ')}`);
  if (from === null) {
    if (reset.length === 0) return null;
    throw new RecipeError(
      `recipe: init.reset (${reset.join(', ')}) without init.from: give the run to start from with --init RUN`,
    );
  }
  const folder = RunFolder.open(from);
  if (!folder.hasCheckpoint) throw new RunError(`the run in ${from} has no checkpoint yet`);
  const checkpoint = await readRunCheckpoint(folder.checkpointPath, false);
  using s = scope();
  const theirs = checkpoint.params(model);
  const taken = names.filter((name) => name in theirs && !reset.includes(layerOf(name)));
  for (const name of taken) {
    const [ours, given] = [model.params[name]!.shape, theirs[name]!.shape];
    if (ours.join() !== given.join())
      throw new RunError(
        `${from}: '${name}' is [${given.join(', ')}] there and [${ours.join(', ')}] here; --reset ${layerOf(name)} starts that layer anew`,
      );
  }
  if (taken.length === 0) throw new RunError(`${from} has none of the layers that are not reset`);
  for (const name of taken) model.params[name]!.copyFrom(theirs[name]!);
  void s;
  const copied = layersOf(taken);
  const fresh = layers.filter((layer) => !copied.includes(layer));
  const unused = layersOf(Object.keys(theirs)).filter((layer) => !layers.includes(layer));
  return (
    `${copied.join(', ')} from ${from} (step ${checkpoint.progress.step})` +
    `${fresh.length > 0 ? `; ${fresh.join(', ')} from random values` : ''}` +
    `${unused.length > 0 ? `; ${unused.join(', ')} of that run not used` : ''}`
  );
}
