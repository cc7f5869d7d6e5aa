import type { VerifyFinding } from '@reliable-ops/contracts';
import type { Sql } from '@reliable-ops/database';
import type { Transaction } from './transaction.ts';

/** A million sagas under way take longer than a statement may elsewhere, and more than 4 MB to join. */
const timeLimit = '5min';
const sortMemory = '64MB';

/**
 * Finds where sagas, lanes and outbox do not fit together.
 * Needs: nothing; locks nothing. It is one statement, so all three tables are of one moment: every transition changes
 * them together, and none can be seen half done.
 * Reads all that is under way, and none of what has ended but by its id.
 * Called by: verify, once.
 */
export async function findBrokenLinks(sql: Sql, limit: number): Promise<VerifyFinding[]> {
  return sql.begin(async (tx) => {
    await tx`select set_config('statement_timeout', ${timeLimit}, true), set_config('work_mem', ${sortMemory}, true)`;
    return (await readBrokenLinks(tx, limit)).map(({ sagaId, ...finding }) => ({
      ...finding,
      node: null,
      sagaId: sagaId === null ? null : String(sagaId),
    }));
  }) as Promise<VerifyFinding[]>;
}

type Row = Omit<VerifyFinding, 'node' | 'sagaId'> & { sagaId: number | null };

function readBrokenLinks(tx: Transaction, limit: number): PromiseLike<Row[]> {
  return tx<Row[]>`
    with owed as materialized (
      select (item ->> 0)::bigint as saga, step, phase, min(item ->> 1) as key, count(*)::int as commands
      from saga.outbox cross join lateral json_array_elements(items) as item
      group by 1, 2, 3
    ), active as materialized (
      select id, key, status from saga.sagas
      where status <> 'completed' and status in ('queued', 'running', 'compensating')
    ), awaited as materialized (
      select s.id as saga, s.key, step ->> 'name' as step,
        case step ->> 'state' when 'preparing' then 'prepare' when 'running' then 'action' else 'compensation' end
          as phase
      from saga.sagas s cross join lateral json_array_elements(s.steps) as step
      where s.status <> 'completed' and s.status in ('running', 'compensating') and step ->> 'state' in ('preparing', 'running', 'compensating')
    )
    select 'P2' as promise, awaited.key, format('one command in the outbox for the %s of step %s', phase, step) as expected,
      coalesce(commands, 0) || ' commands' as found, saga as "sagaId"
    from awaited left join owed using (saga, step, phase)
    where commands is distinct from 1
    union all
    select 'P5', owed.key, format('no command in the outbox for the %s of step %s', phase, step),
      format('%s, and the saga is %s', case commands when 1 then 'one' else commands::text end, coalesce(s.status, 'not in the log')), saga
    from owed left join awaited using (saga, step, phase) left join saga.sagas s on s.id = saga
    where awaited.key is null
    union all
    select 'P7', active.key, 'a step under way: the saga is ' || status, 'none', id
    from active left join awaited on awaited.saga = active.id and awaited.key = active.key
    where status <> 'queued' and awaited.saga is null
    union all
    select 'P4', active.key, 'the lane is held by the saga, which is ' || status,
      case when lanes.key is null then 'there is no lane' when holder is null then 'nobody holds it'
        else 'it is held by saga ' || holder end, active.id
    from active left join saga.lanes on lanes.key = active.key
    where status <> 'queued' and holder is distinct from id
    union all
    select 'P7', active.key, 'a queued saga waits in a lane that a saga at work holds',
      case when lanes.key is null then 'there is no lane' when lanes.holder is null then 'nobody holds it'
        else 'it is held by saga ' || lanes.holder end, active.id
    from active left join saga.lanes on lanes.key = active.key
      left join active holder on holder.id = lanes.holder and holder.key = active.key and holder.status <> 'queued'
    where active.status = 'queued' and holder.id is null
    union all
    select 'P7', lanes.key, 'a lane is held by a saga of its key that is at work',
      format('saga %s is %s', holder, case when s.id is null then 'not in the log'
        when s.key <> lanes.key then 'of the key ' || s.key else s.status end), holder
    from saga.lanes left join saga.sagas s on s.id = holder
    where holder is not null and (s.status in ('running', 'compensating') and s.key = lanes.key) is not true
    limit ${limit}`;
}
