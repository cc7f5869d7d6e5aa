import { dispatch, newSteps, start, type Dispatch } from './advance.ts';
import type { Entry } from './command.ts';
import type { SagaDefinition } from './definition.ts';
import type { EngineParts } from './engine.ts';
import { groupIntoEntries } from './entries.ts';
import { IdempotencyConflictError } from './errors.ts';
import type { Json } from './json.ts';
import { noChanges, type RequestClaim } from './log.ts';
import type { Cohort, Member, SagaState } from './record.ts';

/**
 * Sagas that are accepted together or not at all, but for those whose own condition does not hold. Their inputs have been
 * checked.
 */
export interface AcceptRequest {
  batchId: string;
  /** A repeat of the same key and digest answers the first one's batch. */
  idempotency: { key: string; digest: string } | null;
  /** W3C trace context that its sagas carry on; default: none. */
  traceparent?: string | null;
  sagas: { definition: SagaDefinition; input: Json; onlyIf?: AcceptCondition }[];
}

/** Holds where no saga of the key is in flight, and none has come since somebody looked. */
export interface AcceptCondition {
  /** The newest saga of the key when he did; null: there was none in the log. */
  lastSagaId: number | null;
}

export interface Accepted {
  batchId: string;
  /** Empty on a repeat. */
  sagaIds: number[];
  /** Which of the request's sagas (their places) were left out, because their condition does not hold. */
  skipped: number[];
  repeated: boolean;
}
export type AcceptResult = Accepted | IdempotencyConflictError;

/**
 * Accepts requests in one transaction: keys checked, lanes taken, sagas and their first commands written.
 * What it answers is committed. Results are in the order of the requests; `entries` are to be published.
 */
export async function acceptRequests(
  { log, registry, clock, randomness }: EngineParts,
  requests: AcceptRequest[],
): Promise<{ results: AcceptResult[]; entries: Entry[]; changed: Cohort[] }> {
  return log.transaction(async (tx) => {
    const now = clock();
    const changes = noChanges();

    // Two requests of one batch may carry the same key: the first one claims it.
    const claims = new Map<string, RequestClaim>();
    for (const { idempotency, batchId } of requests)
      if (idempotency && !claims.has(idempotency.key))
        claims.set(idempotency.key, { ...idempotency, batchId, acceptedAt: now });
    const claimed = claims.size > 0 ? await tx.claimRequests([...claims.values()]) : new Map();
    const isNew = (request: AcceptRequest): boolean =>
      !request.idempotency || claimed.get(request.idempotency.key)?.batchId === request.batchId;

    const accepted = requests.filter(isNew);
    const sagas = accepted.flatMap(({ batchId, traceparent = null, sagas: asked }) =>
      asked.map(({ definition, input, onlyIf }) => ({
        batchId,
        traceparent,
        definition,
        input,
        onlyIf,
        key: definition.key(input),
      })),
    );
    const lanes = sagas.length > 0 ? await tx.takeLanes(sagas.map(({ key }) => key)) : [];

    // In a later statement than the one that locked the lanes: its snapshot sees every saga accepted before.
    const conditional = sagas.filter(({ onlyIf }) => onlyIf).map(({ key }) => key);
    const newest =
      conditional.length > 0 ? await tx.readLastSagaIds(conditional) : new Map<string, number>();

    const taken = new Set<string>();
    const refused = new Set<string>();
    /** In the order of `sagas`; null: left out. */
    const ids: (number | null)[] = [];
    const crowds = new Map<SagaDefinition, Crowd>();
    for (const [
      index,
      { batchId, traceparent, definition, input, key, onlyIf },
    ] of sagas.entries()) {
      const { id, holder, fence } = lanes[index]!;
      const isFree = holder === null && !taken.has(key);
      if (onlyIf && !(isFree && (newest.get(key) ?? null) === onlyIf.lastSagaId)) {
        if (holder === null) refused.add(key);
        ids.push(null);
        continue;
      }
      ids.push(id);
      const crowd = crowdOf(crowds, definition);
      const member = { id, key, input, batchId, traceparent };
      if (isFree) {
        taken.add(key);
        crowd.started.push({ ...member, fence });
        changes.held.push({ key, holder: id });
      } else crowd.queued.push({ ...member, fence: null });
    }
    // Locking made their rows, and nobody holds them.
    changes.released = [...refused].filter((key) => !taken.has(key));

    const dispatches: Dispatch[] = [];
    for (const [definition, { started, queued }] of crowds) {
      const state = newState(definition, now);
      if (queued.length > 0) changes.inserted.push({ state, members: queued });
      if (started.length === 0) continue;
      const rules = { definition, policy: registry.policyOf(definition) };
      const first = start(rules, state, now);
      changes.inserted.push({ state: first.state, members: started });
      dispatches.push(...dispatch(rules, first.state, first.orders, started));
    }
    changes.entries = groupIntoEntries(dispatches, now, randomness);
    if (sagas.length > 0) tx.write(changes);

    let from = 0;
    const results = requests.map((request): AcceptResult => {
      if (isNew(request)) {
        const own = ids.slice(from, from + request.sagas.length);
        from += request.sagas.length;
        return {
          batchId: request.batchId,
          sagaIds: own.filter((id) => id !== null),
          skipped: own.flatMap((id, place) => (id === null ? [place] : [])),
          repeated: false,
        };
      }
      const first = claimed.get(request.idempotency!.key)!;
      if (first.digest === request.idempotency!.digest)
        return { batchId: first.batchId, sagaIds: [], skipped: [], repeated: true };
      return new IdempotencyConflictError(
        `Idempotency-Key "${request.idempotency!.key}" was used with another body: a new request needs a new key`,
      );
    });
    return { results, entries: changes.entries, changed: changes.inserted };
  });
}

/** Sagas of one definition. */
interface Crowd {
  /** Those that got their lane at once. */
  started: Member[];
  queued: Member[];
}

function crowdOf(crowds: Map<SagaDefinition, Crowd>, definition: SagaDefinition): Crowd {
  const known = crowds.get(definition);
  if (known) return known;
  const crowd = { started: [], queued: [] };
  crowds.set(definition, crowd);
  return crowd;
}

const newState = (definition: SagaDefinition, now: number): SagaState => ({
  name: definition.name,
  version: definition.version,
  status: 'queued',
  stuck: false,
  cancelled: false,
  steps: newSteps(definition),
  error: null,
  history: [],
  acceptedAt: now,
  startedAt: null,
  deadlineAt: null,
  endedAt: null,
});
