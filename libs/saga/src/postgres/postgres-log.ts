import { noSagas, type BatchCounts, type SagaStatus } from '@reliable-ops/contracts';
import type { Sql } from '@reliable-ops/database';
import type { LogTransaction, SagaLog } from '../log.ts';
import { claimRequests } from './claim-requests.ts';
import { countActive } from './count-active.ts';
import { entryColumns, entryOf, type EntryRow } from './entry-row.ts';
import { findOwed } from './find-owed.ts';
import { findRequests } from './find-requests.ts';
import { groupStuck } from './group-stuck.ts';
import { lockLanes } from './lock-lanes.ts';
import { deletePause, lockPauses, readPauses, writePause } from './pauses.ts';
import { readOwed } from './read-owed.ts';
import { readLastSagaIds } from './read-last-saga-ids.ts';
import { readSagas } from './read-sagas.ts';
import { sagaColumns, sagaOf, type SagaRow } from './saga-row.ts';
import { takeCommands } from './take-commands.ts';
import { takeEntries } from './take-entries.ts';
import { takeLanes } from './take-lanes.ts';
import { write } from './write.ts';

/** The saga log in Postgres (schema `saga`, READ COMMITTED). One file a statement that carries a transition. */
export function createPostgresLog(sql: Sql): SagaLog {
  return {
    async transaction<T>(work: (tx: LogTransaction) => Promise<T>): Promise<T> {
      let written: Promise<void> | undefined;
      const result = await sql.begin((tx) =>
        work({
          claimRequests: (claims) => claimRequests(tx, claims),
          takeLanes: (keys) => takeLanes(tx, keys),
          readLastSagaIds: (keys) => readLastSagaIds(tx, keys),
          takeEntries: (ids) => takeEntries(tx, ids),
          lockLanes: (keys) => lockLanes(tx, keys),
          readSagas: (ids, keys) => readSagas(tx, ids, keys),
          takeCommands: (sagaIds, dueAfter) => takeCommands(tx, sagaIds, dueAfter),
          findOwed: (sagaIds) => findOwed(tx, sagaIds),
          lockPauses: () => lockPauses(tx),
          writePause: (pause) => writePause(tx, pause),
          deletePause: (participant) => deletePause(tx, participant),
          write(changes) {
            written = write(tx, changes);
            written.catch(() => {});
          },
        }),
      );
      // After a statement that failed, COMMIT rolls back and calls that a success.
      await written;
      return result as T;
    },

    async sagaIdsOf(batchId) {
      const rows = await sql<{ id: number }[]>`
        select id from saga.sagas where batch_id = ${batchId}::uuid order by id`;
      return rows.map(({ id }) => id);
    },

    async getSagas(ids) {
      const rows = await sql<SagaRow[]>`
        select ${sagaColumns(sql)} from saga.sagas s where id = any(${ids}::bigint[]) order by id`;
      return rows.map(sagaOf);
    },

    async listSagas({ status, name, key, stuck, limit, before, since }) {
      const rows = await sql<SagaRow[]>`
        select ${sagaColumns(sql)} from saga.sagas s
        where true
          ${status === undefined ? sql`` : sql`and status = ${status}`}
          ${status === undefined || status === 'completed' ? sql`` : sql`and status <> 'completed'`}
          ${name === undefined ? sql`` : sql`and name = ${name}`}
          ${key === undefined ? sql`` : sql`and key = ${key}`}
          ${
            stuck === undefined
              ? sql``
              : stuck
                ? sql`and stuck and status = 'compensating' and status <> 'completed'`
                : sql`and not stuck`
          }
          ${before === undefined ? sql`` : sql`and id < ${before}`}
          ${since === undefined ? sql`` : sql`and id >= ${since}`}
        order by id desc limit ${limit}`;
      return rows.map(sagaOf);
    },

    async countBatch(batchId) {
      const rows = await sql<{ status: SagaStatus; stuck: boolean; n: number }[]>`
        select status, stuck, count(*)::int as n
        from saga.sagas where batch_id = ${batchId}::uuid group by status, stuck`;
      if (rows.length === 0) return undefined;
      const counts: BatchCounts = { ...noSagas };
      for (const { status, stuck, n } of rows) {
        counts.total += n;
        counts[status] += n;
        if (stuck) counts.stuck += n;
      }
      return counts;
    },

    async endedOf(ids) {
      const rows = await sql<{ id: number }[]>`
        select id from saga.sagas where id = any(${ids}::bigint[]) and ended_at is not null`;
      return rows.map(({ id }) => id);
    },

    findRequests: (keys) => findRequests(sql, keys),

    countActive: () => countActive(sql),

    async measureOutbox() {
      const [row] = await sql<{ rows: number; oldest: Date | null }[]>`
        select count(*)::int as rows, min(due_at) as oldest from saga.outbox`;
      return { rows: row!.rows, oldestDueAt: row!.oldest?.getTime() ?? null };
    },

    async readEntries({ dueBefore, after, limit }) {
      const rows = await sql<EntryRow[]>`
        select ${entryColumns(sql)} from saga.outbox
        where due_at < ${new Date(dueBefore)}
          ${after ? sql`and (due_at, id) > (${new Date(after.dueAt)}, ${after.id}::uuid)` : sql``}
        order by due_at, id limit ${limit}`;
      return rows.map(entryOf);
    },

    async findStanding(entryIds) {
      const rows = await sql<{ id: string }[]>`
        select id from saga.outbox where id = any(${entryIds}::uuid[])`;
      return new Set(rows.map(({ id }) => id));
    },
    readOwed: (query) => readOwed(sql, query),
    readPauses: () => readPauses(sql),
    groupStuck: (limit) => groupStuck(sql, limit),

    async takeLease(name, holder, now, until) {
      const rows = await sql`
        insert into saga.leases as l (name, holder, until)
        values (${name}, ${holder}, ${new Date(until)})
        on conflict (name) do update set holder = excluded.holder, until = excluded.until
          where l.holder = excluded.holder or l.until < ${new Date(now)}
        returning name`;
      return rows.length > 0;
    },

    async incarnation() {
      const [row] = await sql<{ id: string }[]>`select id from saga.incarnation`;
      return row!.id;
    },
  };
}
