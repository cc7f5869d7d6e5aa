import type { Entry } from '../command.ts';
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
  const rows = await tx<(Omit<Entry, 'dueAt'> & { isTaken: boolean; due: Date })[]>`
    with locked as materialized (
      select id, participant, kind, commands, due_at from saga.outbox
      where ${dueAfter === undefined ? tx`true` : tx`due_at > ${new Date(dueAfter)}`} and exists (
        select from jsonb_array_elements(commands) as command
        where (command ->> 'sagaId')::bigint = any(${sagaIds}::bigint[])
      )
      order by id for update
    ), gone as (
      delete from saga.outbox where id in (select id from locked)
    ), parts as materialized (
      select l.id, participant, kind, due_at, is_taken, jsonb_agg(command order by position) as commands
      from locked l
      cross join lateral jsonb_array_elements(commands) with ordinality as c(command, position)
      cross join lateral (select (command ->> 'sagaId')::bigint = any(${sagaIds}::bigint[]) as is_taken) as t
      group by l.id, participant, kind, due_at, is_taken
    ), rest as (
      insert into saga.outbox (id, participant, kind, commands, due_at)
      select gen_random_uuid(), participant, kind, commands, due_at from parts where not is_taken
      returning id, participant, kind, commands, due_at
    )
    select id, participant, kind, commands, due_at as due, true as "isTaken" from parts where is_taken
    union all
    select id, participant, kind, commands, due_at as due, false as "isTaken" from rest`;
  const taken: Entry[] = [];
  const rest: Entry[] = [];
  for (const { isTaken, due, ...entry } of rows)
    (isTaken ? taken : rest).push({ ...entry, dueAt: due.getTime() });
  return { taken, rest };
}
