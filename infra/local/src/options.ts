import { parseArgs } from 'node:util';

export interface Options {
  command: 'start' | 'demo';
  workers: number;
  fresh: boolean;
  /** Stop after the job. */
  exit: boolean;
}

/** What a person typed wrong: one line, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
}

const maxWorkers = 64;

export const usage = `npm start [-- options]       starts the system and keeps it running until Ctrl-C
npm run demo [-- options]    the same, fresh, on nodes that fail 20 % of all calls; creates groups 0..99

  --workers N   worker processes, 1 to ${maxWorkers} (default 1)
  --fresh       discards what .local/ holds of Postgres and Redis first (demo: always)
  --exit        demo only: stops after the job`;

/** `args` without Node and script; undefined when help was asked for. Throws UsageError. */
export function parseOptions([command, ...args]: string[]): Options | undefined {
  if (command === '--help' || command === '-h') return undefined;
  if (command !== 'start' && command !== 'demo') {
    throw new UsageError(`"${command ?? ''}": say start or demo`);
  }
  const values = parse(args);
  if (values.help) return undefined;
  const workers = Number(values.workers);
  if (!Number.isInteger(workers) || workers < 1 || workers > maxWorkers) {
    throw new UsageError(`--workers ${values.workers}: must be a number from 1 to ${maxWorkers}`);
  }
  if (values.exit && command === 'start') throw new UsageError('--exit is for demo only');
  return { command, workers, fresh: values.fresh || command === 'demo', exit: values.exit };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        workers: { type: 'string', default: '1' },
        fresh: { type: 'boolean', default: false },
        exit: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('. ');
    throw new UsageError(`${reason} (--help shows the options)`);
  }
}
