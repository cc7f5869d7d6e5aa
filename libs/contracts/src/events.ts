import { z } from 'zod';
import { sagaStatuses, sagaSummary } from './saga.ts';

/**
 * Server-sent events: what changes from now on. Nothing is repeated to a client that comes back: it connects first, and
 * then reads the state again. A line that begins with a colon comes where nothing else is to say.
 */
export const eventNames = {
  /** GET /v1/sagas/:id/events: its view, now and after each change. After the end of the saga the stream ends. */
  saga: 'saga',
  /** GET /v1/events */
  changes: 'changes',
} as const;

/**
 * `id` of a saga's last event. An EventSource that connects again sends it as `Last-Event-ID`, is answered 204, and gives up:
 * nothing more will change.
 */
export const endedEventId = 'ended';

/** A saga as GET /v1/events tells of it: its summary, without the input, which may be long. */
export const changedSaga = sagaSummary.omit({ input: true });
export type ChangedSaga = z.infer<typeof changedSaga>;

/** Sagas by status. */
const statusCounts = z.record(z.enum(sagaStatuses), z.int());

/** Sagas that have not ended. */
export const activeCounts = z.object({
  queued: z.int(),
  running: z.int(),
  compensating: z.int(),
  stuck: z.int(),
});

/** The first one comes at once: it says that the stream stands, and holds no saga. Then one at most each 250 ms. */
export const changesEvent = z.object({
  at: z.string(),
  /** Null: Postgres does not answer. */
  active: activeCounts.nullable(),
  /** Sagas that have changed since the event before, whatever the filter, by the status that they were heard to have then. */
  changed: statusCounts,
  /** Each once, as it is in the log; at most `limits.eventSagas`, those that did not complete first. */
  sagas: z.array(changedSaga),
  /** Changed sagas that did not fit in, and may fit the filter: GET /v1/sagas shows them. */
  left: z.int(),
});
export type ChangesEvent = z.infer<typeof changesEvent>;
