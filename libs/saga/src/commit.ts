import { hasEnded } from '@reliable-ops/contracts';
import {
  advance,
  dispatch,
  start,
  type Advanced,
  type Dispatch,
  type Rules,
  type StepOutcome,
} from './advance.ts';
import { commandOf, type Entry, type Outcome } from './command.ts';
import type { EngineParts } from './engine.ts';
import { groupIntoEntries, splitEntry } from './entries.ts';
import { tellApart, type Attempt, type EntryResult } from './entry-result.ts';
import { BrokenInvariantError } from './errors.ts';
import { noChanges, type Changes, type LogTransaction } from './log.ts';
import type { StuckSagas } from './observer.ts';
import type { Cohort, Member, SagaState } from './record.ts';

export interface Committed {
  /** To be published. */
  entries: Entry[];
  /** Sagas as they are now. */
  changed: Cohort[];
  /** Sagas that are stuck since now. */
  stuck: StuckSagas[];
}

/**
 * Commits what came of some entries, in one transaction: takes their rows out of the outbox (an entry whose row is
 * gone was committed by somebody else and is left out), advances their sagas, hands lanes on, writes the next
 * commands.
 */
export async function commitResults(
  parts: EngineParts,
  results: EntryResult[],
): Promise<Committed> {
  const { log, clock, randomness } = parts;
  const items = results.flatMap(({ entry }) => entry.items);
  const ids = [...new Set(items.map(([sagaId]) => sagaId))];
  const keys = [...new Set(items.map(([, key]) => key))];
  return log.transaction(async (tx) => {
    const [standing, locked] = await Promise.all([
      tx.takeEntries(results.map(({ entry }) => entry.id)),
      lockSagas(tx, keys, ids),
    ]);
    const taken = results.filter(({ entry }) => standing.delete(entry.id));
    if (taken.length === 0) return { entries: [], changed: [], stuck: [] };

    const now = clock();
    const halves: Entry[] = [];
    const settled = new SettledOutcomes();
    for (const result of taken) {
      const attempts = attemptsOf(result);
      if (!attempts) {
        halves.push(...splitEntry(result.entry, now, randomness));
        continue;
      }
      for (const attempt of attempts) {
        reportBroken(parts, result.entry, attempt);
        settled.add(result.entry, attempt);
      }
    }

    const stuck: Committed['stuck'] = [];
    const { changes } = changeSagas(parts, locked, now, (cohort) =>
      settled.split(cohort).map(({ members, outcomes }) => {
        const rules = rulesOf(parts, cohort.state);
        const after = advance(rules, cohort.state, outcomes, now);
        if (after.state.stuck && !cohort.state.stuck)
          stuck.push({ ...lastFailureOf(rules, after.state), members });
        return { members, ...after };
      }),
    );
    changes.entries.push(...halves);
    tx.write(changes);
    return { entries: changes.entries, changed: changes.updated, stuck };
  });
}

/** The outcomes of some entries. Sagas in one state that have had the same ones go the same way. */
class SettledOutcomes {
  readonly #outcomes: StepOutcome[] = [];
  /** By saga: the places of its outcomes. */
  readonly #bySaga = new Map<number, string>();

  add({ step, phase }: Entry, { number: attempt, startedAt, items, outcomes }: Attempt): void {
    const { kinds, of } = tellApart(outcomes);
    const from = this.#outcomes.length;
    for (const outcome of kinds) this.#outcomes.push({ step, phase, attempt, startedAt, outcome });
    for (const [index, [sagaId]] of items.entries()) {
      const place = from + of[index]!;
      const others = this.#bySaga.get(sagaId);
      this.#bySaga.set(sagaId, others === undefined ? `${place}` : `${others} ${place}`);
    }
  }

