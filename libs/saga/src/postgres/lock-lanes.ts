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
  const rows = await tx<{ key: string; holder: number | null }[]>`
    select key, holder from saga.lanes where key = any(${keys}::text[]) order by key for update`;
  return new Map(rows.map(({ key, holder }) => [key, holder]));
}
