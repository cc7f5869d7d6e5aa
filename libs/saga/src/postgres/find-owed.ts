import type { Transaction } from './transaction.ts';

/**
 * Which of some sagas have commands in the outbox.
 * Needs: their lanes are locked, by an earlier statement: then nobody adds any, and this one's snapshot has what was added
 * before.
 */
export async function findOwed(tx: Transaction, sagaIds: number[]): Promise<Set<number>> {
  const rows = await tx<{ id: number }[]>`
    select distinct (item ->> 0)::bigint as id
    from saga.outbox, json_array_elements(items) as item
    where (item ->> 0)::bigint = any(${sagaIds}::bigint[])`;
  return new Set(rows.map(({ id }) => id));
}
