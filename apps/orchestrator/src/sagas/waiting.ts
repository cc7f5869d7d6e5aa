import type { SagaLog } from '@reliable-ops/saga';
import { problemErrorOf } from '../problem.ts';
import { postgresPatienceMs, within } from '../within.ts';

/** Milliseconds between two looks into the log while anybody waits and no hint comes. */
const lookEveryMs = 250;
/** Requests that may wait at once; more are answered at once, as if they had not asked to wait. */
const mostWaiting = 10_000;

/** Requests that wait for the end of a saga. All of them share one look into the log. */
export interface EndWatch {
  /** Resolves when the saga has ended, or at the latest after `limitMs`, on `signal`, or when the watch closes. */
  untilEnded(sagaId: number, limitMs: number, signal: AbortSignal): Promise<void>;
  /** A hint that these have ended, which may be wrong or missing: Postgres is asked at once. */
  hint(sagaIds: readonly number[]): void;
  /** Whether anybody waits: without, hints need not be read. */
  isAwaited(): boolean;
  close(): void;
}

const nobodySleeps = (): void => {};

export function createEndWatch(log: Pick<SagaLog, 'endedOf'>): EndWatch {
  const waiting = new Map<number, Set<{ end(error?: unknown): void }>>();
  let count = 0;
  let isLooking = false;
  let isClosed = false;
  let wake = nobodySleeps;

  const endAll = (error?: unknown): void => {
    for (const waiters of waiting.values()) for (const waiter of waiters) waiter.end(error);
  };

  const look = async (): Promise<void> => {
    try {
      const ended = await within(postgresPatienceMs, log.endedOf([...waiting.keys()]));
      for (const id of ended) for (const waiter of waiting.get(id) ?? []) waiter.end();
    } catch (error) {
      // The next look may find it back; whoever waits does so to his own limit.
      if (problemErrorOf(error).status !== 503) endAll(error);
    }
  };
  const lookWhileAwaited = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    while (waiting.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookEveryMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (waiting.size > 0) await look();
    }
    isLooking = false;
  };

  return {
    untilEnded(sagaId, limitMs, signal) {
      if (isClosed || signal.aborted || count >= mostWaiting) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const waiter = {
          end(error?: unknown) {
            clearTimeout(timer);
            signal.removeEventListener('abort', stop);
            const others = waiting.get(sagaId);
            others?.delete(waiter);
            if (others?.size === 0) waiting.delete(sagaId);
            count--;
            if (waiting.size === 0) wake();
            if (error === undefined) resolve();
            else reject(error);
          },
        };
        const stop = (): void => waiter.end();
        const timer = setTimeout(stop, limitMs);
        signal.addEventListener('abort', stop);
        const others = waiting.get(sagaId);
        if (others) others.add(waiter);
        else waiting.set(sagaId, new Set([waiter]));
        count++;
        void lookWhileAwaited();
      });
    },
    hint(sagaIds) {
      if (sagaIds.some((id) => waiting.has(id))) wake();
    },
    isAwaited: () => waiting.size > 0,
    close() {
      isClosed = true;
      endAll();
    },
  };
}
