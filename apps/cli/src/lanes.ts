import type { Totals } from './batches.ts';
import { countSettled } from './batches.ts';
import type { Client } from './client.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { formatCount, plural, printable } from './text.ts';

/** Sagas of either kind that are looked at: one call each, so with more the count is "at least". */
const sagasLookedAt = 100;
/** A queued saga is as a rule on its way; only one that still is after so many rounds is asked about. */
const roundsQuiet = 5;

/**
 * Watches `totals` for sagas that only wait behind a stuck one of their key: neither ended nor stuck, they
 * would be waited for without a word. Says so once, with the command to look.
 */
export function startLaneNotice(
  client: Client,
  say: Context['note'],
  batchIds: () => readonly string[],
): (totals: Totals) => void {
  let rounds = 0;
  let last = '';
  return (totals) => {
    const state = JSON.stringify(totals);
    const isStill = state === last;
    last = state;
    const open = totals.total - countSettled(totals);
    rounds = isStill && open > 0 && open === totals.queued ? rounds + 1 : 0;
    if (rounds !== roundsQuiet) return;
    void describeBlocked(client, new Set(batchIds()))
      .then((line) => line !== undefined && say(line))
      // A notice only: the wait itself says what is wrong.
      .catch((error: unknown) => {
        if (!(error instanceof CliError)) throw error;
      });
  };
}

async function describeBlocked(
  client: Client,
  batchIds: ReadonlySet<string>,
): Promise<string | undefined> {
  const [stuck, queued] = await Promise.all([
    client.listSagas({ stuck: 'true', limit: sagasLookedAt }),
    client.listSagas({ status: 'queued', limit: sagasLookedAt }),
  ]);
  const stuckKeys = new Set(stuck.sagas.map(({ key }) => key));
  const blocked = queued.sagas.filter(
    ({ key, batchId }) => stuckKeys.has(key) && batchId !== null && batchIds.has(batchId),
  );
  const [first] = blocked;
  if (first === undefined) return undefined;
  const isAll = stuck.cursor === null && queued.cursor === null;
  const count = isAll ? '' : 'at least ';
  const verb = blocked.length === 1 ? 'waits' : 'wait';
  return `${count}${plural(blocked.length, 'saga')} ${verb} behind a stuck saga of the same key (${printable(first.key)}${
    blocked.length > 1 ? ` and ${formatCount(blocked.length - 1)} more` : ''
  }): rops list --stuck; rops retry --all-stuck, or Ctrl-C and come back`;
}
