// A disk that is full, at several moments: one line that says what, where and what to do, exit status 1, nothing lost of what was finished,
// and the end that a larger disk would have given once there is room.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFolder } from '../../lib/data/fashion_mnist';
import { readMetrics } from '../../lib/train/metrics';
import { photo, writeFile } from '../support/archives';
import { convtape, temporaryFolder } from '../support/cli';
import { canMount, type SmallDisk, smallDisk } from '../support/small_disk';

const folder = temporaryFolder();
let disk: SmallDisk;

beforeAll(async () => {
  disk = await smallDisk(megabytes);
});
afterAll(() => disk.close());
afterEach(() => disk.makeRoom());

// Two checkpoints of the small net, and a little.
const megabytes = 24;
const how = canMount ? `a tmpfs of ${megabytes} MB` : 'no tmpfs can be mounted here: files limited in size instead';
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
// A file that would be too large is no want of room.
const [first, room] = canMount ? ['Make room there', 'make room there, then '] : ['Put that right', ''];
const kilobyte = 1024;

/** Whatever is there, but for the file that fills the disk; hidden ones too. */
const names = (dir: string) => (existsSync(dir) ? readdirSync(dir).sort() : []);
const contents = (dir: string) =>
  Object.fromEntries(names(dir).map((name) => [name, readFileSync(join(dir, name)).toString('base64')]));

/** The last line that a command wrote to standard error, the disk's reason and its folder as words. */
const said = (err: string) =>
  err.trimEnd().split('\n').at(-1)!.replaceAll(disk.reason, 'FULL').replaceAll(disk.inside, 'DISK');

test(`convtape train (${how})`, async () => {
  const run = (out: string, ...more: string[]) => ['train', '--out', out, ...more];
  const recipe = [
    ...['--data', `fashion-mnist:${sampleFolder()}`, '--model', 'alexnet-small', '--devices', 'cpu:0', '--batch', '4'],
    ...['--set', 'trainLimit=64', 'testLimit=20', 'schedule=constant', 'logSteps=1', 'norms=true', 'tensorboard=false'],
  ];
  const whole = join(folder, 'whole');
  expect((await convtape(...run(whole, ...recipe, '--epochs', '2'))).status).toBe(0);

  const [inside, outside] = [join(disk.inside, 'run'), join(disk.outside, 'run')];
  const checkpoint = () => readFileSync(join(outside, 'checkpoint.safetensors'));

  // Full before it began: nothing of it stays in the way of the same command.
  disk.fill(0);
  const none = disk.convtape(...run(inside, ...recipe, '--epochs', '1'));
  expect([none.status, said(none.err), names(outside)]).toEqual([
    1,
    `convtape: cannot write DISK/run/config.json: FULL; no checkpoint had been written yet. ${first}, then give the same command again`,
    [],
  ]);
  disk.makeRoom();
  expect(disk.convtape(...run(inside, ...recipe, '--epochs', '1')).status).toBe(0);
  const [before, kept] = [checkpoint(), names(outside)];

  // Full on the way: room for the recipe and a few lines; room for all lines and no second checkpoint.
  for (const [free, file] of [
    [12 * kilobyte, 'metrics.jsonl'],
    [100 * kilobyte, 'checkpoint.safetensors'],
  ] as const) {
    disk.fill(free);
    const { status, err } = disk.convtape(...run(inside, '--epochs', '2', '--resume'));
    expect([status, said(err)]).toEqual([
      1,
      `convtape: cannot write DISK/run/${file}: FULL; the checkpoint of step 16 is kept in DISK/run/checkpoint.safetensors. ${first}, then go on with --out DISK/run --resume`,
    ]);
    expect([checkpoint().equals(before), names(outside)]).toEqual([true, kept]);
    // lines that are whole
    expect(readMetrics(join(outside, 'metrics.jsonl')).filter((line) => line.step <= 16)).toHaveLength(17);
    disk.makeRoom();
  }

  expect(disk.convtape(...run(inside, '--resume')).status).toBe(0);
  expect(checkpoint().equals(readFileSync(join(whole, 'checkpoint.safetensors')))).toBe(true);
  const lines = (dir: string) =>
    readMetrics(join(dir, 'metrics.jsonl')).map(({ imagesPerSecond: _, dataWait: __, memory: ___, ...line }) => line);
  expect(lines(outside)).toEqual(lines(whole));
}, 300_000);

test(`convtape data prepare (${how})`, async () => {
  const src = join(folder, 'photos');
  for (let i = 0; i < 20; i++) writeFile(join(src, i % 2 ? 'train/a' : 'train/b', `${i}.png`), await photo(i, 'png'));
  for (let i = 0; i < 4; i++) writeFile(join(src, i % 2 ? 'val/a' : 'val/b', `${i}.png`), await photo(20 + i, 'png'));
  // 64 × 64 raw: 12 kB of pixels and 48 kB of sums a shard
  const command = (out: string, workers = '2') => [
    ...['data', 'prepare', src, out, '--size', '64', '--encoding', 'raw', '--shard-images', '1', '--workers', workers],
  ];
  const whole = join(folder, 'set');
  expect((await convtape(...command(whole, '1'))).status).toBe(0);

  const [inside, outside] = [join(disk.inside, 'set'), join(disk.outside, 'set')];
  const shards = () => names(outside).filter((name) => name.endsWith('.shard'));
  const goesOn = `${room}the same command goes on from there`;

  disk.fill(0);
  const none = disk.convtape(...command(inside));
  expect([none.status, said(none.err), names(outside)]).toEqual([
    1,
    `convtape: cannot write DISK/set/prepare.lock: FULL${canMount ? `; ${goesOn}` : ''}`,
    [],
  ]);
  disk.fill(canMount ? 500 * kilobyte : 50 * kilobyte);
  const some = disk.convtape(...command(inside));
  const finished = shards();
  expect(some.status).toBe(1);
  expect(said(some.err)).toMatch(
    new RegExp(
      `^convtape: cannot write DISK/set/train-000\\d\\d\\.shard: FULL; ${finished.length} of 24 shards are finished and kept: ${escaped(goesOn)}$`,
    ),
  );
  if (canMount) expect(finished.length).toBeGreaterThan(3);
  expect(names(outside)).toEqual(['plan.json', ...finished].sort());

  disk.makeRoom();
  const end = disk.convtape(...command(inside));
  expect([end.status, contents(outside)]).toEqual([0, contents(whole)]);
  if (canMount) expect(end.err).toContain(`${finished.length} of 24 shards are finished already`);
}, 300_000);
