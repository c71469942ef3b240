#!/usr/bin/env node
// Loads the rest only here, so that an addon that does not load is one clear line as well.
async function main(args: string[]): Promise<number> {
  // A reader that closes its end (`| head`) is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    const { run } = require('./program') as typeof import('./program');
    return await run(args);
  } catch (error) {
    const lines =
      error instanceof Error ? [error.message, ...(args.includes('--debug') ? [error.stack] : [])] : [error];
    process.stderr.write(`${lines.join('\n')}\n`);
    return 1;
  }
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
