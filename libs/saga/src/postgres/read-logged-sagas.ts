import type { Sql } from '@reliable-ops/database';
import type { LanePlace, LoggedSaga } from '../verify/verify-log.ts';

/**
 * A page of all sagas in the order (key, id), which is that of the index sagas_by_key.
 * Needs: nothing. Locks nothing; the page is of one moment, the next one of another.
 * Called by: verify.
 */
export async function readSagasByKey(
  sql: Sql,
  { after, limit }: { after: LanePlace | undefined; limit: number },
): Promise<LoggedSaga[]> {
  return sql<LoggedSaga[]>`
    select ${loggedColumns(sql)} from saga.sagas s
    ${after ? sql`where (key, id) > (${after.key}, ${after.id}::bigint)` : sql``}
    order by key, id limit ${limit}`;
}

/** Some sagas, all of one moment. Called by: verify, for its second look. */
export async function readLoggedSagas(sql: Sql, ids: number[]): Promise<LoggedSaga[]> {
  return sql<LoggedSaga[]>`
    select ${loggedColumns(sql)} from saga.sagas s where id = any(${ids}::bigint[]) order by key, id`;
}

/** Taking steps apart costs more than all the rest: of a completed saga only what is wrong is told. */
const loggedColumns = (sql: Sql) =>
  sql.unsafe(`s.id, s.key, s.name, s.version, s.status, s.fence, s.ended_at is not null as "hasEndTime",
    case when s.status = 'completed' and not s.steps::jsonb @? '$[*] ? (@.state != "applied")' then '[]'
      else (select json_agg(json_build_object('name', step -> 'name', 'state', step -> 'state',
          'uncertain', coalesce(step -> 'uncertain', 'false'))) from json_array_elements(s.steps) as step
        where not (s.status = 'completed' and step ->> 'state' = 'applied'))
    end as steps`);
