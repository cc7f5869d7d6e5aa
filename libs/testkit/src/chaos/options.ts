import { parseArgs } from 'node:util';

export interface ChaosOptions {
  seed: number;
  seconds: number;
  sagas: number;
  measure: 'recovery' | undefined;
}

/** What a person typed wrong: one line, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
}

export const usage = `npm run chaos [-- options]    the whole system under load while everything around it breaks; then a checker compares
                              what clients were told, the saga log and the nodes' own tables

  --seed N             chooses load, schedule and faults; the same seed, the same schedule (default: drawn, and printed)
  --seconds N          how long, 5 to 3600 (default 60)
  --sagas N            about so many sagas, 1 to 1000000 (default 33 a second)
  --measure recovery   no chaos: how long until sagas go on after a kill, a wipe, a restart, with production's settings`;

const numbers = {
  seed: [0, 2 ** 31 - 1],
  seconds: [5, 3_600],
  sagas: [1, 1_000_000],
} as const;
const sagasPerSecond = 33;

/** undefined when help was asked for. Throws UsageError. */
export function parseOptions(args: string[]): ChaosOptions | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const numberOf = (name: keyof typeof numbers, fallback: number): number => {
    const text = values[name];
    const [least, most] = numbers[name];
    const value = text === undefined ? fallback : Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new UsageError(`--${name} ${text}: must be a whole number from ${least} to ${most}`);
    return value;
  };
  const seconds = numberOf('seconds', 60);
  if (values.measure !== undefined && values.measure !== 'recovery')
    throw new UsageError(`--measure ${values.measure}: say recovery`);
  return {
    seed: numberOf('seed', Math.floor(Math.random() * 2 ** 31)),
    seconds,
    sagas: numberOf('sagas', seconds * sagasPerSecond),
    measure: values.measure,
  };
}

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      options: {
        seed: text,
        seconds: text,
        sagas: text,
        measure: text,
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('. ');
    throw new UsageError(`${reason} (--help shows the options)`);
  }
}
