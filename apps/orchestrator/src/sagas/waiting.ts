import { hasEnded } from '@reliable-ops/contracts';
import type { Saga, SagaLog } from '@reliable-ops/saga';
import type { Client } from '../hanging-up.ts';
import { problemErrorOf } from '../problem.ts';
import { postgresPatienceMs, within } from '../within.ts';

/** Milliseconds between two looks at all that are waited for: hints may be missing. */
const lookEveryMs = 250;
/** Requests that may wait at once; more are answered at once, as if they had not asked to wait. */
const mostWaiting = 10_000;

/** Requests that wait for the end of a saga. All of them share one look into the log. */
export interface EndWatch {
  /**
   * The saga as it ended; undefined where it has not after `limitMs`, when the client hangs up, and when the watch closes.
   */
  untilEnded(sagaId: number, limitMs: number, client: Client): Promise<Saga | undefined>;
  /** A hint that these have ended, which may be wrong or missing: Postgres is asked at once. */
  hint(sagaIds: readonly number[]): void;
  /** Whether anybody waits: without, hints need not be read. */
  isAwaited(): boolean;
  close(): void;
}

interface Waiter {
  end(saga?: Saga): void;
  fail(error: unknown): void;
}

const nobodySleeps = (): void => {};

export function createEndWatch(log: Pick<SagaLog, 'endedOf' | 'getSagas'>): EndWatch {
  const waiting = new Map<number, Set<Waiter>>();
  const hinted = new Set<number>();
  let count = 0;
  let isLooking = false;
  let isClosed = false;
  let wake = nobodySleeps;
  let lookAtAllAt = 0;

  const waiters = (): Waiter[] => [...waiting.values()].flatMap((some) => [...some]);

  /** Hinted sagas are read: most have ended. Of all others is first asked which have. */
  const findEnded = async (): Promise<Saga[]> => {
    let ids = [...hinted].filter((id) => waiting.has(id));
    hinted.clear();
    if (performance.now() >= lookAtAllAt) {
      lookAtAllAt = performance.now() + lookEveryMs;
      ids = await log.endedOf([...waiting.keys()]);
    }
    return ids.length === 0 ? [] : log.getSagas(ids);
  };
  const look = async (): Promise<void> => {
    try {
      for (const saga of await within(postgresPatienceMs, findEnded()))
        if (hasEnded(saga.status))
          for (const waiter of waiting.get(saga.id) ?? []) waiter.end(saga);
    } catch (error) {
      // The next look may find it back; whoever waits does so to his own limit.
      if (problemErrorOf(error).status !== 503) for (const waiter of waiters()) waiter.fail(error);
    }
  };
  const lookWhileAwaited = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    lookAtAllAt = performance.now() + lookEveryMs;
    while (waiting.size > 0) {
      if (hinted.size === 0) await sleep(lookAtAllAt - performance.now());
      if (waiting.size > 0) await look();
    }
    isLooking = false;
  };
  /** Until that long has passed, or something wakes it. */
  const sleep = (limitMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  return {
    untilEnded(sagaId, limitMs, client) {
      if (isClosed || client.hasHungUp() || count >= mostWaiting) return Promise.resolve(undefined);
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          clearTimeout(timer);
          stayOn();
          const others = waiting.get(sagaId);
          others?.delete(waiter);
          if (others?.size === 0) waiting.delete(sagaId);
          count--;
          if (waiting.size === 0) wake();
        };
        const waiter: Waiter = {
          end(saga) {
            leave();
            resolve(saga);
          },
          fail(error) {
            leave();
            reject(error as Error);
          },
        };
        const stop = (): void => waiter.end();
        const timer = setTimeout(stop, limitMs);
        const stayOn = client.onHangUp(stop);
        const others = waiting.get(sagaId);
        if (others) others.add(waiter);
        else waiting.set(sagaId, new Set([waiter]));
        count++;
        void lookWhileAwaited();
      });
    },
    hint(sagaIds) {
      for (const id of sagaIds) if (waiting.has(id)) hinted.add(id);
      if (hinted.size > 0) wake();
    },
    isAwaited: () => waiting.size > 0,
    close() {
      isClosed = true;
      for (const waiter of waiters()) waiter.end();
    },
  };
}
