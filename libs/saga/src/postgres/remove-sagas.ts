import type { Sql } from '@reliable-ops/database';
import type { Removed } from '../retention.ts';

/**
 * Removes what has ended long ago from one page of the sagas, in the order of the primary key: no other index is needed,
 * and a page costs the same however many sagas there are.
 * Needs: `after` is the end of the page before, in this same walk: a saga up to there that is still here stays.
 * Locks the rows it removes, all of them ended: nobody else writes those. Two at once wait for each other in the order of
 * the ids and then find nothing.
 * A saga with an older one of its key before it that stays, stays too: see `RetentionLog`.
 * The walk ends with a page whose sagas were all accepted too late to have ended before: ids grow with acceptance. Not
 * with one from which nothing could leave: thousands that are stuck would hold up all behind them.
 */
export async function removeSagas(
  sql: Sql,
  { endedBefore, after, limit }: { endedBefore: number; after: number; limit: number },
): Promise<Removed<number>> {
  const cutoff = new Date(endedBefore);
  const [row] = await sql<{ removed: number; last: number | null; isYoung: boolean | null }[]>`
    with page as materialized (
      select id, key, accepted_at, coalesce(ended_at < ${cutoff}, false) as has_aged
      from saga.sagas where id > ${after} order by id limit ${limit}
    ), ranked as (
      select id, key, has_aged, min(id) filter (where not has_aged) over (partition by key) as first_to_stay from page
    ), leaving as materialized (
      select id from ranked
      where has_aged and (first_to_stay is null or id < first_to_stay)
        and (
          select older.id from saga.sagas older
          where older.key = ranked.key and older.id <= ${after} order by older.id limit 1
        ) is null
      order by id
    ), removed as (
      delete from saga.sagas where id in (select id from leaving) returning id
    )
    select (select count(*) from removed)::int as removed,
      (select max(id) from page having count(*) = ${limit}) as last,
      (select bool_and(accepted_at >= ${cutoff}) from page) as "isYoung"`;
  const { removed, last, isYoung } = row!;
  return { removed, next: last === null || isYoung === true ? undefined : last };
}
