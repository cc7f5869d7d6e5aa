import { parseArgs } from 'node:util';
import { StackError } from '../stack-error.ts';

export interface StackOptions {
  command: 'start' | 'demo';
  workers: number;
  /** Discard what `.local/` holds first. */
  fresh: boolean;
  /** demo: stop after the job. */
  exit: boolean;
}

export const usage = `usage: npm start -- [--workers N] [--fresh]
       npm run demo -- [--workers N] [--exit]`;

/** Workers of one stack: each is a process of some 100 MB. */
const mostWorkers = 64;

/** Throws StackError with the usage. */
export function parseOptions([command, ...args]: string[]): StackOptions {
  if (command !== 'start' && command !== 'demo') throw new StackError(usage);
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        workers: { type: 'string', default: '1' },
        fresh: { type: 'boolean', default: false },
        exit: { type: 'boolean', default: false },
      },
    }));
  } catch (cause) {
    throw new StackError(`${cause instanceof Error ? cause.message : String(cause)}\n${usage}`, {
      cause,
    });
  }
  const workers = Number(values.workers);
  if (!/^\d+$/.test(values.workers) || workers < 1 || workers > mostWorkers)
    throw new StackError(
      `--workers takes a number from 1 to ${mostWorkers}, not "${values.workers}"`,
    );
  if (values.exit && command === 'start')
    throw new StackError(`--exit belongs to the demo\n${usage}`);
  return { command, workers, fresh: values.fresh || command === 'demo', exit: values.exit };
}
