import type { Changes } from '../log.ts';
import type { Transaction } from './transaction.ts';

/**
 * Writes all that a transition changes, in one statement.
 * Needs: the lanes of all its sagas are locked. Each saga and each lane stands in one of the lists only: a row that
 * one statement changes twice keeps an undefined one of the two.
 * Called by: accept, commit, and the operators' verbs, as their last statement.
 */
export async function write(tx: Transaction, changes: Changes): Promise<void> {
  const { inserted, updated, held, released, entries } = changes;
  await tx`
    with inserted as (
      insert into saga.sagas (id, batch_id, name, version, key, input, status, fence, steps, accepted_at, started_at, deadline_at)
      select id, "batchId", name, version, key, input, status, fence, steps,
        to_timestamp("acceptedAt" / 1000.0), to_timestamp("startedAt" / 1000.0), to_timestamp("deadlineAt" / 1000.0)
      from jsonb_to_recordset(${JSON.stringify(inserted)}::text::jsonb) as s(
        id bigint, "batchId" uuid, name text, version int, key text, input jsonb, status text, fence bigint, steps jsonb,
        "acceptedAt" float8, "startedAt" float8, "deadlineAt" float8)
    ), updated as (
      update saga.sagas set status = s.status, stuck = s.stuck, cancelled = s.cancelled, fence = s.fence, steps = s.steps,
        error = s.error, history = s.history, started_at = to_timestamp(s."startedAt" / 1000.0),
        deadline_at = to_timestamp(s."deadlineAt" / 1000.0), ended_at = to_timestamp(s."endedAt" / 1000.0)
      from jsonb_to_recordset(${JSON.stringify(updated.map(changing))}::text::jsonb) as s(
        id bigint, status text, stuck boolean, cancelled boolean, fence bigint, steps jsonb, error text, history jsonb,
        "startedAt" float8, "deadlineAt" float8, "endedAt" float8)
      where sagas.id = s.id
    ), held as (
      update saga.lanes set holder = lane.holder
      from jsonb_to_recordset(${JSON.stringify(held)}::text::jsonb) as lane(key text, holder bigint)
      where lanes.key = lane.key
    ), released as (
      delete from saga.lanes where key = any(${released}::text[])
    )
    insert into saga.outbox (id, participant, kind, commands, due_at)
    select id, participant, kind, commands, to_timestamp("dueAt" / 1000.0)
    from jsonb_to_recordset(${JSON.stringify(entries)}::text::jsonb) as entry(
      id uuid, participant text, kind text, commands jsonb, "dueAt" float8)`;
}

/** What a transition can change; the rest of the row was written when it was accepted. */
const changing = (saga: Changes['updated'][number]) => {
  const { id, status, stuck, cancelled, fence, steps, error, history } = saga;
  const { startedAt, deadlineAt, endedAt } = saga;
  return {
    id,
    status,
    stuck,
    cancelled,
    fence,
    steps,
    error,
    history,
    startedAt,
    deadlineAt,
    endedAt,
  };
};
