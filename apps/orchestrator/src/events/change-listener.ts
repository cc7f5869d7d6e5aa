import {
  limits,
  type ChangedSaga,
  type ChangesEvent,
  type SagaStatus,
} from '@reliable-ops/contracts';
import { createAlarm } from './alarm.ts';
import { interestOf } from './change-set.ts';

/** What somebody wants to hear of; left out: all of it. */
export interface ChangeFilter {
  status?: SagaStatus | undefined;
  saga?: string | undefined;
  key?: string | undefined;
}

export const fits = ({ status, saga, key }: ChangeFilter, changed: ChangedSaga): boolean =>
  (status === undefined || changed.status === status) &&
  (saga === undefined || changed.saga === saga) &&
  (key === undefined || changed.key === key);

/** One who listens. While he is slow, events become one: of each saga its last state, and no more sagas than an event holds. */
export interface ChangeListener {
  filter: ChangeFilter;
  offer(event: ChangesEvent): void;
  /** `next` throws it. */
  fail(error: unknown): void;
  /** Undefined once `signal` is aborted. */
  next(signal: AbortSignal): Promise<ChangesEvent | undefined>;
}

export function createChangeListener(filter: ChangeFilter): ChangeListener {
  const alarm = createAlarm();
  let waiting: ChangesEvent | undefined;
  let failure: { error: unknown } | undefined;
  const hasNothing = (): boolean => !waiting && !failure;
  return {
    filter,
    offer(event) {
      waiting = waiting ? mergeEvents(waiting, event) : event;
      alarm.ring();
    },
    fail(error) {
      failure = { error };
      alarm.ring();
    },
    async next(signal) {
      signal.addEventListener('abort', alarm.ring);
      while (hasNothing() && !signal.aborted) await alarm.sleep(Infinity);
      signal.removeEventListener('abort', alarm.ring);
      if (failure) throw failure.error;
      const event = signal.aborted ? undefined : waiting;
      waiting = undefined;
      return event;
    },
  };
}

function mergeEvents(older: ChangesEvent, newer: ChangesEvent): ChangesEvent {
  const sagas = new Map([...older.sagas, ...newer.sagas].map((saga) => [saga.id, saga]));
  const kept = [...sagas.values()]
    .sort((one, other) => interestOf(one) - interestOf(other))
    .slice(0, limits.eventSagas);
  const changed = { ...newer.changed };
  for (const status of Object.keys(changed) as SagaStatus[])
    changed[status] += older.changed[status];
  return {
    ...newer,
    changed,
    sagas: kept,
    left: older.left + newer.left + sagas.size - kept.length,
  };
}
