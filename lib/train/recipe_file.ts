// Recipes as files: those that come with the package, by name, and anyone's own, by path.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../native/addon';
import { reasonOf } from '../util/atomic_write';
import { nearest, RecipeError, type RecipeInput, resolveRecipe } from './recipe';

const folder = () => join(packageRoot(), 'recipes');

/** Names of the recipes that come with the package. */
export function recipeNames(): string[] {
  return readdirSync(folder())
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
}

/**
 * The settings of a recipe file: part of a recipe, as JSON, with a `description` for people.
 * @param nameOrFile a name such as `paper`, or the path of a file: what has a slash or ends in `.json`
 * @throws RecipeError naming the file and, where there is one, the wrong key and the nearest right one.
 */
export function readRecipeFile(nameOrFile: string): RecipeInput {
  const isPath = nameOrFile.includes('/') || nameOrFile.endsWith('.json');
  const file = isPath ? nameOrFile : join(folder(), `${nameOrFile}.json`);
  if (!isPath && !existsSync(file)) {
    const names = recipeNames();
    const near = nearest(nameOrFile, names);
    throw new RecipeError(
      `--recipe: there is no recipe '${nameOrFile}'${near ? `; did you mean '${near}'?` : ';'} there are ${names.join(', ')}, or a file's path`,
    );
  }
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new RecipeError(`--recipe: ${file} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new RecipeError(`--recipe: ${file} must hold an object`);
  const { description, ...recipe } = given as RecipeInput;
  if (description !== undefined && typeof description !== 'string')
    throw new RecipeError(`--recipe: ${file}: description must be a text`);
  try {
    resolveRecipe({ data: 'any', ...recipe });
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    throw new RecipeError(`--recipe: ${file}: ${error.message.replace(/^recipe: /, '')}`, { cause: error });
  }
  return recipe;
}
