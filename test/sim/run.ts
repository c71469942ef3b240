// Scenarios and trainings on simulated devices, each in a process of its own: the simulator reads its settings when it starts.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

async function json(script: string, args: string[], settings: Record<string, string>, timeout: number): Promise<any> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['-r', join(__dirname, '../support/register.js'), join(__dirname, script), ...args],
    { env: { ...process.env, ...settings }, timeout },
  );
  return JSON.parse(stdout);
}

/** What a scenario of scenarios.ts found. */
export const scenario = (name: string, settings: Record<string, string> = {}, ...args: string[]): Promise<any> =>
  json('scenarios.ts', [name, ...args], settings, 240_000);

/** The device's name and the simulator's settings, and the bits (or the error) of every operator's sample calls on the device. */
export const sampleCalls = (
  device: string,
  settings: Record<string, string>,
): Promise<{ settings: string; calls: Record<string, string> }> => json('sample_calls.ts', [device], settings, 240_000);

export interface Training {
  losses: number[];
  bits: string;
}

/** Losses, and the parameters' bits, of so many steps of train_losses.ts. */
export const train = (
  devices: [string, string],
  steps: number,
  settings: Record<string, string> = {},
): Promise<Training> => json('train_losses.ts', [...devices, String(steps)], settings, 900_000);
