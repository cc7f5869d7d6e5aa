import { readFileSync } from 'node:fs';
import { cac, type CAC } from 'cac';
import { shieldArguments, unshield } from './argv.ts';
import { commands } from './commands/index.ts';
import { createContext, type Command, type Options } from './context.ts';
import { exitCodeOf, exitCodes, InterruptedError, UsageError } from './errors.ts';
import { formatCommandHelp, formatHelp, readable } from './help.ts';
import type { Io } from './io.ts';
import { suggestName } from './suggest.ts';
import { colorsFor, printable } from './text.ts';

/**
 * Runs one command line (without `node` and the script) and answers the exit code. Never throws: what a
 * person can act on is one line on stderr; anything else is a bug of ours and shows its stack.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    if (error instanceof InterruptedError) return error.exitCode;
    const exitCode = exitCodeOf(error);
    if (exitCode !== undefined) {
      io.stderr.write(`rops: ${printable((error as Error).message)}\n`);
      return exitCode;
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    io.stderr.write(`rops: this is a bug, please report it\n${stack}\n`);
    return exitCodes.notDone;
  }
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  const [first, ...rest] = argv;
  const shielded = shieldArguments(first === 'help' ? [...rest, '--help'] : argv);
  const cli = cac('rops')
    .option('--json', '')
    .option('--url <url>', '')
    .option('--token <token>', '')
    .option('-h, --help', '')
    .option('-v, --version', '');
  for (const command of commands) register(cli, command, io);
  cli.parse(['node', 'rops', ...shielded], { run: false });

  const name = cli.matchedCommandName;
  const command = commands.find(({ usage }) => usage.split(' ')[0] === name);
  const typed = cli.args[0];
  if (command === undefined && typed !== undefined) {
    const names = commands.map(({ usage }) => usage.split(' ')[0] ?? '');
    const meant = suggestName(unshield(typed), names);
    const hint = meant === undefined ? '' : `, did you mean rops ${meant}?`;
    throw new UsageError(
      `unknown command "${unshield(typed)}"${hint || ':'} rops --help lists them all`,
    );
  }
  if (command === undefined && cli.options['version']) {
    io.stdout.write(`rops ${readVersion()}\n`);
    return exitCodes.done;
  }
  if (command === undefined || cli.options['help']) {
    const { isTTY, columns } = io.stdout;
    const page = {
      room: isTTY === true ? columns || 80 : Infinity,
      colors: colorsFor(io.stdout, io.env),
    };
    const help = command
      ? formatCommandHelp(command, page)
      : formatHelp(readVersion(), commands, page);
    io.stdout.write(`${help}\n`);
    return exitCodes.done;
  }
  return runMatched(cli, command);
}

function register(cli: CAC, command: Command, io: Io): void {
  const registered = cli.command(command.usage, command.summary);
  for (const [flags, summary] of command.options ?? []) registered.option(flags, summary);
  registered.action(() =>
    command.run(createContext(io, readOptions(cli.options)), cli.args.map(unshield)),
  );
}

async function runMatched(cli: CAC, { usage }: Command): Promise<number> {
  try {
    return await cli.runMatchedCommand();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'CACError') throw error;
    // cac knows a negated flag by its other name only.
    const message = unshield(error.message).replaceAll('`', '"').replace('"--wait"', '"--no-wait"');
    const words = message.replace(/ for command ".*"$/, '');
    throw new UsageError(
      `${words[0]?.toLowerCase()}${words.slice(1)}: rops ${readable(usage)} (rops ${usage.split(' ')[0]} --help)`,
    );
  }
}

function readOptions(given: CAC['options']): Options {
  const texts = [
    'url',
    'token',
    'status',
    'key',
    'limit',
    'prefer',
    'perSecond',
    'by',
    'note',
    'error',
    'lostReply',
    'delay',
    'reset',
    'seed',
  ] as const;
  const flags = ['stuck', 'allStuck', 'down', 'clear'] as const;
  return {
    json: given['json'] === true,
    wait: given['wait'] !== false,
    watch: given['watch'] === true,
    apply: given['apply'] === true,
    dryRun: given['dryRun'] === true,
    ...Object.fromEntries(flags.flatMap((name) => (given[name] === true ? [[name, true]] : []))),
    ...Object.fromEntries(
      texts.flatMap((name) => (name in given ? [[name, unshield(String(given[name]))]] : [])),
    ),
  };
}

const readVersion = (): string =>
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
