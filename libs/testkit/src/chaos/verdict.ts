import { groupBy } from './group-by.ts';
import { endWithinMs, type ChaosResult } from './run.ts';

/** Of the accepted sagas, so many have to complete: a run in which nothing works proves nothing. */
const leastCompleted = 0.3;

/** Why the run failed; empty when it did not. */
export function judge(result: ChaosResult): string[] {
  const { state, schedule, hits, findings, endedAfterMs, journal } = result;
  const reasons = findings.map(({ promise, text }) => `${promise} ${text}`);
  if (endedAfterMs === undefined)
    reasons.push(`P7 not all sagas ended within ${endWithinMs / 1_000} s of healing`);
  for (const line of journal.alarms()) reasons.push(`alarm: ${line.slice(0, 500)}`);
  const completed = state.sagas.filter(({ status }) => status === 'completed').length;
  if (completed < leastCompleted * Math.max(1, state.sagas.length))
    reasons.push(`too few sagas completed: ${completed} of ${state.sagas.length}`);
  for (const kind of new Set(schedule.map((move) => move.kind)))
    if ((hits.get(kind) ?? 0) === 0) reasons.push(`"${kind}" was planned and never hit`);
  return reasons;
}

/** What was done, and what came of it, in lines. */
export function describeResult(result: ChaosResult): string[] {
  const { state, record, schedule, hits, restarts, endedAfterMs, journal } = result;
  const statuses = [...groupBy(state.sagas, ({ status }) => status)]
    .map(([status, sagas]) => `${sagas.length} ${status}`)
    .join(', ');
  const planned = groupBy(schedule, ({ kind }) => kind);
  const answered = record.filter(({ batchIds }) => batchIds.length > 0).length;
  const sum = (of: (one: ChaosResult['record'][number]) => number): number =>
    record.reduce((total, one) => total + of(one), 0);
  return [
    'what was done (moves planned, times it hit):',
    ...[...planned].map(
      ([kind, moves]) =>
        `  ${kind.padEnd(20)} ${String(moves.length).padStart(3)} ${hits.get(kind) ?? 0}`,
    ),
    `started again: ${list(restarts)}`,
    ...(journal.crashes().size > 0 ? [`ended by themselves: ${list(journal.crashes())}`] : []),
    `client: ${record.length} requests, sent ${sum(({ sent }) => sent)} times, ${answered} answered 202, ${record.length - answered} never; ${sum(({ unanswered }) => unanswered)} attempts without an answer`,
    `sagas: ${state.sagas.length} (${statuses}) on ${new Set(state.sagas.map(({ key }) => key)).size} keys`,
    endedAfterMs === undefined
      ? 'not all have ended'
      : `last end: ${(endedAfterMs / 1_000).toFixed(1)} s after healing`,
  ];
}

const list = (counts: Map<string, number>): string =>
  [...counts].map(([name, times]) => `${name} ${times}`).join(', ') || 'nothing';
