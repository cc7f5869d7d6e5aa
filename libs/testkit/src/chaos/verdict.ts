import { groupBy } from './group-by.ts';
import { endWithinMs, type ChaosResult } from './run.ts';

/** Of the accepted sagas, so many have to complete: a run in which nothing works proves nothing. */
const leastCompleted = 0.3;
/** Of each step of the saga that ended last. */
const shownAttempts = 4;

/** Why the run failed; empty when it did not. */
export function judge(result: ChaosResult): string[] {
  const { state, schedule, hits, findings, ended, journal } = result;
  const reasons = findings.map(({ promise, text }) => `${promise} ${text}`);
  if (!ended) reasons.push(`P7 not all sagas ended within ${endWithinMs / 1_000} s of healing`);
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

/** The saga that ended last, with what held it up: its last attempts at each step, in seconds since healing. */
function describeLast({ state, healedAt }: ChaosResult): string[] {
  const last = [...state.sagas].sort((a, b) => timeOf(a.endedAt) - timeOf(b.endedAt)).at(-1);
  if (!last) return [];
  const since = (at: number): string => `${((at - healedAt) / 1_000).toFixed(1)} s`;
  if (last.endedAt === null) return ['not all have ended'];
  return [
    `last end: ${since(last.endedAt.getTime())} after healing: saga ${last.id} (${last.key}) ${last.status}, begun ${since(timeOf(last.startedAt))}`,
    ...last.steps.flatMap(({ name, log }) =>
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
