import { readOptions, UsageError, wholeNumber } from '../command.ts';

export interface ChaosOptions {
  seed: number;
  seconds: number;
  sagas: number;
  measure: 'recovery' | undefined;
}

export const usage = `npm run chaos [-- options]    the whole system under load while everything around it breaks; then a checker compares
                              what clients were told, the saga log and the nodes' own tables

  --seed N             chooses load, schedule and faults; the same seed, the same schedule (default: drawn, and printed)
  --seconds N          how long, 5 to 3600 (default 60)
  --sagas N            about so many sagas, 1 to 1000000 (default 33 a second)
  --measure recovery   no chaos: how long until sagas go on after a kill, a wipe, a restart, with production's settings`;

const sagasPerSecond = 33;

/** undefined when help was asked for. Throws UsageError. */
export function parseOptions(args: string[]): ChaosOptions | undefined {
  const values = readOptions(args, ['seed', 'seconds', 'sagas', 'measure']);
  if (!values) return undefined;
  const { measure } = values;
  if (measure !== undefined && measure !== 'recovery')
    throw new UsageError(`--measure ${measure}: say recovery`);
  const drawnSeed = Math.floor(Math.random() * 2 ** 31);
  const seconds = wholeNumber('seconds', values.seconds, 60, [5, 3_600]);
  return {
    seed: wholeNumber('seed', values.seed, drawnSeed, [0, 2 ** 31 - 1]),
    seconds,
    sagas: wholeNumber('sagas', values.sagas, seconds * sagasPerSecond, [1, 1_000_000]),
    measure,
  };
}
