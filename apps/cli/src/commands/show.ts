import type { SagaView } from '@reliable-ops/contracts';
import type { Command, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { describeAttempt, describeStatus, listAttempts } from '../single.ts';
import { formatSeconds, printable } from '../text.ts';

export const showCommand: Command = {
  usage: 'show <saga>',
  summary: 'The timeline of one saga',
  details: [
    'The log keeps the last 20 attempts of each step. Exit 0: shown, however it ended; 1: there is no such saga.',
  ],
  examples: ['rops show 12', 'rops show 12 --json'],
  async run(context, [id = '']) {
    const view = await context.connect('once').readSaga(id);
    if (context.options.json) context.printDocument(view);
    else printTimeline(context, view);
    return exitCodes.done;
  },
};

function printTimeline({ print, printTable, colors }: Context, view: SagaView): void {
  const since = Date.parse(view.acceptedAt);
  const after = (time: string): string => `+${formatSeconds(Date.parse(time) - since)}`;
  const facts = [
    ['saga', `${printable(view.saga)} v${view.version}, ${printable(view.id)}`],
    ['key', printable(view.key)],
    ['status', colors.bold(describeStatus(view))],
    ['accepted', printable(view.acceptedAt)],
    ['started', view.startedAt === null ? 'not yet' : after(view.startedAt)],
    ['ended', view.endedAt === null ? 'not yet' : after(view.endedAt)],
    ...(view.batchId === null ? [] : [['batch', printable(view.batchId)]]),
    ...(view.error === null ? [] : [['error', colors.red(printable(view.error))]]),
    ...view.steps.map(({ participant, state, lastError }) => [
      printable(participant),
      `${state}${lastError === null ? '' : colors.dim(`, last error: ${printable(lastError)}`)}`,
    ]),
  ];
  for (const { at, verb, by, note } of view.history)
    facts.push([
      verb,
      `${printable(at)} by ${printable(by)}${note === null ? '' : `: ${printable(note)}`}`,
    ]);
  for (const [name = '', value = ''] of facts) print(`${colors.dim(name.padEnd(9))} ${value}`);
  const rows = listAttempts(view).map(({ step, attempt }) => [
    after(attempt.startedAt),
    after(attempt.endedAt),
    ...describeAttempt(step, attempt, colors),
  ]);
  const head = ['from', 'to', 'node', 'phase', 'attempt', 'result', 'detail'];
  print('');
  if (rows.length === 0) print('no attempt yet');
  else printTable(head, rows);
}
