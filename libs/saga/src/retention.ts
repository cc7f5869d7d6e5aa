import { setTimeout as sleep } from 'node:timers/promises';

/** What retention asks of the saga log. Each is one short statement, by itself a transaction. */
export interface RetentionLog {
  /**
   * Looks at the `limit` oldest sagas after `after` and removes those that ended before `endedBefore`, apart from any
   * that has an older saga of its key before it that stays: the sagas of a key leave in the order of their ids, so what
   * the log still has of a key always includes its newest.
   */
  removeSagas(page: {
    endedBefore: number;
    after: number;
    limit: number;
  }): Promise<Removed<number>>;
  /** Looks at `limit` Idempotency-Keys after `after`; removes those claimed before `acceptedBefore` whose sagas have all left. */
  removeRequests(page: {
    acceptedBefore: number;
    after: string | undefined;
    limit: number;
  }): Promise<Removed<string>>;
}

export interface Removed<Cursor> {
  removed: number;
  /** Where the next page begins; undefined: nothing old enough lies beyond. */
  next: Cursor | undefined;
}

export interface RetentionOptions {
  log: RetentionLog;
  /** What ended before leaves; milliseconds since 1970. */
  endedBefore: number;
  /** Ends it between two pages. */
  signal: AbortSignal;
  /** Called before each page; false: somebody else does it, so this one ends. */
  mayGoOn(): Promise<boolean>;
}

/** Rows looked at in one statement: some 50 ms of one connection. */
const pageRows = 2_000;
/** A pause lasts this many times as long as the statement before it: retention has a tenth of one connection at most. */
const pausePerWork = 9;

/**
 * Removes sagas that ended before `endedBefore`, and the Idempotency-Keys of which nothing is left, page by page with
 * pauses in between. It locks ended sagas only, which nobody else writes, so no saga under way ever waits for it.
 *
 * P3: a key is remembered until the last saga of its batch has left, so at least as long after its end as sagas are
 * kept. Sagas go first: whether any is left of a batch is then a look at one index entry.
 */
export async function removeEnded({
  log,
  endedBefore,
  signal,
  mayGoOn,
}: RetentionOptions): Promise<{ sagas: number; requests: number }> {
  const removeAll = async <Cursor>(
    start: Cursor,
    removePage: (after: Cursor) => Promise<Removed<Cursor>>,
  ): Promise<number> => {
    let all = 0;
    let after: Cursor | undefined = start;
    while (!signal.aborted && (await mayGoOn())) {
      const since = performance.now();
      const { removed, next } = await removePage(after!);
      all += removed;
      if (next === undefined) break;
      after = next;
      await sleepUnlessAborted((performance.now() - since) * pausePerWork, signal);
    }
    return all;
  };

  const limit = pageRows;
  const sagas = await removeAll(0, (after) => log.removeSagas({ endedBefore, after, limit }));
  const requests = await removeAll<string | undefined>(undefined, (after) =>
    log.removeRequests({ acceptedBefore: endedBefore, after, limit }),
  );
  return { sagas, requests };
}

const sleepUnlessAborted = (delayMs: number, signal: AbortSignal): Promise<void> =>
  sleep(delayMs, undefined, { signal }).catch(() => {});
