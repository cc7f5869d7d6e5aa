import { readOptions, wholeNumber } from '../command.ts';

export interface FuzzOptions {
  requests: number;
  seed: number;
  concurrency: number;
}

export const usage = `npm run fuzz [-- options]    sends generated requests, most of them bad, to a whole system of its own

  --requests N      how many, 1 to 10000000 (default 100000)
  --seed N          what chooses them; the same seed, the same requests (default 1)
  --concurrency N   how many at once, 1 to 1000 (default 32)`;

/** undefined when help was asked for. Throws UsageError. */
export function parseOptions(args: string[]): FuzzOptions | undefined {
  const values = readOptions(args, ['requests', 'seed', 'concurrency']);
  return (
    values && {
      requests: wholeNumber('requests', values.requests, 100_000, [1, 10_000_000]),
      seed: wholeNumber('seed', values.seed, 1, [0, 2 ** 31 - 1]),
      concurrency: wholeNumber('concurrency', values.concurrency, 32, [1, 1_000]),
    }
  );
}
