import type { Transaction } from './transaction.ts';

/**
 * Locks the lanes of new sagas and numbers the sagas.
 * Needs: no later lock is held. Locks lanes in the order of their keys.
 * On conflict: waits for whoever is changing the lane; DO UPDATE then sees the holder that he left.
 * The numbers are drawn from rows that the insert has returned, so after each lane is locked: ids and
 * fences grow along every lane. A batch with several sagas of one key gets its ids in their order.
 */
export async function takeLanes(
  tx: Transaction,
  keys: string[],
): Promise<{ id: number; holder: number | null; fence: number }[]> {
  const rows = await tx<{ key: string; holder: number | null; fence: number; ids: number[] }[]>`
    with wanted as materialized (
      select key, count(*)::int as n from unnest(${keys}::text[]) as key group by key
    ), locked as (
      insert into saga.lanes (key) select key from wanted order by key collate "C"
      on conflict (key) do update set holder = lanes.holder
      returning key, holder
    )
    select locked.key, locked.holder, nextval('saga.fences') as fence,
      array(select nextval('saga.sagas_id_seq') from generate_series(1, wanted.n))::float8[] as ids
    from locked join wanted using (key)`;
  const lanes = new Map(rows.map(({ key, holder, fence, ids }) => [key, { holder, fence, ids }]));
  return keys.map((key) => {
    const { holder, fence, ids } = lanes.get(key)!;
    return { id: ids.shift()!, holder, fence };
  });
}
