import { randomUUID } from 'node:crypto';
import type { Cohort, CommandItem, Entry, Saga } from '@reliable-ops/saga';

export const sagaOf = (more: Partial<Saga>): Saga => ({
  id: 0,
  batchId: null,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  name: 'test',
  version: 1,
  key: 'k',
  input: { key: 'k' },
  status: 'queued',
  stuck: false,
  cancelled: false,
  fence: null,
  steps: [{ name: 'one', state: 'pending', attempts: 0, log: [] }],
  error: null,
  history: [],
  acceptedAt: 1_000,
  startedAt: null,
  deadlineAt: null,
  endedAt: null,
  ...more,
});

/** In a state that nobody shares. */
export const cohortOf = ({
  id,
  key,
  input,
  fence,
  batchId,
  traceparent,
  ...state
}: Saga): Cohort => ({ state, members: [{ id, key, input, fence, batchId, traceparent }] });

export const itemOf = (sagaId: number): CommandItem => [sagaId, 'k', 1, null];

export const entryOf = (more: Partial<Entry> = {}): Entry => ({
  id: randomUUID(),
  participant: 'one',
  kind: 'do',
  step: 'one',
  phase: 'action',
  attempt: 1,
  items: [itemOf(1)],
  dueAt: 1_000,
  ...more,
});

export const pauseOf = (participant: string) => ({
  participant,
  by: 'somebody',
  note: null,
  pausedAt: 1_000,
});
