import { endedStatuses, outcomeResults } from '@reliable-ops/contracts';
import type {
  AcceptedBatch,
  Cohort,
  CommittedBatch,
  EngineObserver,
  ParticipantCall,
  Registry as SagaRegistry,
} from '@reliable-ops/saga';
import { Counter, Histogram, type Registry } from 'prom-client';
import { createTally } from './tally.ts';

/** From what an idle system takes for a saga to its deadline, and beyond. */
const sagaSeconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 1_800];
/** A call ends at its time-out at the latest (CALL_TIMEOUT, 5 s). */
const callSeconds = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const transactionSeconds = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batchSizes = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/**
 * Counts what the engine does. Labels are the names of sagas and nodes, kinds, outcomes: never an id. What a batch has in
 * common is looked up once; a saga costs one observation (0.3 us).
 */
export function createEngineMetrics(
  registry: Registry,
  { names, get }: Pick<SagaRegistry, 'names' | 'get'>,
): EngineObserver {
  const registers = [registry];
  const accepted = new Counter({
    name: 'rops_sagas_accepted_total',
    help: 'Sagas accepted: committed in Postgres',
    labelNames: ['saga'],
    registers,
  });
  const ended = new Counter({
    name: 'rops_sagas_ended_total',
    help: 'Sagas that have ended, by how',
    labelNames: ['saga', 'status'],
    registers,
  });
  const flaggedStuck = new Counter({
    name: 'rops_sagas_flagged_stuck_total',
    help: 'Sagas that became stuck',
    labelNames: ['saga'],
    registers,
  });
  const duration = new Histogram({
    name: 'rops_saga_duration_seconds',
    help: 'From accepted to ended, by how it ended',
    labelNames: ['saga', 'status'],
    buckets: sagaSeconds,
    registers,
  });
  const steps = new Counter({
    name: 'rops_steps_total',
    help: 'Steps of sagas that have ended, by the state in which they ended',
    labelNames: ['node', 'outcome'],
    registers,
  });
  const attempts = new Counter({
    name: 'rops_step_attempts_total',
    help: 'Attempts of steps, by what came of them',
    labelNames: ['node', 'kind', 'outcome'],
    registers,
  });
  const callDuration = new Histogram({
    name: 'rops_call_duration_seconds',
    help: 'Calls of nodes; a call carries a batch of attempts',
    labelNames: ['node', 'kind'],
    buckets: callSeconds,
    registers,
  });
  const callCommands = new Histogram({
    name: 'rops_call_commands',
    help: 'Attempts in a call',
    labelNames: ['node', 'kind'],
    buckets: batchSizes,
    registers,
  });
  const acceptSagas = new Histogram({
    name: 'rops_accept_sagas',
    help: 'Sagas in a transaction of accept',
    buckets: batchSizes,
    registers,
  });
  const acceptDuration = new Histogram({
    name: 'rops_accept_duration_seconds',
    help: 'Transactions of accept',
    buckets: transactionSeconds,
    registers,
  });
  const commitCommands = new Histogram({
    name: 'rops_commit_commands',
    help: 'Attempts in a transaction of commit',
    buckets: batchSizes,
    registers,
  });
  const commitDuration = new Histogram({
    name: 'rops_commit_duration_seconds',
    help: 'Transactions of commit',
    buckets: transactionSeconds,
    registers,
  });
  // A series that begins at 0 has a rate from its first event on.
  for (const saga of names) {
    accepted.inc({ saga }, 0);
    flaggedStuck.inc({ saga }, 0);
    for (const status of endedStatuses) ended.inc({ saga, status }, 0);
  }

  /** What a call is told to, found once for each node and kind. */
  const seriesOf = remember((node: string, kind: string) => ({
    commands: callCommands.labels(node, kind),
    duration: callDuration.labels(node, kind),
    applied: attempts.labels(node, kind, 'applied'),
    rejected: attempts.labels(node, kind, 'rejected'),
    unknown: attempts.labels(node, kind, 'unknown'),
    unhandled: attempts.labels(node, kind, 'unhandled'),
  }));
  const nodesOf = remember(
    (saga: string, version: number) =>
      new Map(get(saga, version).steps.map(({ name, participant }) => [name, participant])),
  );

  return {
    accepted({ requests, results, tookMs }: AcceptedBatch) {
      const counts = createTally();
      let all = 0;
      for (const [index, { sagas }] of requests.entries()) {
        const result = results[index];
        if (!result || result instanceof Error || result.sagaIds.length === 0) continue;
        all += result.sagaIds.length;
        const skipped = new Set(result.skipped);
        for (const [place, { definition }] of sagas.entries())
          if (!skipped.has(place)) counts.add(definition.name);
      }
      for (const [saga, n] of counts) accepted.inc({ saga }, n);
      acceptSagas.observe(all);
      acceptDuration.observe(tookMs / 1_000);
    },

    called({ participant, kind, commands, outcomes, tookMs }: ParticipantCall) {
      const own = seriesOf(participant, kind);
      own.commands.observe(commands.length);
      own.duration.observe(tookMs / 1_000);
      if (!Array.isArray(outcomes)) return own.unhandled.inc(commands.length);
      const counts = { applied: 0, rejected: 0, unknown: 0 };
      for (const { result } of outcomes) counts[result]++;
      for (const outcome of outcomeResults)
        if (counts[outcome] > 0) own[outcome].inc(counts[outcome]);
    },

    committed({ commands, stuck, tookMs }: CommittedBatch) {
      commitCommands.observe(commands);
      commitDuration.observe(tookMs / 1_000);
      for (const { name, members } of stuck) flaggedStuck.inc({ saga: name }, members.length);
    },

    ended(cohorts: Cohort[]) {
      const counts = createTally();
      for (const { state, members } of cohorts) {
        const { name: saga, version, status, acceptedAt, endedAt } = state;
        const sagas = members.length;
        ended.inc({ saga, status }, sagas);
        const seconds = Math.max(0, (endedAt ?? acceptedAt) - acceptedAt) / 1_000;
        const observed = duration.labels(saga, status);
        for (let n = 0; n < sagas; n++) observed.observe(seconds);

        const nodes = nodesOf(saga, version);
        for (const { name, state: outcome } of state.steps)
          counts.add(`${nodes.get(name) ?? name}\n${outcome}`, sagas);
      }
      for (const [id, n] of counts) {
        const [node = '', outcome = ''] = id.split('\n');
        steps.inc({ node, outcome }, n);
      }
    },
  };
}

/** `find`, asked once for each pair: there are few. */
function remember<Second extends string | number, Found>(
  find: (first: string, second: Second) => Found,
): (first: string, second: Second) => Found {
  const known = new Map<string, Found>();
  return (first, second) => {
    const id = `${first}\n${second}`;
    let found = known.get(id);
    if (found === undefined) {
      found = find(first, second);
      known.set(id, found);
    }
    return found;
  };
}
