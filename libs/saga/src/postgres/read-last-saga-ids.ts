import type { Transaction } from './transaction.ts';

/**
 * The newest saga of each key.
 * Needs: their lanes are locked, by an earlier statement: this one's snapshot has to be younger than the lock, or it would
 * miss a saga accepted while we waited for it. Nobody can add one before we commit.
 * Called by: accept, where a saga comes with a condition.
 */
export async function readLastSagaIds(
  tx: Transaction,
  keys: string[],
): Promise<Map<string, number>> {
  const rows = await tx<{ key: string; id: number }[]>`
    select lane.key, newest.id from unnest(${keys}::text[]) as lane(key)
    cross join lateral (select id from saga.sagas s where s.key = lane.key order by id desc limit 1) as newest`;
  return new Map(rows.map(({ key, id }) => [key, id]));
}
