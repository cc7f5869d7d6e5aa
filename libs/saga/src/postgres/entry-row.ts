import type { Sql } from '@reliable-ops/database';
import type { Entry } from '../command.ts';

/** A row of saga.outbox as it comes out of Postgres. */
export interface EntryRow extends Omit<Entry, 'dueAt' | 'job'> {
  due: Date;
  job: string | null;
}

/** Every column of saga.outbox, under the names of EntryRow. */
export const entryColumns = (sql: Pick<Sql, 'unsafe'>) =>
  sql.unsafe('id, participant, kind, step, phase, attempt, items, due_at as due, job');

export const entryOf = ({ due, job, ...entry }: EntryRow): Entry => ({
  ...entry,
  dueAt: due.getTime(),
  ...(job === null ? {} : { job }),
});
