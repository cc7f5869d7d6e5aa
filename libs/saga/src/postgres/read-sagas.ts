import type { Saga } from '../record.ts';
import { sagaColumns, sagaOf, type SagaRow } from './saga-row.ts';
import type { Transaction } from './transaction.ts';

/**
 * Reads sagas, and of each key the saga that is next in line, with a fence drawn for it.
 * Needs: the lanes of all of them are locked, by an earlier statement: this one's snapshot has to be younger than the
 * lock, or it would miss a saga accepted while we waited for it.
 */
export async function readSagas(
  tx: Transaction,
  ids: number[],
  keys: string[],
): Promise<{ sagas: Map<number, Saga>; next: Map<string, { saga: Saga; fence: number }> }> {
  const rows = await tx<(SagaRow & { nextFence: number | null })[]>`
    select ${sagaColumns(tx)}, null::bigint as "nextFence"
    from saga.sagas s where s.id = any(${ids}::bigint[])
    union all
    select ${sagaColumns(tx)}, nextval('saga.fences') as "nextFence"
    from unnest(${keys}::text[]) as lane(key)
    cross join lateral (
      select * from saga.sagas waiting
      where waiting.key = lane.key and waiting.status = 'queued'
      order by waiting.id limit 1
    ) s`;
  const sagas = new Map<number, Saga>();
  const next = new Map<string, { saga: Saga; fence: number }>();
  for (const row of rows) {
    if (row.nextFence === null) sagas.set(row.id, sagaOf(row));
    else next.set(row.key, { saga: sagaOf(row), fence: row.nextFence });
  }
  return { sagas, next };
}
