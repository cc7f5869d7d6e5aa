import { hasEnded } from '@reliable-ops/contracts';
import { cancel, resolve } from './advance.ts';
import type { Entry } from './command.ts';
import { changeSagas } from './commit.ts';
import type { EngineParts } from './engine.ts';

/** `done`: it has ended; `begun`: it turns back and will end; `refused`: it makes no sense for a saga in that state; `unknown`: no such saga. */
export type OperatorAnswer = 'done' | 'begun' | 'refused' | 'unknown';

interface Operated {
  answers: Map<number, OperatorAnswer>;
  entries: Entry[];
  ended: number[];
}

/** Cancels sagas: a queued one ends at once, a running one turns to compensating. Again: the same answer. */
export async function cancelSagas(parts: EngineParts, sagaIds: number[]): Promise<Operated> {
  const { log, clock } = parts;
  const known = await log.getSagas(sagaIds);
  const answers = new Map<number, OperatorAnswer>(sagaIds.map((id) => [id, 'unknown']));
  for (const { id } of known) answers.set(id, 'refused');
  return log.transaction(async (tx) => {
    const now = clock();
    const keys = [...new Set(known.map(({ key }) => key))];
    const ids = known.map(({ id }) => id);
    const { changes, ended } = await changeSagas(parts, tx, keys, ids, now, (saga, rules) => {
      const after = cancel(rules, saga, now);
      if (after.saga.cancelled || hasEnded(after.saga.status))
        answers.set(saga.id, hasEnded(after.saga.status) ? 'done' : 'begun');
      return after;
    });
    for (const { id, status } of known) if (status === 'cancelled') answers.set(id, 'done');
    await tx.write(changes);
    return { answers, entries: changes.entries, ended };
  });
}

/**
 * Ends compensating sagas that an operator vouches for. Their outstanding commands go before their lanes do, so
 * that nothing of theirs is sent beside the next saga of the key.
 */
export async function resolveSagas(parts: EngineParts, sagaIds: number[]): Promise<Operated> {
  const { log, clock } = parts;
  const known = await log.getSagas(sagaIds);
  const answers = new Map<number, OperatorAnswer>(sagaIds.map((id) => [id, 'unknown']));
  for (const { id, status } of known) answers.set(id, status === 'resolved' ? 'done' : 'refused');
  const compensating = known.filter(({ status }) => status === 'compensating');
  return log.transaction(async (tx) => {
    const now = clock();
    const ids = compensating.map(({ id }) => id);
    await tx.dropCommands(ids);
    const keys = [...new Set(compensating.map(({ key }) => key))];
    const { changes, ended } = await changeSagas(parts, tx, keys, ids, now, (saga) => {
      answers.set(saga.id, 'done');
      return { saga: resolve(saga, now), commands: [] };
    });
    await tx.write(changes);
    return { answers, entries: changes.entries, ended };
  });
}
