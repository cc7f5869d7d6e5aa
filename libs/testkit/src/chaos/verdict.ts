import { groupBy } from './group-by.ts';
import { endWithinMs, type ChaosResult } from './run.ts';

/** Of the accepted sagas, so many have to complete: a run in which nothing works proves nothing. */
const leastCompleted = 0.3;
/** Of each step of the saga that ended last. */
const shownAttempts = 4;

/** Why the run failed; empty when it did not. */
export function judge(result: ChaosResult): string[] {
  const { state, record, schedule, hits, findings, ended, journal } = result;
  const reasons = findings.map(({ promise, text }) => `${promise} ${text}`);
  if (!ended) reasons.push(`P7 not all sagas ended within ${endWithinMs / 1_000} s of healing`);
  for (const { repeats, batchIds, idempotencyKey, silences } of record)
    if (repeats !== 'never' && batchIds.length === 0)
      reasons.push(`P7 ${idempotencyKey} was not accepted after healing: ${silences.at(-1)}`);
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
  const { state, record, schedule, hits, restarts, journal } = result;
  const statuses = [...groupBy(state.sagas, ({ status }) => status)]
    .map(([status, sagas]) => `${sagas.length} ${status}`)
    .join(', ');
  const planned = groupBy(schedule, ({ kind }) => kind);
  const answered = record.filter(({ batchIds }) => batchIds.length > 0).length;
  const silences = new Map(
    [
      ...groupBy(
        record.flatMap((one) => one.silences),
        (reason) => reason,
      ),
    ].map(([reason, all]) => [reason, all.length]),
  );
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
    `client: ${record.length} requests, sent ${sum(({ sent }) => sent)} times, ${answered} answered 202, ${record.length - answered} never; attempts without an answer: ${list(silences)}`,
    `sagas: ${state.sagas.length} (${statuses}) on ${new Set(state.sagas.map(({ key }) => key)).size} keys`,
    ...describeLast(result),
  ];
}

const list = (counts: Map<string, number>): string =>
  [...counts].map(([name, times]) => `${name} ${times}`).join(', ') || 'nothing';

/**
 * How long the end took, and what held it up: the saga that ended last may only have waited for others of its key, so the
 * first of them that was still under way at healing tells the story, in seconds since then.
 */
function describeLast({ state, healedAt }: ChaosResult): string[] {
  const byEnd = [...state.sagas].sort((a, b) => timeOf(a.endedAt) - timeOf(b.endedAt));
  const last = byEnd.at(-1);
  if (!last) return [];
  if (last.endedAt === null) return ['not all have ended'];
  const since = (at: number): string => `${((at - healedAt) / 1_000).toFixed(1)} s`;
  let first = last;
  for (const saga of byEnd.toReversed()) {
    const isBefore = saga.key === first.key && timeOf(saga.endedAt) <= timeOf(first.startedAt);
    if (isBefore && timeOf(saga.endedAt) > healedAt) first = saga;
  }
  return [
    `last end: ${since(last.endedAt.getTime())} after healing: saga ${last.id} (${last.key}); held up by saga ${first.id}, accepted ${since(first.acceptedAt.getTime())}, begun ${since(timeOf(first.startedAt))}, ${first.status} ${since(timeOf(first.endedAt))}`,
    ...first.steps.flatMap(({ name, log }) =>
      log
        .slice(-shownAttempts)
        .map(
          ([phase, n, startedAt, endedAt, result, detail]) =>
            `  ${name} ${phase} ${n}: ${since(startedAt)} to ${since(endedAt)} ${result} ${detail ?? ''}`,
        ),
    ),
  ];
}

/** Of one that has not ended: after all others. */
const timeOf = (at: Date | null): number => at?.getTime() ?? Number.MAX_SAFE_INTEGER;
