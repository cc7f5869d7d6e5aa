import { hasEnded } from '@reliable-ops/contracts';
import { cancel, resolve, withHistory } from './advance.ts';
import type { Entry } from './command.ts';
import { changeSagas, lockSagas, rulesOf } from './commit.ts';
import type { EngineParts } from './engine.ts';
import { ContendedError } from './errors.ts';
import { respread, type DueOf } from './ramp.ts';
import { sagasOf, type Cohort, type Saga } from './record.ts';

/** Who does it, as he names himself, and why. */
export interface Operator {
  by: string;
  note: string | null;
}

/**
 * `done`: it has ended so; `begun`: it is on its way; `refused`: it makes no sense for a saga in that state; `unknown`: no
 * such saga. The same again gets the same answer and leaves no trace.
 */
export type OperatorAnswer =
  { result: 'done' | 'begun' | 'unknown' } | { result: 'refused'; reason: string };

/** Answers, and what the queue has to hear of once they are committed. */
export interface Operated {
  answers: Map<number, OperatorAnswer>;
  /** To be published. */
  entries: Entry[];
  /** Entries whose rows are gone. */
  withdrawn: Entry[];
  /** Sagas as they are now. */
  changed: Cohort[];
}

const done: OperatorAnswer = { result: 'done' };
const begun: OperatorAnswer = { result: 'begun' };
const refused = ({ id }: Saga, why: string): OperatorAnswer => ({
  result: 'refused',
  reason: `saga ${id} ${why}`,
});

/** Cancels sagas: a queued one ends at once, a running one turns to compensating. */
export async function cancelSagas(
  parts: EngineParts,
  sagaIds: number[],
  operator: Operator,
): Promise<Operated> {
  const { ids, keys } = await findLanes(parts, sagaIds);
  return parts.log.transaction(async (tx) => {
    const now = parts.clock();
    const locked = await lockSagas(tx, keys, ids);
    const { changes } = changeSagas(parts, locked, now, ({ state, members }) => {
      if (state.status === 'compensating') return [];
      const after = cancel(rulesOf(parts, state), state, now);
      const marked = withHistory(after.state, { at: now, verb: 'cancel', ...operator });
      return [{ members, state: marked, orders: after.orders }];
    });
    tx.write(changes);
    const answers = answersOf(sagaIds, locked.cohorts, answerToCancel);
    return { answers, entries: changes.entries, withdrawn: [], changed: changes.updated };
  });
}

function answerToCancel(before: Saga): OperatorAnswer {
  switch (before.status) {
    case 'queued':
    case 'cancelled':
      return done;
    case 'running':
      return begun;
    case 'compensating':
      return before.cancelled
        ? begun
        : refused(before, `is being taken back already (${before.error ?? 'a step failed'})`);
    case 'completed':
      return refused(before, 'has completed: nothing is left to cancel');
    case 'compensated':
      return refused(before, 'has been taken back already: nothing is left to cancel');
    case 'resolved':
      return refused(before, 'was resolved by an operator: nothing is left to cancel');
  }
}

/** How often a resolve begins anew because a commit went ahead of it; each time the saga made an attempt. */
const mostResolveRounds = 10;

/**
 * Ends compensating sagas that an operator vouches for. Their outstanding commands go before their lanes do, so
 * that nothing of theirs is sent beside the next saga of the key.
 */
export async function resolveSagas(
  parts: EngineParts,
  sagaIds: number[],
  operator: Operator,
): Promise<Operated> {
  for (let round = 1; round <= mostResolveRounds; round++) {
    const operated = await tryResolve(parts, sagaIds, operator);
    if (operated) return operated;
  }
  throw new ContendedError(
    'the sagas make attempts faster than they can be resolved: try again, or pause their node first',
  );
}

/** Undefined where a commit, between our taking the commands and our locking the lanes, has written new ones. */
async function tryResolve(
  parts: EngineParts,
  sagaIds: number[],
  operator: Operator,
): Promise<Operated | undefined> {
  const { ids, keys, known } = await findLanes(parts, sagaIds);
  // One that turns back only now is answered by its state under the lock, where its commands are found: next round.
  const compensating = known.filter(({ status }) => status === 'compensating').map(({ id }) => id);
  const withdrawing = new TakenBack();
  try {
    return await parts.log.transaction(async (tx) => {
      const now = parts.clock();
      const { taken, rest } = await tx.takeCommands(compensating);
      const locked = await lockSagas(tx, keys, ids);
      const { changes, ended } = changeSagas(parts, locked, now, ({ state, members }) => {
        if (state.status !== 'compensating') return [];
        const after = withHistory(resolve(state, now), { at: now, verb: 'resolve', ...operator });
        return [{ members, state: after, orders: [] }];
      });
      if (ended.length > 0 && (await tx.findOwed(ended)).size > 0) throw withdrawing;
      tx.write(changes);
      const answers = answersOf(sagaIds, locked.cohorts, answerToResolve);
      const entries = [...rest, ...changes.entries];
      return { answers, entries, withdrawn: taken, changed: changes.updated };
    });
  } catch (error) {
    if (error === withdrawing) return undefined;
    throw error;
  }
}

