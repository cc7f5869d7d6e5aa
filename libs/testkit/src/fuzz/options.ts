import { parseArgs } from 'node:util';

export interface Options {
  requests: number;
  seed: number;
  concurrency: number;
}

/** What a person typed wrong: one line, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
}

export const usage = `npm run fuzz [-- options]    sends generated requests, most of them bad, to a whole system of its own

  --requests N      how many, 1 to 10000000 (default 100000)
  --seed N          what chooses them; the same seed, the same requests (default 1)
  --concurrency N   how many at once, 1 to 1000 (default 32)`;

const numbers = {
  requests: [100_000, 1, 10_000_000],
  seed: [1, 0, 2 ** 31 - 1],
  concurrency: [32, 1, 1_000],
} as const;

/** undefined when help was asked for. Throws UsageError. */
export function parseOptions(args: string[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const numberOf = (name: keyof typeof numbers): number => {
    const [fallback, least, most] = numbers[name];
    const value = Number(values[name] ?? fallback);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new UsageError(
        `--${name} ${values[name]}: must be a whole number from ${least} to ${most}`,
      );
    return value;
  };
  return {
    requests: numberOf('requests'),
    seed: numberOf('seed'),
    concurrency: numberOf('concurrency'),
  };
}

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h', default: false } as const;
  try {
    return parseArgs({ args, options: { requests: text, seed: text, concurrency: text, help } })
      .values;
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('. ');
    throw new UsageError(`${reason} (--help shows the options)`);
  }
}
