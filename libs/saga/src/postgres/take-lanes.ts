import type { Transaction } from './transaction.ts';

/**
 * Locks the lanes of new sagas and numbers the sagas.
 * Needs: no later lock is held. Locks lanes in the order of their keys.
 * On conflict: waits for whoever is changing the lane; DO UPDATE then sees the holder that he left.
 * The numbers are drawn once every lane is locked (`barrier` has counted them), so ids and fences grow along
 * every lane. Ids also grow along the batch.
 */
export async function takeLanes(
  tx: Transaction,
  keys: string[],
): Promise<{ id: number; holder: number | null; fence: number }[]> {
  const [row] = await tx<
    [{ lanes: [key: string, holder: number | null][]; fences: number[]; ids: number[] }]
  >`
    with locked as (
      insert into saga.lanes (key)
      select key from unnest(${[...new Set(keys)]}::text[]) as key order by key collate "C"
      on conflict (key) do update set holder = lanes.holder
      returning key, holder
    ), barrier as materialized (
      select json_agg(json_build_array(key, holder)) as lanes, count(*) as n from locked
    )
    select lanes,
      array(select nextval('saga.fences') from generate_series(1, n))::float8[] as fences,
      array(select nextval('saga.sagas_id_seq') from generate_series(1, ${keys.length} + 0 * n))::float8[] as ids
    from barrier`;
  const lanes = new Map(
    row.lanes.map(([key, holder], n) => [key, { holder, fence: row.fences[n]! }]),
  );
  return keys.map((key, n) => ({ id: row.ids[n]!, ...lanes.get(key)! }));
}