  /** Parts of a cohort that have had the same outcomes; who has had none is left out. */
  split({ members }: Cohort): { members: Member[]; outcomes: StepOutcome[] }[] {
    const parts = new Map<string, Member[]>();
    for (const member of members) {
      const places = this.#bySaga.get(member.id);
      if (places === undefined) continue;
      const part = parts.get(places);
      if (part) part.push(member);
      else parts.set(places, [member]);
    }
    return [...parts].map(([places, part]) => ({
      members: part,
      outcomes: places.split(' ').map((place) => this.#outcomes[Number(place)]!),
    }));
  }
}

/** The row stood, so nobody may have sent anything newer: a node that says so has seen a token that was never drawn. */
function reportBroken({ report }: EngineParts, entry: Entry, attempt: Attempt): void {
  for (const [index, outcome] of attempt.outcomes.entries()) {
    if (outcome.result !== 'unknown' || !outcome.broken) continue;
    const { sagaId, key, step, token } = commandOf(entry, attempt.items[index]!);
    const node = entry.participant;
    report(
      {
        saga: sagaId,
        key,
        node,
        step,
        attempt: attempt.number,
        fence: token[0],
        error: outcome.error,
      },
      'broken invariant: a command whose outbox row stands is stale',
    );
  }
}

/** The compensation that failed last. */
function lastFailureOf(
  { definition }: Rules,
  { name, steps }: SagaState,
): Omit<StuckSagas, 'members'> {
  const failed = steps
    .filter(({ state }) => state === 'compensating')
    .flatMap((step) =>
      step.log.slice(-1).map(([, attempt, , endedAt, , error]) => ({
        step: step.name,
        attempt,
        endedAt,
        error: error ?? '',
      })),
    )
    .sort((one, other) => other.endedAt - one.endedAt)[0];
  const node = definition.steps.find((step) => step.name === failed?.step)?.participant ?? '';
  return { name, node, attempt: failed?.attempt ?? 0, error: failed?.error ?? '' };
}

/** Undefined where the batch has to be halved. A command alone that cannot be handled counts as unknown. */
function attemptsOf({ entry, startedAt, attempts }: EntryResult): Attempt[] | undefined {
  const { attempt: number, items } = entry;
  if (Array.isArray(attempts)) return attempts;
  if (items.length > 1) return undefined;
  const outcomes: Outcome[] = [{ result: 'unknown', error: attempts.failure }];
  return [{ number, startedAt, items, outcomes }];
}

/** Sagas as they are under the locks of their lanes. */
export interface LockedSagas {
  holders: Map<string, number | null>;
  cohorts: Cohort[];
  /** Of each lane the saga that is next in line, with a token. */
  next: Cohort[];
}

/** Locks lanes and reads sagas, in one round trip. */
export async function lockSagas(
  tx: LogTransaction,
  keys: string[],
  ids: number[],
): Promise<LockedSagas> {
  // In a later statement than the lock: its snapshot sees a saga accepted while we waited for the lane.
  const [holders, read] = await Promise.all([tx.lockLanes(keys), tx.readSagas(ids, keys)]);
  return { holders, ...read };
}

/** What becomes of sagas that have not ended; those left out stay as they are. */
type Change = (cohort: Cohort) => (Advanced & { members: Member[] })[];

/**
 * The part that every transition of accepted sagas shares: changes each that has not ended, and hands the lane of each
 * that ends now to the next in line. The caller writes the changes.
 */
export function changeSagas(
  parts: EngineParts,
  { holders, cohorts, next }: LockedSagas,
  now: number,
  change: Change,
): { changes: Changes; ended: number[] } {
  const changes = noChanges();
  const dispatches: Dispatch[] = [];
  const ended: number[] = [];
  const freed = new Set<string>();
  const apply = (rules: Rules, { state, orders, members }: Advanced & Cohort): void => {
    changes.updated.push({ state, members });
    dispatches.push(...dispatch(rules, state, orders, members));
  };

  for (const cohort of cohorts) {
    const { status } = cohort.state;
    if (hasEnded(status)) continue;
    const holdsLane = status !== 'queued';
    for (const changed of change(cohort)) {
      if (holdsLane) checkHolders(cohort.state, changed.members, holders);
      apply(rulesOf(parts, cohort.state), changed);
      if (!hasEnded(changed.state.status)) continue;
      for (const { id, key } of changed.members) {
        ended.push(id);
        if (holdsLane) freed.add(key);
      }
    }
  }

  for (const { state, members } of next) {
    const successors = members.filter(({ key }) => freed.delete(key));
    if (successors.length === 0) continue;
    const rules = rulesOf(parts, state);
    apply(rules, { ...start(rules, state, now), members: successors });
    changes.held.push(...successors.map(({ key, id }) => ({ key, holder: id })));
  }
  changes.released.push(...freed);
  changes.entries = groupIntoEntries(dispatches, now, parts.randomness);
  return { changes, ended };
}

function checkHolders(
  { status }: SagaState,
  members: Member[],
  holders: LockedSagas['holders'],
): void {
  for (const { id, key } of members)
    if (holders.get(key) !== id)
      throw new BrokenInvariantError(
        `saga ${id} is ${status} but lane ${key} is held by ${holders.get(key)}`,
      );
}

export function rulesOf({ registry }: EngineParts, { name, version }: SagaState): Rules {
  const definition = registry.get(name, version);
  return { definition, policy: registry.policyOf(definition) };
}
