import { arrayLiteral } from '@reliable-ops/database';
import type { Changes } from '../log.ts';
import type { Cohort, SagaState } from '../record.ts';
import type { Transaction } from './transaction.ts';

/**
 * Writes all that a transition changes, in one statement.
 * Needs: the lanes of all its sagas are locked. Each saga and each lane stands in one of the lists only: a row that
 * one statement changes twice keeps an undefined one of the two.
 * Called by: accept, commit, and the operators' verbs, as their last statement.
 * A cohort's state is sent once, and each member names it by number: half of what an update cost was reading JSON.
 */
export async function write(tx: Transaction, changes: Changes): Promise<void> {
  const { inserted, updated, held, released, entries } = changes;
  const accepted = columnsOf(inserted);
  const changed = columnsOf(updated);
  const requests = requestsOf(inserted);
  await tx`
    with inserted as (
      insert into saga.sagas (id, batch_id, traceparent, name, version, key, input, status, fence, steps, accepted_at, started_at, deadline_at)
      select s.id, request.batch_id, request.traceparent, state.name, state.version, s.key, s.input, state.status, s.fence, state.steps,
        to_timestamp(state."acceptedAt" / 1000.0), to_timestamp(state."startedAt" / 1000.0),
        to_timestamp(state."deadlineAt" / 1000.0)
      from rows from (unnest(${accepted.ids}::text::bigint[], ${accepted.fences}::text::bigint[], ${accepted.states}::text::int[], ${accepted.keys}::text[], ${requests.members}::text::int[]),
        json_array_elements(${JSON.stringify(accepted.inputs)}::text::json)) as s(id, fence, state, key, request, input)
      join unnest(${requests.batchIds}::uuid[], ${requests.traceparents}::text[]) with ordinality as request(batch_id, traceparent, n) on request.n = s.request
      join rows from (json_to_recordset(${JSON.stringify(inserted.map(acceptedState))}::text::json) as (
        name text, version int, status text, steps json,
        "acceptedAt" float8, "startedAt" float8, "deadlineAt" float8)) with ordinality as state on state.ordinality = s.state
    ), updated as (
      update saga.sagas set status = state.status, stuck = state.stuck, cancelled = state.cancelled, fence = s.fence,
        steps = state.steps, error = state.error, history = state.history,
        started_at = to_timestamp(state."startedAt" / 1000.0), deadline_at = to_timestamp(state."deadlineAt" / 1000.0),
        ended_at = to_timestamp(state."endedAt" / 1000.0)
      from unnest(${changed.ids}::text::bigint[], ${changed.fences}::text::bigint[], ${changed.states}::text::int[]) as s(id, fence, state)
      join rows from (json_to_recordset(${JSON.stringify(updated.map(changedState))}::text::json) as (
        status text, stuck boolean, cancelled boolean, steps json, error text, history json,
        "startedAt" float8, "deadlineAt" float8, "endedAt" float8)) with ordinality as state on state.ordinality = s.state
      where sagas.id = s.id
    ), held as (
      update saga.lanes set holder = lane.holder
      from unnest(${held.map((lane) => lane.key)}::text[], ${arrayLiteral(held.map(({ holder }) => holder))}::text::bigint[]) as lane(key, holder)
      where lanes.key = lane.key
    ), released as (
      delete from saga.lanes where key = any(${released}::text[])
    )
    insert into saga.outbox (id, participant, kind, step, phase, attempt, items, due_at, job)
    select id, participant, kind, step, phase, attempt, items, to_timestamp("dueAt" / 1000.0), job
    from json_to_recordset(${JSON.stringify(entries)}::text::json) as entry(
      id uuid, participant text, kind text, step text, phase text, attempt int, items json, "dueAt" float8, job uuid)`;
}

/** What members have for themselves, and the number of their cohort's state, counted from 1. */
function columnsOf(cohorts: Cohort[]) {
  const members = cohorts.flatMap((cohort) => cohort.members);
  return {
    ids: arrayLiteral(members.map(({ id }) => id)),
    fences: arrayLiteral(members.map(({ fence }) => fence)),
    states: arrayLiteral(cohorts.flatMap((cohort, n) => cohort.members.map(() => n + 1))),
    keys: members.map(({ key }) => key),
    inputs: members.map(({ input }) => input),
  };
}

/** The requests that new sagas came with, and for each saga the number of its own, counted from 1. Those of one request are neighbours. */
function requestsOf(cohorts: Cohort[]) {
  const batchIds: (string | null)[] = [];
  const traceparents: (string | null)[] = [];
  const numbers = cohorts.flatMap(({ members }) =>
    members.map(({ batchId, traceparent }) => {
      if (
        batchIds.length === 0 ||
        batchId !== batchIds.at(-1) ||
        traceparent !== traceparents.at(-1)
      ) {
        batchIds.push(batchId);
        traceparents.push(traceparent);
      }
      return batchIds.length;
    }),
  );
  return { batchIds, traceparents, members: arrayLiteral(numbers) };
}

/** Of new sagas. */
const acceptedState = ({ state }: Cohort): Partial<SagaState> => {
  const { name, version, status, steps } = state;
  const { acceptedAt, startedAt, deadlineAt } = state;
  return { name, version, status, steps, acceptedAt, startedAt, deadlineAt };
};

/** What a transition can change, the fence excepted. The rest was written when the saga was accepted. */
const changedState = ({ state }: Cohort): Partial<SagaState> => {
  const { status, stuck, cancelled, steps, error, history, startedAt, deadlineAt, endedAt } = state;
  return { status, stuck, cancelled, steps, error, history, startedAt, deadlineAt, endedAt };
};
