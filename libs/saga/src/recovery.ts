import type { Entry } from './command.ts';
import type { Cursor, SagaLog } from './log.ts';
import { tellPauses } from './pause.ts';
import type { JobQueue } from './queue.ts';

export interface RecoveryOptions {
  log: SagaLog;
  queue: JobQueue;
  /** Unique among processes. */
  holder: string;
  clock?(): number;
  /** Milliseconds between two passes; also how long a row may be due before anyone asks for its job. */
  intervalMs: number;
}

export interface RecoveryPass {
  /** False: another process does it. */
  held: boolean;
  /** The queue had lost its marker: everything was published again. */
  rebuilt: boolean;
  /** Jobs added. */
  added: number;
}

/** Rows looked at in one statement and one call to the queue. */
const pageRows = 500;
/** Pages of one pass: a long backlog is overdue without being lost, and is looked through pass by pass. */
const pagesPerPass = 20;

/**
 * Makes the queue hold what the outbox owes. One process at a time does it (a lease): others stand by.
 * Answers a function that makes one pass.
 */
export function createRecovery({
  log,
  queue,
  holder,
  clock = Date.now,
  intervalMs,
}: RecoveryOptions): () => Promise<RecoveryPass> {
  let after: Cursor | undefined;

  return async () => {
    const now = clock();
    if (!(await log.takeLease('recovery', holder, now, now + 3 * intervalMs)))
      return { held: false, rebuilt: false, added: 0 };

    // First of all: what is published next must not run where somebody works on a node.
    await restorePauses();
    const incarnation = await log.incarnation();
    const isWhole = async (): Promise<boolean> => (await queue.readMarker()) === incarnation;
    if (!(await isWhole())) return rebuild(incarnation);

    let added = 0;
    for (let page = 0; page < pagesPerPass; page++) {
      const entries = await log.readEntries({
        dueBefore: now - intervalMs,
        after,
        limit: pageRows,
      });
      const missing = await queue.findMissing(entries);
      if (missing.length > 0) {
        if (!(await isWhole())) return rebuild(incarnation);
        added += await addLost(missing, now);
      }
      after = entries.length < pageRows ? undefined : cursorOf(entries);
      if (!after) break;
    }
    return { held: true, rebuilt: false, added };
  };

  function restorePauses(): Promise<void> {
    return log.transaction(async (tx) => tellPauses(queue, await tx.lockPauses()));
  }

  async function rebuild(incarnation: string): Promise<RecoveryPass> {
    // Once more: it may have lost them after it was told.
    await restorePauses();
    const added = await republishAll();
    // Last, so that a crash on the way starts it over.
    await queue.writeMarker(incarnation);
    return { held: true, rebuilt: true, added };
  }

  /** A job that has ended since its row was read is not lost: its row went with it. */
  async function addLost(missing: Entry[], now: number): Promise<number> {
    const standing = await log.findStanding(missing.map(({ id }) => id));
    const lost = missing.filter(({ id }) => standing.has(id));
    if (lost.length === 0) return 0;
    await queue.withdraw(lost);
    await queue.add(alone(lost), now);
    return lost.length;
  }

  /** What was published since the queue lost everything has its job: a second one would send the same commands once more. */
  async function republishAll(): Promise<number> {
    let added = 0;
    let from: Cursor | undefined;
    for (;;) {
      const entries = await log.readEntries({
        dueBefore: Number.MAX_SAFE_INTEGER / 2 ** 10,
        after: from,
        limit: pageRows,
      });
      const unpublished = await queue.findMissing(entries);
      if (unpublished.length > 0) await queue.add(alone(unpublished), clock());
      added += unpublished.length;
      if (entries.length < pageRows) return added;
      from = cursorOf(entries);
    }
  }
}

/** A job for each: a page may part siblings, and the job that they shared may still be there, ended. */
const alone = (entries: Entry[]): Entry[][] => entries.map((entry) => [entry]);

const cursorOf = (entries: Entry[]): Cursor => {
  const { dueAt, id } = entries.at(-1)!;
  return { dueAt, id };
};
