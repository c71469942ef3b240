// How much a net drops is an option of it, and of a recipe.
import { join } from 'node:path';
import { models, randn } from '../../lib';
import { convtape, temporaryFolder } from '../support/cli';

const folder = temporaryFolder();
const x = randn([4, 1, 28, 28], { seed: 1 });

async function logits(dropout: number | undefined, train: boolean): Promise<number[]> {
  using net = models.alexnetSmall({ seed: 2, ...(dropout !== undefined && { dropout }) });
  using y = net.forward(x, { train, seed: 3 });
  return Array.from(await y.data());
}

test('a net that drops nothing is the same function in training and in testing', async () => {
  expect(await logits(0, true)).toEqual(await logits(0, false));
  expect(await logits(0.2, true)).not.toEqual(await logits(0.2, false));
});

test('half is the default; another share is another factor in testing', async () => {
  expect(await logits(undefined, true)).toEqual(await logits(0.5, true));
  expect(await logits(undefined, false)).toEqual(await logits(0.5, false));
  expect(await logits(0.25, false)).not.toEqual(await logits(0.5, false));
});

test.each([1, -0.1, Number.NaN, '0.5'])('%p is no share', (dropout) => {
  expect(() => models.alexnetSmall({ dropout: dropout as number })).toThrow(
    'alexnetSmall: dropout must be at least 0 and less than 1',
  );
  expect(() => models.alexnet({ dropout: dropout as number })).toThrow('alexnet: dropout must be');
});

test('a recipe sets it, and what tests the run takes it from there', async () => {
  // No step at all: the parameters are the first ones, and the runs differ by the factor alone.
  const run = async (name: string, dropout: string) => {
    const out = join(folder, name);
    const settings = ['trainLimit=256', 'testLimit=100', 'validation=50', 'seed=1', `dropout=${dropout}`];
    const trained = await convtape(
      ...['train', '--data', 'fashion-mnist', '--model', 'alexnet-small', '--devices', 'cpu:0', '--epochs', '0'],
      ...['--out', out, '--set', ...settings],
    );
    expect(trained.status).toBe(0);
    const tested = await convtape('eval', out, '--limit', '100', '--json');
    return JSON.parse(tested.out).loss as number;
  };
  const half = await run('half', '0.5');
  expect(await run('none', '0')).not.toBe(half);
  expect(await run('again', '0.5')).toBe(half);
  expect(
    (await convtape('train', '--data', 'fashion-mnist', '--out', join(folder, 'refused'), '--set', 'dropout=1')).err,
  ).toContain('dropout must be a number of at least 0, below 1, got 1');
});
