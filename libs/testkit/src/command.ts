import { parseArgs } from 'node:util';

/** What a person typed wrong: one line, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
}

export interface Command<Options> {
  usage: string;
  /** undefined when help was asked for. Throws UsageError. */
  parseOptions(args: string[]): Options | undefined;
  /** Answers the exit code. */
  run(options: Options): Promise<number>;
}

export const write = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs a command in this process, and ends the process with the command's exit code. */
export async function runCommand<Options>(command: Command<Options>): Promise<never> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(130)); // the leash ends what runs
  process.on('disconnect', () => process.exit(130)); // the bootstrap script was killed
  process.exit(await codeOf(command));
}

async function codeOf<Options>({ usage, parseOptions, run }: Command<Options>): Promise<number> {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options) return await run(options);
    write(usage);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

/** The values of these options as typed; undefined when help was asked for. Throws UsageError. */
export function readOptions<Name extends string>(
  args: string[],
  names: readonly Name[],
): Partial<Record<Name, string>> | undefined {
  try {
    const { help, ...values } = parseArgs({
      args,
      options: {
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
    return help ? undefined : (values as Partial<Record<Name, string>>);
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('. ');
    throw new UsageError(`${reason} (--help shows the options)`);
  }
}

/** Throws UsageError where the value is outside its bounds, which it may touch. */
export function wholeNumber(
  name: string,
  text: string | undefined,
  fallback: number,
  [least, most]: readonly [number, number],
): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new UsageError(`--${name} ${text}: must be a whole number from ${least} to ${most}`);
  return value;
}
