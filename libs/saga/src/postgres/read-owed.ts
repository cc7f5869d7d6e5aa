import type { Sql } from '@reliable-ops/database';

/** The sagas to which a page of a participant's outbox rows belongs, with their lanes' keys. Locks nothing. */
export async function readOwed(
  sql: Sql,
  { participant, after, limit }: { participant: string; after: string | null; limit: number },
): Promise<{ sagas: { id: number; key: string }[]; last: string | null }> {
  const [row] = await sql<[{ sagas: { id: number; key: string }[] | null; last: string | null }]>`
    with page as materialized (
      select id, items from saga.outbox
      where participant = ${participant} ${after === null ? sql`` : sql`and id > ${after}::uuid`}
      order by id limit ${limit}
    )
    select
      (select id from page order by id desc limit 1) as last,
      (
        select jsonb_agg(distinct jsonb_build_object('id', item -> 0, 'key', item -> 1))
        from page, json_array_elements(items) as item
      ) as sagas`;
  return { sagas: row.sagas ?? [], last: row.last };
}
