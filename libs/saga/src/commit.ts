import { hasEnded } from '@reliable-ops/contracts';
import { advance, start, type StepOutcome } from './advance.ts';
import type { DirectedCommand, Entry, Outcome } from './command.ts';
import type { EngineParts } from './engine.ts';
import { groupIntoEntries, splitEntry } from './entries.ts';
import { BrokenInvariantError } from './errors.ts';
import { noChanges, type Changes, type LogTransaction } from './log.ts';
import type { EndedSaga, StuckSaga } from './observer.ts';
import type { Saga } from './record.ts';

/** What came of an entry: an outcome for each command, or why the batch as a whole could not be handled. */
export interface EntryResult {
  entry: Entry;
  /** When the participant was asked. */
  startedAt: number;
  outcomes: Outcome[] | { failure: string };
}

export interface Committed {
  /** To be published. */
  entries: Entry[];
  /** Sagas that ended. */
  ended: EndedSaga[];
  /** Sagas that are stuck since now. */
  stuck: StuckSaga[];
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
  const { log, clock, randomness, report } = parts;
  return log.transaction(async (tx) => {
    const standing = await tx.takeEntries(results.map(({ entry }) => entry.id));
    const taken = results.filter(({ entry }) => standing.delete(entry.id));
    if (taken.length === 0) return { entries: [], ended: [], stuck: [] };

    const now = clock();
    const halves: Entry[] = [];
    const outcomes = new Map<number, StepOutcome[]>();
    const keys = new Set<string>();
    for (const result of taken) {
      const { entry, startedAt } = result;
      const settled = outcomesOf(result);
      if (!settled) {
        halves.push(...splitEntry(entry, now, randomness));
        continue;
      }
      for (const [
        index,
        { sagaId, key, step, phase, attempt, token },
      ] of entry.commands.entries()) {
        const outcome = settled[index]!;
        // The row stood, so nobody may have sent anything newer: a node that says so has seen a token that was never drawn.
        if (outcome.result === 'unknown' && outcome.broken)
          report(
            {
              saga: sagaId,
              key,
              node: entry.participant,
              step,
              attempt,
              fence: token[0],
              error: outcome.error,
            },
            'broken invariant: a command whose outbox row stands is stale',
          );
        keys.add(key);
        const stepOutcome = { step, phase, attempt, startedAt, outcome };
        const others = outcomes.get(sagaId);
        if (others) others.push(stepOutcome);
        else outcomes.set(sagaId, [stepOutcome]);
      }
    }

    const stuck: Committed['stuck'] = [];
    const { changes, ended } =
      outcomes.size > 0
        ? await changeSagas(parts, tx, [...keys], [...outcomes.keys()], now, (saga, rules) => {
            const after = advance(rules, saga, outcomes.get(saga.id)!, now);
            if (after.saga.stuck && !saga.stuck) stuck.push(stuckSagaOf(after.saga, rules));
            return after;
          })
        : { changes: noChanges(), ended: [] };
    changes.entries.push(...halves);
    await tx.write(changes);
    return { entries: changes.entries, ended, stuck };
  });
}

/** With the compensation that failed last. */
function stuckSagaOf(
  { id, key, name, steps }: Saga,
  { definition }: ReturnType<typeof rulesOf>,
): StuckSaga {
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
  return { id, key, name, node, attempt: failed?.attempt ?? 0, error: failed?.error ?? '' };
}

/** One outcome a command; undefined where the batch has to be halved. A command alone that cannot be handled counts as unknown. */
function outcomesOf({ entry, outcomes }: EntryResult): Outcome[] | undefined {
  if (!Array.isArray(outcomes)) {
    if (entry.commands.length > 1) return undefined;
    return [{ result: 'unknown', error: outcomes.failure }];
  }
  if (outcomes.length !== entry.commands.length)
    throw new BrokenInvariantError(
      `entry ${entry.id}: ${outcomes.length} outcomes for ${entry.commands.length} commands`,
    );
  return outcomes;
}

/** What becomes of a saga that has not ended; undefined: it stays as it is. */
type Change = (
  saga: Saga,
  rules: ReturnType<typeof rulesOf>,
) => { saga: Saga; commands: DirectedCommand[] } | undefined;

/**
 * The part that every transition of accepted sagas shares: locks their lanes, reads them, changes each that has not
 * ended, and hands the lane of each that ends now to the next in line. The caller writes the changes. `sagas`: as they
 * were, read under the lock.
 */
export async function changeSagas(
  parts: EngineParts,
  tx: LogTransaction,
  keys: string[],
  sagaIds: number[],
  now: number,
  change: Change,
): Promise<{ changes: Changes; ended: EndedSaga[]; sagas: Map<number, Saga> }> {
  const holders = await tx.lockLanes(keys);
  // In a later statement than the lock: its snapshot sees a saga accepted while we waited for the lane.
  const { sagas, next } = await tx.readSagas(sagaIds, keys);

  const changes = noChanges();
  const commands: DirectedCommand[] = [];
  const ended: EndedSaga[] = [];
  for (const before of sagas.values()) {
    if (hasEnded(before.status)) continue;
    const holdsLane = before.status !== 'queued';
    if (holdsLane && holders.get(before.key) !== before.id)
      throw new BrokenInvariantError(
        `saga ${before.id} is ${before.status} but lane ${before.key} is held by ${holders.get(before.key)}`,
      );
    const after = change(before, rulesOf(parts, before));
    if (!after) continue;
    changes.updated.push(after.saga);
    commands.push(...after.commands);
    if (!hasEnded(after.saga.status)) continue;
    ended.push(after.saga);
    if (!holdsLane) continue;
    const successor = next.get(before.key);
    if (!successor) {
      changes.released.push(before.key);
      continue;
    }
    const started = start(rulesOf(parts, successor.saga), successor.saga, successor.fence, now);
    changes.updated.push(started.saga);
    changes.held.push({ key: before.key, holder: started.saga.id });
    commands.push(...started.commands);
  }
  changes.entries = groupIntoEntries(commands, now, parts.randomness);
  return { changes, ended, sagas };
}

function rulesOf({ registry }: EngineParts, saga: Saga) {
  const definition = registry.get(saga.name, saga.version);
  return { definition, policy: registry.policyOf(definition) };
}
