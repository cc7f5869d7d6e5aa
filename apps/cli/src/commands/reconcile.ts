import type {
  LeftAlone,
  ReconcileRequest,
  ReconcileSummary,
  Repair,
} from '@reliable-ops/contracts';
import { BatchTracker, type Totals } from '../batches.ts';
import type { Command, Context } from '../context.ts';
import { startCounting } from '../counting.ts';
import { exitCodes, UnreachableError, UsageError } from '../errors.ts';
import { bySettled, formatTotals, startProgress } from '../progress.ts';
import { withoutType } from '@reliable-ops/client';
import { formatCount, plural, printable } from '../text.ts';

export const reconcileCommand: Command = {
  usage: 'reconcile',
  summary: 'Repair what verify finds on the nodes: show the plan, or do it',
  options: [
    ['--dry-run', 'Only show the plan (the default)'],
    ['--apply', 'Carry it out as sagas, wait for them, and tell how it went'],
    ['--prefer <state>', 'present or absent: where the log says nothing and the nodes are tied'],
  ],
  details: [
    'What the log says is done; where it says nothing, what most nodes have. A key with a saga in flight is ' +
      'never touched, also when that saga comes after the plan. Findings in the log itself are left to you.',
    'Exit 0: nothing to do, or all done; 1: something is planned, left to you, or was not completed; 3: not reachable.',
    '--json: the plan and what came of it, as one document.',
  ],
  examples: ['rops reconcile', 'rops reconcile --apply', 'rops reconcile --apply --prefer absent'],
  run: (context) => reconcile(context, parseOptions(context.options)),
};

function parseOptions({ apply, dryRun, prefer }: Context['options']): ReconcileRequest {
  if (apply && dryRun) throw new UsageError('--apply and --dry-run exclude each other');
  if (prefer === undefined) return { apply };
  if (prefer === 'present' || prefer === 'absent') return { apply, prefer };
  throw new UsageError(`--prefer ${prefer} is neither present nor absent`);
}

interface Told {
  planned: Repair[];
  left: LeftAlone[];
  skipped: LeftAlone[];
}

async function reconcile(context: Context, request: ReconcileRequest): Promise<number> {
  const { json } = context.options;
  const client = context.connect('patient');
  const tracker = new BatchTracker(client);
  const counting = startCounting(context.io, 'looking');
  const told: Told = { planned: [], left: [], skipped: [] };
  let summary: ReconcileSummary | undefined;
  try {
    for await (const line of client.reconcile(request)) {
      if (line.type === 'progress') counting.update(line);
      else counting.clear();
      if (line.type === 'summary') summary = withoutType(line);
      if (line.type === 'accepted') tracker.add({ batchId: line.batchId, accepted: line.sagas });
      if (line.type !== 'planned' && line.type !== 'left' && line.type !== 'skipped') continue;
      const { type, ...what } = line;
      if (json) (told[type] as object[]).push(what);
      else context.print(describeLine(line));
    }
    if (!summary) throw new UnreachableError('the orchestrator ended before it was through');
    tracker.close();
    const totals = await settle(context, tracker);
    if (json) context.printDocument({ ...summary, ...told, batches: tracker.ids, totals });
    else printSummary(context, summary, totals);
    return exitCodeOf(summary, totals);
  } catch (error) {
    const { ids, totals } = tracker;
    if (ids.length > 0)
      context.note(
        `${plural(totals.total, 'repair')} accepted, which go on: rops wait ${ids.join(' ')}`,
      );
    throw error;
  } finally {
    counting.clear();
  }
}

async function settle({ io }: Context, tracker: BatchTracker): Promise<Totals> {
  const expected = tracker.totals.total;
  if (expected === 0) return tracker.totals;
  const progress = startProgress(io, { heading: 'repairing', expected, measure: bySettled });
  try {
    return await tracker.settle(io.signal, (totals) => progress.update(totals));
  } finally {
    progress.stop();
  }
}

function describeLine(
  line: ({ type: 'planned' } & Repair) | ({ type: 'left' | 'skipped' } & LeftAlone),
): string {
  const key = printable(line.key);
  if (line.type !== 'planned') return `${line.type.padEnd(7)}  ${key}  ${printable(line.reason)}`;
  const { change, nodes, because } = line;
  return `${change.padEnd(7)}  ${key}  on ${nodes.map(printable).join(', ')}: ${printable(because)}`;
}

function printSummary(context: Context, summary: ReconcileSummary, totals: Totals): void {
  const { applied, planned, left, skipped, inFlight, unreachable } = summary;
  const { print, note, colors } = context;
  for (const { node, reason } of unreachable)
    note(`${printable(node)} is not reachable: ${printable(reason)}`);
  const rest = [
    ...(left > 0 ? [`${formatCount(left)} left to you`] : []),
    ...(skipped > 0 ? [`${formatCount(skipped)} skipped`] : []),
    ...(inFlight > 0 ? [`${formatCount(inFlight)} in flight, not looked at`] : []),
  ].map((part) => `, ${part}`);
  const done = applied && planned > 0 ? `: ${formatTotals(totals)}` : '';
  const text = `${plural(planned, 'repair')}${done}${rest.join('')}`;
  print(exitCodeOf(summary, totals) === exitCodes.done ? colors.green(text) : colors.yellow(text));
  if (!applied && planned > 0) note('nothing was changed: rops reconcile --apply does it');
}

function exitCodeOf(summary: ReconcileSummary, { completed }: Totals): number {
  const { applied, planned, left, unreachable } = summary;
  if (unreachable.length > 0) return exitCodes.notReachable;
  const isDone = left === 0 && planned === (applied ? completed : 0);
  return isDone ? exitCodes.done : exitCodes.notDone;
}
