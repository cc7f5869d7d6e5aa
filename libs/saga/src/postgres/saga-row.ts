import type { Sql } from '@reliable-ops/database';
import type { Saga } from '../record.ts';

/** A row of saga.sagas as it comes out of Postgres. */
export interface SagaRow extends Omit<Saga, 'acceptedAt' | 'startedAt' | 'deadlineAt' | 'endedAt'> {
  acceptedAt: Date;
  startedAt: Date | null;
  deadlineAt: Date | null;
  endedAt: Date | null;
}

/** Every column of saga.sagas, aliased `s`, under the names of SagaRow. */
export const sagaColumns = (sql: Pick<Sql, 'unsafe'>) =>
  sql.unsafe(`s.id, s.batch_id as "batchId", s.name, s.version, s.key, s.input, s.status, s.stuck, s.cancelled,
    s.fence, s.steps, s.error, s.history, s.accepted_at as "acceptedAt", s.started_at as "startedAt",
    s.deadline_at as "deadlineAt", s.ended_at as "endedAt"`);

export const sagaOf = (row: SagaRow): Saga => ({
  id: row.id,
  batchId: row.batchId,
  name: row.name,
  version: row.version,
  key: row.key,
  input: row.input,
  status: row.status,
  stuck: row.stuck,
  cancelled: row.cancelled,
  fence: row.fence,
  steps: row.steps,
  error: row.error,
  history: row.history,
  acceptedAt: row.acceptedAt.getTime(),
  startedAt: row.startedAt?.getTime() ?? null,
  deadlineAt: row.deadlineAt?.getTime() ?? null,
  endedAt: row.endedAt?.getTime() ?? null,
});
