import type { Sql } from '@reliable-ops/database';

/** Of these Idempotency-Keys, those that stand. Locks nothing: one that is being entered just now is not seen. */
export async function findRequests(sql: Sql, keys: string[]): Promise<Set<string>> {
  const rows = await sql<{ key: string }[]>`
    select key from saga.requests where key = any(${keys}::text[])`;
  return new Set(rows.map(({ key }) => key));
}
