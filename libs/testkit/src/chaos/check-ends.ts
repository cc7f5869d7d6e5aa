import type { Finding } from './check.ts';
import type { SagaState, State } from './state.ts';
import { groupBy } from './group-by.ts';

/** Of each ended status, the states that its steps may be in. */
const endStates: Record<string, string[]> = {
  completed: ['applied'],
  // failed: rejected, so that nothing is to be taken back.
  compensated: ['compensated', 'skipped', 'failed'],
  cancelled: ['compensated', 'skipped', 'failed'],
};

/** Everything has ended and nothing is owed; each saga's steps say what its status says; fences grow along each key. */
export function checkEnds({ sagas, lanes, outbox }: State): Finding[] {
  const findings: Finding[] = [];
  for (const saga of sagas)
    if (saga.endedAt === null)
      findings.push({ promise: 'P7', text: `saga ${saga.id} (${saga.key}) is ${saga.status}` });
  for (const { key, holder } of lanes)
    findings.push({ promise: 'P7', text: `lane ${key} is there, held by ${holder}` });
  for (const { id, participant, kind, commands } of outbox)
    findings.push({
      promise: 'P7',
      text: `outbox row ${id} owes ${commands} x ${kind} to ${participant}`,
    });
  for (const saga of sagas) findings.push(...checkSteps(saga));
  for (const [key, own] of groupBy(sagas, (saga) => saga.key)) {
    // A saga that was cancelled in the queue never had a fence.
    const fenced = own.filter(({ fence }) => fence !== null).sort((a, b) => a.id - b.id);
    for (const [index, saga] of fenced.entries())
      if (index > 0 && fenced[index - 1]!.fence! >= saga.fence!)
        findings.push({
          promise: 'P4',
          text: `${key}: saga ${saga.id} has fence ${saga.fence}, ${fenced[index - 1]!.id} before it ${fenced[index - 1]!.fence}`,
        });
  }
  return findings;
}

function checkSteps({ id, status, steps, fence }: SagaState): Finding[] {
  const legal = endStates[status];
  if (!legal) return [];
  const wrong = steps.filter(
    ({ state, uncertain }) => !legal.includes(state) || (state === 'failed' && uncertain === true),
  );
  const findings = wrong.map(({ name, state }): Finding => ({
    promise: 'P1',
    text: `saga ${id} is ${status}, its step ${name} ${state}`,
  }));
  if (status !== 'cancelled' && fence === null)
    findings.push({ promise: 'P5', text: `saga ${id} is ${status} without a fence` });
  return findings;
}
