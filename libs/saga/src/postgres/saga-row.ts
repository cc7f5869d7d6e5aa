import type { Sql } from '@reliable-ops/database';
import type { Member, Saga, SagaState } from '../record.ts';

/** What a row of saga.sagas says of the saga's state, as it comes out of Postgres. */
export interface StateRow extends Omit<
  SagaState,
  'acceptedAt' | 'startedAt' | 'deadlineAt' | 'endedAt'
> {
  acceptedAt: Date;
  startedAt: Date | null;
  deadlineAt: Date | null;
  endedAt: Date | null;
}
export type SagaRow = StateRow & Member;

const stateNames = `s.name, s.version, s.status, s.stuck, s.cancelled, s.steps, s.error, s.history,
    s.accepted_at as "acceptedAt", s.started_at as "startedAt", s.deadline_at as "deadlineAt", s.ended_at as "endedAt"`;

/** The columns of saga.sagas, aliased `s`, under the names of StateRow. */
export const stateColumns = (sql: Pick<Sql, 'unsafe'>) => sql.unsafe(stateNames);

/** Every column, under the names of SagaRow. */
export const sagaColumns = (sql: Pick<Sql, 'unsafe'>) =>
  sql.unsafe(
    `s.id, s.key, s.input, s.fence, s.batch_id as "batchId", s.traceparent, ${stateNames}`,
  );

export const stateOf = (row: StateRow): SagaState => ({
  name: row.name,
  version: row.version,
  status: row.status,
  stuck: row.stuck,
  cancelled: row.cancelled,
  steps: row.steps,
  error: row.error,
  history: row.history,
  acceptedAt: row.acceptedAt.getTime(),
  startedAt: row.startedAt?.getTime() ?? null,
  deadlineAt: row.deadlineAt?.getTime() ?? null,
  endedAt: row.endedAt?.getTime() ?? null,
});

export const sagaOf = (row: SagaRow): Saga => ({
  id: row.id,
  key: row.key,
  input: row.input,
  fence: row.fence,
  batchId: row.batchId,
  traceparent: row.traceparent,
  ...stateOf(row),
});
