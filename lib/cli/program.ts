import { Command, CommanderError } from 'commander';
import { version } from '../version';
import { benchCommand } from './commands/bench';
import { dataCommand } from './commands/data';
import { devicesCommand } from './commands/devices';
import { evalCommand } from './commands/eval';
import { gradcheckCommand } from './commands/gradcheck';
import { predictCommand } from './commands/predict';
import { quickstartCommand } from './commands/quickstart';
import { selftestCommand } from './commands/selftest';
import { trainCommand } from './commands/train';
import { exitStatus, Failures, oneLine } from './errors';
import { type Io, processIo } from './io';

function build(io: Io): Command {
  const program = new Command('convtape')
    .description('A tensor engine with kernels of its own, a typed tape, and on it the whole of AlexNet (2012).')
    .version(version)
    .option('--debug', 'show the stack of an error')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      // Errors are written once, by `run`, in one form for all of them.
      outputError: () => {},
    })
    .addHelpText('after', '\nExit status: 0 done; 1 the work failed; 2 wrong usage; 128 + n stopped by signal n.');
  for (const add of [
    quickstartCommand,
    devicesCommand,
    trainCommand,
    evalCommand,
    predictCommand,
    dataCommand,
    gradcheckCommand,
    selftestCommand,
    benchCommand,
  ])
    add(program, io);
  // `--debug` may stand behind the command as well as before it.
  for (const command of program.commands)
    for (const named of command.commands.length > 0 ? command.commands : [command])
      named.option('--debug', 'show the stack of an error');
  return program;
}

/**
 * Runs one command line.
 * @param args without the program's own name
 * @returns the exit status
 */
export async function run(args: readonly string[], io: Io = processIo): Promise<number> {
  try {
    await build(io).parseAsync(args as string[], { from: 'user' });
    return 0;
  } catch (error) {
    const status = exitStatus(error);
    // Help that was asked for, or shown because no command was given, has been written already.
    if (status === 0 || (error instanceof CommanderError && error.code === 'commander.help')) return status;
    for (const each of error instanceof Failures ? error.errors : [error]) {
      io.err(`convtape: ${oneLine(each)}\n`);
      if (!args.includes('--debug')) continue;
      for (let e: unknown = each; e instanceof Error; e = e.cause) io.err(`${e.stack ?? e.message}\n`);
    }
    return status;
  }
}
