import type { Totals } from './batches.ts';
import { countSettled } from './batches.ts';
import type { Client } from '@reliable-ops/client';
import type { Context } from './context.ts';
import { exitCodeOf } from './errors.ts';
import { formatCount, plural, printable } from './text.ts';

/** Sagas of either kind that are looked at: one call each, so with more the count is "at least". */
const sagasLookedAt = 100;
/** A queued saga is as a rule on its way; only one that still is after so many rounds is asked about. */
const roundsQuiet = 5;

interface LaneNotice {
  /** Throws a bug of ours that an earlier look has met: nobody awaits it. */
  look(totals: Totals): void;
  /** Nothing is said from now on: the result is. */
  stop(): void;
}

/**
 * Watches totals for sagas that only wait behind a stuck one of their key: neither ended nor stuck, they
 * would be waited for without a word. Says so once each time they stand still, with the command to look.
 */
export function startLaneNotice(
  client: Client,
  say: Context['note'],
  batchIds: () => readonly string[],
): LaneNotice {
  let rounds = 0;
  let last = '';
  let isStopped = false;
  let bug: { error: unknown } | undefined;
  const tell = async (): Promise<void> => {
    try {
      const line = await describeBlocked(client, new Set(batchIds()));
      if (line !== undefined && !isStopped) say(line);
    } catch (error) {
      // A notice only: of what a person can act on, the wait itself says more.
      if (exitCodeOf(error) === undefined && !isStopped) bug = { error };
    }
  };
  return {
    look(totals) {
      if (bug !== undefined) throw bug.error;
      const state = JSON.stringify(totals);
      const isStill = state === last;
      last = state;
      const open = totals.total - countSettled(totals);
      rounds = isStill && open > 0 && open === totals.queued ? rounds + 1 : 0;
      if (rounds === roundsQuiet) void tell();
    },
    stop() {
      isStopped = true;
    },
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
