// A run's arithmetic is its recipe's while it goes on, and the process's own again afterwards.
import { join } from 'node:path';
import { precision } from '../../lib';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import { train } from '../../lib/train/run';
import { temporaryFolder } from '../support/cli';

const folder = temporaryFolder();

test('a step in bf16 on a simulated GPU', async () => {
  const seen: string[] = [];
  const stop = new AbortController();
  const onStep = () => {
    seen.push(precision());
    stop.abort();
  };
  await train(
    {
      ...{ data: `fashion-mnist:${sampleFolder()}`, model: 'alexnet-small', devices: ['sim:0'], precision: 'bf16' },
      ...{ batch: 1, trainLimit: 1, testLimit: 1, epochs: 1, validation: 0 },
    },
    { out: join(folder, 'run'), signal: stop.signal, events: { onStep } },
  );
  expect({ seen, after: precision() }).toEqual({ seen: ['bf16'], after: 'f32' });
}, 300_000);
