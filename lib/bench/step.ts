// Whole steps: a training step and a forward pass of a net, grouped on one device and in columns on two.
import type { Device } from '../tensor/device';
import type { Bench } from './bench';
import { NetBench, type NetName, netFlops, weightBytes } from './nets';

export interface StepOptions {
  model: NetName;
  batch: number;
  /** One device: the grouped form; two: the columns. Each entry is measured. */
  placements: readonly (readonly Device[])[];
  modes: readonly Mode[];
}

/** `inference-bf16`: a forward pass with the fully-connected layers' weights rounded to bf16. */
type Mode = 'train' | 'inference' | 'inference-bf16';

export const formOf = (placement: readonly Device[]): 'grouped' | 'columns' =>
  placement.length === 1 ? 'grouped' : 'columns';

export async function stepSuite(bench: Bench, { model, batch, placements, modes }: StepOptions): Promise<void> {
  for (const placement of placements) {
    const devices = [...new Set(placement)];
    for (const mode of modes) {
      using net = new NetBench(model, placement, batch);
      const flops = netFlops(net.net);
      const train = mode === 'train';
      const weights = mode === 'inference-bf16' ? 'bf16' : 'f32';
      await bench.time(
        {
          id: `step/${model}/${formOf(placement)}/${mode}/${batch}`,
          flops: batch * (train ? flops.training : flops.inference),
          // The weights must come from memory once, whatever else is in a cache: what decides for a single image.
          ...(!train && batch === 1 && { bytes: weightBytes(net.net, weights) }),
          images: batch,
          devices,
          check: async () => {
            const check = await (train ? net.checkTraining() : net.checkInference(weights));
            for (const d of devices) {
              await d.synchronize();
              d.releaseCached();
              d.resetPeak();
            }
            return check;
          },
          run: () => (train ? net.train() : net.infer(weights)),
        },
        () => ({ peakMemory: devices.reduce((sum, d) => sum + d.memory().peak, 0) }),
      );
      if (train) {
        const loss = await net.loss();
        if (!Number.isFinite(loss)) throw new Error(`step: the loss became ${loss} while ${model} was timed`);
      }
    }
  }
}
