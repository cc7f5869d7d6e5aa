import { arrayLiteral } from '@reliable-ops/database';
import type { Cohort, Member } from '../record.ts';
import { stateColumns, stateOf, type StateRow } from './saga-row.ts';
import type { Transaction } from './transaction.ts';

/**
 * Reads sagas, and of each key the saga that is next in line, with a fence drawn for it.
 * Needs: the lanes of all of them are locked, by an earlier statement: this one's snapshot has to be younger than the
 * lock, or it would miss a saga accepted while we waited for it.
 * Sagas in one state come as one row: reading it again for each of them cost more than everything else here.
 */
export async function readSagas(
  tx: Transaction,
  ids: number[],
  keys: string[],
): Promise<{ cohorts: Cohort[]; next: Cohort[] }> {
  const rows = await tx<CohortRow[]>`
    with found as (
      select s.*, false as is_next, s.fence as token
      from saga.sagas s where s.id = any(${arrayLiteral(ids)}::text::bigint[])
      union all
      select s.*, true, nextval('saga.fences')
      from unnest(${keys}::text[]) as lane(key)
      cross join lateral (
        select * from saga.sagas waiting
        where waiting.key = lane.key and waiting.status = 'queued'
        order by waiting.id limit 1
      ) s
    )
    select "isNext", ${stateColumns(tx)}, ids, keys, inputs, fences, batches, traces
    from (
      select is_next as "isNext", name, version, status, stuck, cancelled,
        steps::text::json as steps, error, history::text::json as history, accepted_at, started_at, deadline_at, ended_at,
        json_agg(id) as ids, json_agg(key) as keys, json_agg(input) as inputs, json_agg(token) as fences,
        json_agg(batch_id) as batches, json_agg(traceparent) as traces
      from found
      group by is_next, name, version, status, stuck, cancelled,
        steps::text, error, history::text, accepted_at, started_at, deadline_at, ended_at
    ) s`;
  const cohortsOf = (isNext: boolean): Cohort[] =>
    rows.filter((row) => row.isNext === isNext).map(cohortOf);
  return { cohorts: cohortsOf(false), next: cohortsOf(true) };
}

interface CohortRow extends StateRow {
  isNext: boolean;
  ids: number[];
  keys: string[];
  inputs: Member['input'][];
  fences: (number | null)[];
  batches: (string | null)[];
  traces: (string | null)[];
}

const cohortOf = (row: CohortRow): Cohort => ({
  state: stateOf(row),
  members: row.ids.map((id, n) => ({
    id,
    key: row.keys[n]!,
    input: row.inputs[n]!,
    fence: row.fences[n]!,
    batchId: row.batches[n]!,
    traceparent: row.traces[n]!,
  })),
});
