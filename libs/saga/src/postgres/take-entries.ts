import type { Transaction } from './transaction.ts';

/**
 * Deletes outbox rows and answers which were there.
 * Needs: it is the first statement of commit, so that outbox rows are locked before lanes. Locks in the order of the ids.
 * On conflict: waits for whoever is deleting the row; if he commits, the row is gone and its outcomes do not count.
 */
export async function takeEntries(tx: Transaction, ids: string[]): Promise<Set<string>> {
  const rows = await tx<{ id: string }[]>`
    delete from saga.outbox where id in (
      select id from saga.outbox where id = any(${ids}::uuid[]) order by id for update
    )
    returning id`;
  return new Set(rows.map(({ id }) => id));
}
