import type { Sql } from '@reliable-ops/database';
import type { LaneState } from '../verify/verify-log.ts';

type Row = Omit<LaneState, 'decisive'> & {
  [Column in keyof NonNullable<LaneState['decisive']>]:
    NonNullable<LaneState['decisive']>[Column] | null;
};

/**
 * How some lanes stand: their newest saga, how many have not ended, which one decides.
 * Needs: nothing; locks nothing. All of it is of one moment. A saga that is being accepted is not seen yet, but neither
 * has anything of it been sent.
 * Called by: verify, before and after it has looked at the nodes again.
 */
export async function readLaneStates(sql: Sql, keys: string[]): Promise<Map<string, LaneState>> {
  const rows = await sql<Row[]>`
    select lane.key, counted.*, decisive.*
    from unnest(${keys}::text[]) as lane(key)
    cross join lateral (
      select max(id) as "lastSagaId",
        (count(*) filter (where status in ('queued', 'running', 'compensating')))::int as active
      from saga.sagas s where s.key = lane.key
    ) as counted
    left join lateral (
      select id as "sagaId", name, status from saga.sagas s
      where s.key = lane.key and status in ('completed', 'resolved')
      order by fence desc nulls last limit 1
    ) as decisive on true
    where counted."lastSagaId" is not null`;
  return new Map(
    rows.map(({ key, lastSagaId, active, sagaId, name, status }) => [
      key,
      {
        key,
        lastSagaId,
        active,
        decisive: sagaId === null ? null : { sagaId, name: name!, status: status! },
      },
    ]),
  );
}
