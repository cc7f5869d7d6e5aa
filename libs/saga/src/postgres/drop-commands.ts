import type { Transaction } from './transaction.ts';

/**
 * Takes the commands of some sagas out of the outbox; a row that is left without any goes.
 * Needs: no lane is locked. Reads the whole outbox, which holds only what is under way: for operators, not for the hot path.
 */
export async function dropCommands(tx: Transaction, sagaIds: number[]): Promise<void> {
  await tx`
    with locked as materialized (
      select id, commands from saga.outbox
      where exists (
        select from jsonb_array_elements(commands) as command
        where (command ->> 'sagaId')::bigint = any(${sagaIds}::bigint[])
      )
      order by id for update
    ), kept as (
      select id, (
        select jsonb_agg(command order by position)
        from jsonb_array_elements(commands) with ordinality as c(command, position)
        where (command ->> 'sagaId')::bigint <> all(${sagaIds}::bigint[])
      ) as commands
      from locked
    ), emptied as (
      delete from saga.outbox o using kept where o.id = kept.id and kept.commands is null
    )
    update saga.outbox o set commands = kept.commands
    from kept where o.id = kept.id and kept.commands is not null`;
}
