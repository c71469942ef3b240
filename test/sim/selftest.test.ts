// The command as it is typed for a simulated GPU: it ends, and says what its times are worth. What two devices train together is
// columns.test.ts's matter.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

test('a simulated device, without further options', async () => {
  const main = ['-r', join(__dirname, '../support/register.js'), join(__dirname, '../../lib/cli/main.ts')];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...main, 'selftest', 'relu', 'conv2d', '--device', 'sim:1'],
    { env: { ...process.env, CONVTAPE_SIM_CHECK: '0' }, timeout: 240_000 },
  );
  expect(stdout).toMatch(/^sim:1: simulated GPU, .*\nTimes are the simulator's and say nothing of a card/);
  expect(stdout).toMatch(/\nconv2d +large +sim:1 +3×50×13×13, 37×50×3×3, 37 → 3×37×13×13 .* ok\n/);
  expect(stdout).toMatch(/\n7 passed, 0 failed\n$/);
}, 300_000);
