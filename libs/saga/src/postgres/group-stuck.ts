import type { Sql } from '@reliable-ops/database';
import type { StuckCause } from '../log.ts';

/**
 * Counts stuck sagas by what keeps them: the last error of each step that is being taken back. Reads the stuck sagas'
 * rows, and no others.
 */
export async function groupStuck(
  sql: Sql,
  limit: number,
): Promise<{ sagas: number; causes: StuckCause[] }> {
  const [row] = await sql<[{ sagas: number; causes: StuckCause[] }]>`
    with stuck as materialized (
      select id, name, version, steps from saga.sagas
      where status = 'compensating' and status <> 'completed' and stuck
    ), causes as (
      select name, version, step ->> 'name' as step, step -> 'log' -> -1 ->> 5 as error, count(*)::int as sagas
      from stuck cross join lateral json_array_elements(steps) as step
      where step ->> 'state' = 'compensating' and step -> 'log' -> -1 ->> 0 = 'compensation'
      group by 1, 2, 3, 4 order by sagas desc, step, error limit ${limit}
    )
    select (select count(*)::int from stuck) as sagas,
      coalesce((select jsonb_agg(to_jsonb(causes) order by sagas desc, step, error) from causes), '[]') as causes`;
  return row;
}
