import type { StatusView } from '@reliable-ops/contracts';
import type { Command, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { formatCount, printable } from '../text.ts';

export const statusCommand: Command = {
  usage: 'status',
  summary: 'What the orchestrator can reach: versions, migrations, queues, outbox, paused nodes',
  details: ['Exit 0: everything behind the orchestrator can be reached; 1: something cannot.'],
  examples: ['rops status', 'rops status --json'],
  async run(context) {
    const status = await context.connect('once').readStatus();
    if (context.options.json) context.printDocument(status);
    else printStatus(context, status);
    return Object.values(status).includes(null) ? exitCodes.notDone : exitCodes.done;
  },
};

function printStatus({ print, printTable, colors }: Context, status: StatusView): void {
  const { version, postgres, redis, outbox, sagas, queues, paused } = status;
  const away = colors.red('not reachable');
  const migrations = postgres && `${postgres.migrations.applied} of ${postgres.migrations.known}`;
  const facts = [
    ['orchestrator', printable(version)],
    ['postgres', postgres ? `${printable(postgres.version)}, ${migrations} migrations` : away],
    ['redis', redis ? printable(redis.version) : away],
    ['outbox', outbox ? describeOutbox(outbox) : away],
    ['sagas', sagas ? describeSagas(sagas) : away],
    ...(paused === null || paused.length === 0
      ? []
      : [['paused', colors.yellow(paused.map(printable).join(', '))]]),
  ];
  for (const [name = '', value = ''] of facts) print(`${colors.dim(name.padEnd(12))} ${value}`);
  if (queues === null) return print(`${colors.dim('queues'.padEnd(12))} ${away}`);
  const rows = Object.entries(queues).map(([name, { waiting, active, delayed }]) => [
    printable(name),
    ...[waiting, active, delayed].map(formatCount),
  ]);
  print('');
  printTable(['queue', 'waiting', 'active', 'delayed'], rows);
}

const describeOutbox = ({
  rows,
  oldestOverdueSeconds,
}: NonNullable<StatusView['outbox']>): string =>
  `${formatCount(rows)} rows, the oldest overdue for ${oldestOverdueSeconds.toFixed(1)} s`;

export const describeSagas = (sagas: NonNullable<StatusView['sagas']>): string =>
  (['queued', 'running', 'compensating', 'stuck'] as const)
    .map((name) => `${formatCount(sagas[name])} ${name}`)
    .join(', ');
