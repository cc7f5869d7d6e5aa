import type { RequestClaim } from '../log.ts';
import type { Transaction } from './transaction.ts';

/**
 * Enters Idempotency-Keys.
 * Needs: nothing; it is the first statement of accept. Locks the rows it enters, in the order of the keys.
 * On conflict: waits for the transaction that is entering (or removing) the key, then leaves that row alone; a second
 * statement reads it, because the first one's snapshot is older than the row it waited for. A row that retention has
 * removed between the two was too old to count: the key is entered anew.
 */
export async function claimRequests(
  tx: Transaction,
  claims: RequestClaim[],
): Promise<Map<string, { batchId: string; digest: string }>> {
  const standing = new Map<string, { batchId: string; digest: string }>();
  for (let open = claims; open.length > 0; open = open.filter(({ key }) => !standing.has(key))) {
    const entered = await enterRequests(tx, open);
    for (const { key, batchId, digest } of open)
      if (entered.has(key)) standing.set(key, { batchId, digest });
    const used = open.map(({ key }) => key).filter((key) => !entered.has(key));
    if (used.length === 0) break;
    const rows = await tx<{ key: string; batchId: string; digest: string }[]>`
      select key, batch_id as "batchId", digest from saga.requests where key = any(${used}::text[])`;
    for (const { key, batchId, digest } of rows) standing.set(key, { batchId, digest });
  }
  return standing;
}

async function enterRequests(tx: Transaction, claims: RequestClaim[]): Promise<Set<string>> {
  const entered = await tx<{ key: string }[]>`
    insert into saga.requests (key, digest, batch_id, accepted_at)
    select key, digest, "batchId", to_timestamp("acceptedAt" / 1000.0)
    from jsonb_to_recordset(${JSON.stringify(claims)}::text::jsonb)
      as claim(key text, digest text, "batchId" uuid, "acceptedAt" double precision)
    order by key
    on conflict (key) do nothing
    returning key`;
  return new Set(entered.map(({ key }) => key));
}
