// A scaled-down AlexNet in two columns, trained on two simulated GPUs and on two CPU devices from one seed.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Training {
  losses: number[];
  bits: string;
}

async function train(
  devices: [string, string],
  steps: number,
  settings: Record<string, string> = {},
): Promise<Training> {
  const args = ['-r', join(__dirname, '../support/register.js'), join(__dirname, 'train_losses.ts'), ...devices];
  const { stdout } = await promisify(execFile)(process.execPath, [...args, String(steps)], {
    env: { ...process.env, ...settings },
    timeout: 900_000,
  });
  return JSON.parse(stdout) as Training;
}

const sims: [string, string] = ['sim:0', 'sim:1'];

test('20 steps: the losses of sim:0,sim:1 are those of cpu:0,cpu:1', async () => {
  const [cpu, sim] = [await train(['cpu:0', 'cpu:1'], 20), await train(sims, 20, { CONVTAPE_SIM_CHECK: '0' })];
  expect(sim.losses.length).toBe(20);
  expect(new Set(cpu.losses).size).toBe(20);
  for (const [step, loss] of sim.losses.entries()) {
    const error = Math.abs(loss - cpu.losses[step]!) / Math.abs(cpu.losses[step]!);
    if (!(error < 1e-4)) throw new Error(`step ${step}: ${loss} on sim, ${cpu.losses[step]} on cpu`);
  }
}, 1_800_000);

// Same bits, whatever way the copies take and whatever order the streams run in; with every check of the simulator's on.
test('access granted, refused, or granted and false: the same bits, and those of both columns on one device', async () => {
  const granted = await train(sims, 1, { CONVTAPE_SIM_STREAMS: 'eager' });
  for (const [devices, settings] of [
    [sims, { CONVTAPE_SIM_PEER: 'refused' }],
    [sims, { CONVTAPE_SIM_PEER: 'lying', CONVTAPE_SIM_STREAMS: 'lazy', CONVTAPE_SIM_COPIES: 'lazy' }],
    [['sim:1', 'sim:1'], { CONVTAPE_SIM_COPIES: 'eager' }],
  ] as [[string, string], Record<string, string>][])
    expect({ devices, settings, ...(await train(devices, 1, settings)) }).toEqual({ devices, settings, ...granted });
}, 1_800_000);
