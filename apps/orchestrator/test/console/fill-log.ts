import type { Sql } from '@reliable-ops/database';

/**
 * A log of so many sagas, as a long job leaves it, by SQL alone: nearly all completed, one in a hundred taken back, 100 stuck
 * and 1,000 queued behind one of them; all of one saga, so that a filter for another one finds nothing.
 */
export async function fillLog(sql: Sql, sagas: number): Promise<void> {
  await sql`
    insert into saga.sagas (name, version, key, input, status, stuck, fence, steps, error, history,
      accepted_at, deadline_at, started_at, ended_at)
    select 'create-group', 1, case when status = 'queued' then 'group:hot' else 'group:' || n end,
      jsonb_build_object('groupId', n::text), status, status = 'compensating', n, steps,
      case when status = 'completed' then null else 'node02: 500 InternalServerError' end, '[]',
      at, at + interval '10 min',
      case when status <> 'queued' then at end,
      case when status in ('completed', 'compensated') then at + interval '120 ms' end
    from generate_series(1, ${sagas}::int) as n
    cross join lateral (select now() - interval '1 s' * (${sagas}::int - n) as at) as times
    cross join lateral (
      select case
        when n > ${sagas}::int - 1000 then 'queued'
        when n > ${sagas}::int - 1100 then 'compensating'
        when n % 100 = 0 then 'compensated'
        else 'completed' end as status
    ) as kinds
    cross join lateral (
      select jsonb_agg(jsonb_build_object('name', node, 'state', 'applied', 'attempts', 2, 'output', 'created', 'log',
        jsonb_build_array(
          jsonb_build_array('action', 1, extract(epoch from at) * 1000, extract(epoch from at) * 1000 + 20, 'unknown',
            '500 InternalServerError due to a fault: nothing was done'),
          jsonb_build_array('action', 2, extract(epoch from at) * 1000 + 80, extract(epoch from at) * 1000 + 120, 'applied', 'created')
        ))) as steps
      from unnest(array['node01', 'node02', 'node03']) as node
    ) as made`;
  await sql`analyze saga.sagas`;
}
