import type { BatchAccepted } from '@reliable-ops/contracts';
import { BatchTracker, type Totals } from './batches.ts';
import { sendChunks } from './chunks.ts';
import type { Context } from './context.ts';
import { exitCodes } from './errors.ts';
import { parseIds } from './ids.ts';
import { startLaneNotice } from './lanes.ts';
import { byAccepted, bySettled, formatTotals, startProgress } from './progress.ts';
import { formatCount, formatSeconds, plural } from './text.ts';

/** Batches that a line names; more would bury it. */
const batchesNamed = 50;

/** `rops create` and `rops delete`: one saga per id, sent in chunks, waited for unless --no-wait. */
export async function runBulk(
  context: Context,
  { saga, heading, args }: { saga: string; heading: string; args: readonly string[] },
): Promise<number> {
  const ids = parseIds(args);
  const client = context.connect('patient', (reason) => progress.wait(reason));
  const tracker = new BatchTracker(client);
  const startedAt = Date.now();
  const stop = new AbortController();
  const signal = AbortSignal.any([context.io.signal, stop.signal]);
  const { wait } = context.options;
  const measure = wait ? bySettled : byAccepted;
  const progress = startProgress(context.io, { heading, expected: ids.count, measure });
  const notice = startLaneNotice(client, progress.say, () => tracker.ids);
  const onAccepted = (batch: BatchAccepted): void => {
    tracker.add(batch);
    progress.update(tracker.totals);
  };
  try {
    const sending = sendChunks(client, saga, ids, { onAccepted, signal });
    const sent = sending.then(() => tracker.close());
    if (!wait) {
      await sent;
      progress.stop();
      return printAccepted(context, tracker);
    }
    const settling = tracker.settle(signal, (totals) => {
      progress.update(totals);
      notice.look(totals);
    });
    settling.catch(() => {}); // its error is the second one, when sending has failed
    await Promise.all([sent, settling]);
    notice.stop();
    progress.stop();
    return printTotals(context, await settling, Date.now() - startedAt);
  } catch (error) {
    notice.stop();
    progress.stop();
    noteAccepted(context, tracker, ids.count);
    throw error;
  } finally {
    stop.abort();
  }
}

/** `rops wait`: the waiting half of the above. */
export async function waitForBatches(
  context: Context,
  batchIds: readonly string[],
): Promise<number> {
  const client = context.connect('patient');
  const tracker = new BatchTracker(client);
  const startedAt = Date.now();
  const known = new Set(batchIds);
  for (const batchId of known) {
    tracker.add({ batchId, accepted: (await client.readBatch(batchId)).total });
  }
  tracker.close();
  const progress = startProgress(context.io, {
    heading: 'waiting',
    expected: tracker.totals.total,
    measure: bySettled,
  });
  const notice = startLaneNotice(client, progress.say, () => tracker.ids);
  try {
    const totals = await tracker.settle(context.io.signal, (now) => {
      progress.update(now);
      notice.look(now);
    });
    notice.stop();
    progress.stop();
    return printTotals(context, totals, Date.now() - startedAt);
  } catch (error) {
    notice.stop();
    progress.stop();
    noteAccepted(context, tracker, tracker.totals.total);
    throw error;
  }
}

function printAccepted({ options, print, printDocument }: Context, tracker: BatchTracker): number {
  const { total } = tracker.totals;
  if (options.json) printDocument({ batches: tracker.ids, accepted: total });
  else {
    print(`${plural(total, 'saga')} accepted`);
    for (const id of tracker.ids) print(`rops wait ${id}`);
  }
  return exitCodes.done;
}

function printTotals(context: Context, totals: Totals, durationMs: number): number {
  const { total, completed, compensated, cancelled, stuck } = totals;
  const isDone = completed === total;
  if (context.options.json) {
    const seconds = Math.round(durationMs) / 1_000;
    context.printDocument({ total, completed, compensated, cancelled, stuck, seconds });
  } else {
    const { green, yellow } = context.colors;
    const counts = formatTotals(totals);
    context.print(`${isDone ? green(counts) : yellow(counts)} in ${formatSeconds(durationMs)}`);
  }
  if (stuck > 0) {
    context.note(
      `${plural(stuck, 'saga')} cannot be taken back yet and keeps trying: rops list --stuck`,
    );
  }
  return isDone ? exitCodes.done : exitCodes.notDone;
}

/** What is accepted goes on without us: say how to come back to it. */
function noteAccepted(context: Context, tracker: BatchTracker, expected: number): void {
  const { ids, totals } = tracker;
  if (ids.length === 0) return;
  const named = ids.slice(0, batchesNamed).join(' ');
  const more = ids.length > batchesNamed ? ` (and ${ids.length - batchesNamed} more batches)` : '';
  const unsent = expected - totals.total;
  // A chunk on its way when the signal came may have been taken without our hearing of it.
  const rest = unsent > 0 ? `${formatCount(unsent)} not sent or not confirmed; ` : '';
  context.note(
    `${totals.total} of ${expected} are accepted and go on; ${rest}to come back: rops wait ${named}${more}`,
  );
}