/** Rolls a transaction back that has to be begun anew. */
class TakenBack extends Error {
  override readonly name = 'TakenBack';
}

function answerToResolve(before: Saga): OperatorAnswer {
  switch (before.status) {
    case 'compensating':
    case 'resolved':
      return done;
    case 'queued':
      return refused(before, 'is queued: nothing of it has been sent, so cancel it');
    case 'running':
      return refused(before, 'is running: cancel it first, and resolve what cannot be taken back');
    case 'completed':
      return refused(before, 'has completed: nothing is left to resolve');
    case 'compensated':
    case 'cancelled':
      return refused(before, `has been taken back (${before.status}): nothing is left to resolve`);
  }
}

/**
 * Brings waiting steps forward: what `dueOf` says of the n-th saga, and never later than they are due. Their commands move
 * into rows of their own, so no other saga is hurried.
 */
export async function retrySagas(
  parts: EngineParts,
  sagaIds: number[],
  operator: Operator,
  dueOf: DueOf = (_index, now) => now,
): Promise<Operated & { hastened: number }> {
  const { ids, keys } = await findLanes(parts, sagaIds);
  return parts.log.transaction(async (tx) => {
    const now = parts.clock();
    const { taken, rest } = await tx.takeCommands(ids, now);
    const dueBySaga = new Map(ids.map((id, index) => [id, dueOf(index, now)]));
    const { entries, hastened } = respread(taken, dueBySaga, parts.randomness);
    const locked = await lockSagas(tx, keys, ids);
    const { changes } = changeSagas(parts, locked, now, ({ state, members: all }) => {
      const members = all.filter(({ id }) => hastened.has(id));
      const after = withHistory(state, { at: now, verb: 'retry', ...operator });
      return members.length > 0 ? [{ members, state: after, orders: [] }] : [];
    });
    changes.entries.push(...entries);
    tx.write(changes);
    const waiting = new Set(taken.flatMap(({ items }) => items.map(([sagaId]) => sagaId)));
    const answers = answersOf(sagaIds, locked.cohorts, (before) => answerToRetry(before, waiting));
    return {
      answers,
      entries: [...rest, ...changes.entries],
      withdrawn: taken,
      changed: changes.updated,
      hastened: hastened.size,
    };
  });
}

function answerToRetry(before: Saga, waiting: Set<number>): OperatorAnswer {
  if (waiting.has(before.id) || isRetriedAlready(before)) return begun;
  if (hasEnded(before.status))
    return refused(before, `has ended (${before.status}): nothing of it waits`);
  if (before.status === 'queued')
    return refused(before, `is queued: the saga before it on ${before.key} goes first`);
  return refused(before, 'does not wait: its steps are under way');
}

/** Whether no attempt has ended since an operator asked for one. */
function isRetriedAlready({ status, history, steps }: Saga): boolean {
  const last = history.at(-1);
  if (last?.verb !== 'retry' || hasEnded(status)) return false;
  return steps.every(({ log }) => (log.at(-1)?.[3] ?? 0) <= last.at);
}

/** Which of the sagas there are, and the lanes to lock for them. Their state may change until then. */
async function findLanes({ log }: EngineParts, sagaIds: number[]) {
  const known = await log.getSagas([...new Set(sagaIds)]);
  return {
    known,
    ids: known.map(({ id }) => id),
    keys: [...new Set(known.map(({ key }) => key))],
  };
}

function answersOf(
  sagaIds: number[],
  cohorts: Cohort[],
  answer: (before: Saga) => OperatorAnswer,
): Map<number, OperatorAnswer> {
  const sagas = new Map(sagasOf(cohorts).map((saga) => [saga.id, saga]));
  return new Map(
    sagaIds.map((id) => {
      const before = sagas.get(id);
      return [id, before ? answer(before) : { result: 'unknown' }];
    }),
  );
}
