import type { Transaction } from './transaction.ts';

/**
 * Locks lanes, and with them their active sagas.
 * Needs: outbox rows are locked, sagas are not read yet. Locks in the order of the keys.
 * On conflict: waits for an accept or another commit on the lane.
 */
export async function lockLanes(
  tx: Transaction,
  keys: string[],
): Promise<Map<string, number | null>> {
  const [row] = await tx<[{ keys: string[] | null; holders: (number | null)[] }]>`
    with locked as materialized (
      select key, holder from saga.lanes where key = any(${keys}::text[]) order by key for update
    )
    select json_agg(key) as keys, json_agg(holder) as holders from locked`;
  return new Map(row.keys?.map((key, n) => [key, row.holders[n]!]));
}
