import { limits, sagaStatus, sagaStatuses, type SagaSummary } from '@reliable-ops/contracts';
import type { Client } from '@reliable-ops/client';
import type { Command, Context } from '../context.ts';
import { exitCodes, UsageError } from '../errors.ts';
import { describeStatus } from '../single.ts';
import { formatSeconds, plural, printable } from '../text.ts';

const defaultLimit = 20;
/** All rows stand in memory for one table. */
const largestLimit = 100_000;

export const listCommand: Command = {
  usage: 'list',
  summary: 'Sagas, the newest first',
  options: [
    ['--status <status>', `Only these: ${sagaStatuses.join(', ')}`],
    ['--stuck', 'Only those that cannot be taken back yet, and why, causes grouped'],
    ['--key <key>', 'Only those of this key, as the list shows it'],
    ['--limit <count>', `How many at most, 1 to ${largestLimit} (default: ${defaultLimit})`],
  ],
  details: [
    'A row is cut to the width of the terminal; in a pipe, and with --json, all of it is there.',
    '--json: an array of sagas; with --stuck {"stuck","causes","sagas"}.',
  ],
  examples: [
    'rops list',
    'rops list --stuck',
    'rops list --status compensating',
    'rops list --key group:007 --limit 5',
  ],
  async run(context) {
    const { status, limit, key, stuck } = context.options;
    const query = {
      status: parseStatus(status),
      key,
      ...(stuck ? { stuck: 'true' as const } : {}),
    };
    const sagas = await readSagas(context, query, parseLimit(limit));
    if (stuck) return printStuck(context, sagas);
    if (context.options.json) context.printDocument(sagas);
    else if (sagas.length > 0) printSagas(context, sagas);
    else
      context.note(
        key === undefined || key.includes(':') ? 'none' : `none (group 5 has the key group:5)`,
      );
    return exitCodes.done;
  },
};

/** Why first: 10,000 sagas that fail alike are one thing to mend. */
async function printStuck(context: Context, sagas: SagaSummary[]): Promise<number> {
  const { sagas: stuck, causes } = await context.connect('once').readStuck();
  if (context.options.json) context.printDocument({ stuck, causes, sagas });
  else if (stuck === 0 && sagas.length === 0) context.note('none');
  else {
    for (const cause of causes)
      context.print(
        `${plural(cause.sagas, 'saga')}: ${printable(cause.participant)} ${printable(cause.error)}`,
      );
    context.print('');
    if (sagas.length > 0) printSagas(context, sagas);
  }
  return exitCodes.done;
}

function parseStatus(text: string | undefined): SagaSummary['status'] | undefined {
  const parsed = sagaStatus.optional().safeParse(text);
  if (parsed.success) return parsed.data;
  throw new UsageError(`--status ${text} is none of ${sagaStatuses.join(', ')}`);
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return defaultLimit;
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= largestLimit) return limit;
  throw new UsageError(`--limit ${text} is no whole number from 1 to ${largestLimit}`);
}

async function readSagas(
  context: Context,
  query: Pick<Parameters<Client['listSagas']>[0], 'status' | 'key' | 'stuck'>,
  limit: number,
): Promise<SagaSummary[]> {
  const client = context.connect('once');
  const sagas: SagaSummary[] = [];
  let cursor: string | undefined;
  while (sagas.length < limit) {
    const rows = Math.min(limit - sagas.length, limits.pageSagas);
    const page = await client.listSagas({ ...query, limit: rows, cursor });
    sagas.push(...page.sagas.slice(0, rows));
    // An empty page that still has a cursor would keep us here for ever.
    if (page.cursor === null || page.sagas.length === 0) break;
    cursor = page.cursor;
  }
  return sagas;
}

function printSagas({ printTable, colors }: Context, sagas: SagaSummary[]): void {
  const rows = sagas.map((saga) => [
    printable(saga.acceptedAt),
    printable(saga.id),
    printable(saga.saga),
    printable(saga.key),
    colorStatus(saga, colors),
    saga.endedAt === null
      ? ''
      : formatSeconds(Date.parse(saga.endedAt) - Date.parse(saga.acceptedAt)),
    printable(saga.error ?? ''),
  ]);
  printTable(['accepted', 'id', 'saga', 'key', 'status', 'took', 'error'], rows);
}

function colorStatus(saga: SagaSummary, colors: Context['colors']): string {
  const words = describeStatus(saga);
  if (saga.stuck) return colors.red(words);
  if (saga.status === 'completed') return colors.green(words);
  return saga.endedAt === null ? words : colors.yellow(words);
}
