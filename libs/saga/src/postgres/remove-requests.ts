import type { Sql } from '@reliable-ops/database';
import type { Removed } from '../retention.ts';

/**
 * Removes Idempotency-Keys whose sagas have all left, from one page in the order of the keys.
 * On conflict: whoever claims such a key at the same moment waits, and then enters it anew (claim-requests.ts).
 */
export async function removeRequests(
  sql: Sql,
  {
    acceptedBefore,
    after,
    limit,
  }: { acceptedBefore: number; after: string | undefined; limit: number },
): Promise<Removed<string>> {
  const [row] = await sql<{ removed: number; last: string | null }[]>`
    with page as materialized (
      select key, batch_id, accepted_at from saga.requests
      ${after === undefined ? sql`` : sql`where key > ${after}`}
      order by key limit ${limit}
    ), removed as (
      delete from saga.requests where key in (
        select key from page
        where accepted_at < ${new Date(acceptedBefore)}
          and (select s.id from saga.sagas s where s.batch_id = page.batch_id limit 1) is null
      )
      returning key
    )
    select (select count(*) from removed)::int as removed,
      (select max(key) from page having count(*) = ${limit}) as last`;
  const { removed, last } = row!;
  return { removed, next: last ?? undefined };
}
