import type { Entry } from '../command.ts';
import { entryColumns, entryOf, type EntryRow } from './entry-row.ts';
import type { Transaction } from './transaction.ts';

/**
 * Takes the commands of some sagas out of the outbox, those due after `dueAfter`. Every row that held one goes, and what
 * else it held comes back as a new row: the old row's job, which still has all of them, then has no row.
 * Needs: no lane is locked. Locks rows in the order of their ids. Reads the whole outbox, which holds only what is under
 * way: for operators, not for the hot path.
 * On conflict: waits for whoever is taking the row; if he commits, it is gone, and what he writes instead is not seen here:
 * ask `findOwed` once the lanes are locked.
 */
export async function takeCommands(
  tx: Transaction,
  sagaIds: number[],
  dueAfter?: number,
): Promise<{ taken: Entry[]; rest: Entry[] }> {
  const rows = await tx<(EntryRow & { isTaken: boolean })[]>`
    with locked as materialized (
      select * from saga.outbox
      where ${dueAfter === undefined ? tx`true` : tx`due_at > ${new Date(dueAfter)}`} and exists (
        select from json_array_elements(items) as item
        where (item ->> 0)::bigint = any(${sagaIds}::bigint[])
      )
      order by id for update
    ), gone as (
      delete from saga.outbox where id in (select id from locked)
    ), parts as materialized (
      select l.id, is_taken, json_agg(item order by position) as items
      from locked l
      cross join lateral json_array_elements(items) with ordinality as i(item, position)
      cross join lateral (select (item ->> 0)::bigint = any(${sagaIds}::bigint[]) as is_taken) as t
      group by l.id, is_taken
    ), split as materialized (
      select case when is_taken then l.id else gen_random_uuid() end as id, is_taken,
        participant, kind, step, phase, attempt, p.items, due_at, null::uuid as job
      from parts p join locked l using (id)
    ), rest as (
      insert into saga.outbox (id, participant, kind, step, phase, attempt, items, due_at)
      select id, participant, kind, step, phase, attempt, items, due_at from split where not is_taken
    )
    select is_taken as "isTaken", ${entryColumns(tx)} from split`;
  const taken: Entry[] = [];
  const rest: Entry[] = [];
  for (const { isTaken, ...row } of rows) (isTaken ? taken : rest).push(entryOf(row));
  return { taken, rest };
}
