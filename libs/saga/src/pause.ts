import { extendDeadline } from './advance.ts';
import { changeSagas, lockSagas } from './commit.ts';
import type { EngineParts } from './engine.ts';
import type { Pause } from './log.ts';
import type { Operator } from './operate.ts';
import type { JobQueue } from './queue.ts';

/** Outbox rows whose sagas get more time in one transaction: some thousand sagas at most. */
const pageRows = 8;
/** Milliseconds that the queue may take to be told; whoever tells it holds a lock meanwhile. */
const tellLimitMs = 3_000;

/** `isTold` false: the queue is away. It is told by recovery, as soon as it is back. */
export interface PauseAnswer {
  /** The pause in force; after a resume, the one that has ended. Null: there was none to end. */
  pause: Pause | null;
  isTold: boolean;
}

/** No attempt is begun on the participant until it is resumed. Paused twice, the first pause stays. */
export async function pauseParticipant(
  { log, clock }: EngineParts,
  queue: JobQueue,
  participant: string,
  operator: Operator,
): Promise<PauseAnswer> {
  return log.transaction(async (tx) => {
    const pauses = await tx.lockPauses();
    const standing = pauses.find((pause) => pause.participant === participant);
    const pause = standing ?? { participant, ...operator, pausedAt: clock() };
    if (!standing) await tx.writePause(pause);
    return {
      pause,
      isTold: await isTold(tellPauses(queue, standing ? pauses : [...pauses, pause])),
    };
  });
}

/**
 * The participant is asked again. Its pause ends last: running sagas that wait for it get the time back first, page by
 * page, so that a resume that dies halfway can be made again.
 */
export async function resumeParticipant(
  parts: EngineParts,
  queue: JobQueue,
  participant: string,
): Promise<PauseAnswer> {
  const { log } = parts;
  const standing = (await log.readPauses()).find((pause) => pause.participant === participant);
  if (standing) await giveTimeBack(parts, standing);
  return log.transaction(async (tx) => {
    const pauses = await tx.lockPauses();
    if (standing) await tx.deletePause(participant);
    const others = pauses.filter((pause) => pause.participant !== participant);
    return {
      pause: standing ?? null,
      isTold: await isTold(tellPauses(queue, standing ? others : pauses)),
    };
  });
}

async function giveTimeBack(parts: EngineParts, { participant, pausedAt }: Pause): Promise<void> {
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof parts.log.readOwed>> = await parts.log.readOwed({
      participant,
      after,
      limit: pageRows,
    });
    const keys = [...new Set(page.sagas.map(({ key }) => key))];
    const ids = page.sagas.map(({ id }) => id);
    if (ids.length > 0)
      await parts.log.transaction(async (tx) => {
        const now = parts.clock();
        const locked = await lockSagas(tx, keys, ids);
        const { changes } = changeSagas(parts, locked, now, ({ state: before, members }) => {
          const state = extendDeadline(before, pausedAt, now);
          return state === before ? [] : [{ state, members, orders: [] }];
        });
        tx.write(changes);
      });
    after = page.last;
  } while (after !== null);
}

/** Makes the queue's pauses those of the log. With them locked. Throws where the queue is away, or does not answer in time. */
export async function tellPauses(queue: JobQueue, pauses: Pause[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the queue does not answer')), tellLimitMs);
  });
  try {
    await Promise.race([queue.pauseOnly(pauses.map(({ participant }) => participant)), late]);
  } finally {
    clearTimeout(timer);
  }
}

const isTold = (telling: Promise<void>): Promise<boolean> =>
  telling.then(
    () => true,
    () => false,
  );
