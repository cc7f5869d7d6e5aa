import { randomUUID } from 'node:crypto';
import { isPostgresAway } from '@reliable-ops/database';
import { acceptRequests, type Accepted, type AcceptRequest } from './accept.ts';
import { createBatcher } from './batcher.ts';
import type { Entry, Participant } from './command.ts';
import { commitResults, type EntryResult } from './commit.ts';
import type { Registry } from './definition.ts';
import type { Randomness } from './entries.ts';
import type { SagaLog } from './log.ts';
import { cancelSagas, resolveSagas, type OperatorAnswer } from './operate.ts';
import type { JobQueue } from './queue.ts';
import { createRunner } from './run.ts';

/** What the verbs work with. Clock and chance come in from here, so that a simulation can pass its own. */
export interface EngineParts {
  log: SagaLog;
  registry: Registry;
  /** Milliseconds since 1970. */
  clock(): number;
  randomness: Randomness;
  /** Says loudly that a promise is in danger. */
  report(details: object, message: string): void;
}

export interface EngineOptions extends Partial<EngineParts> {
  log: SagaLog;
  registry: Registry;
  queue: JobQueue;
  /** Who carries out the commands, by name. A process that only accepts has none. */
  participants?: Record<string, Participant>;
}

export interface Engine {
  /** Accepts sagas; what it answers is committed. Throws IdempotencyConflictError; any other error: nothing was accepted, or (a lost commit) ask again with the same key. */
  accept(request: AcceptRequest): Promise<Accepted>;
  /** Carries out a job: hands its commands to the participant, commits the outcomes, publishes what comes next. Answers a line for people. */
  runEntry(entry: Entry): Promise<string>;
  /** Commits that an entry cannot be handled as a whole: it is halved, or counts as an unknown attempt. */
  failEntry(entry: Entry, failure: string): Promise<void>;
  cancel(sagaIds: number[]): Promise<Map<number, OperatorAnswer>>;
  resolve(sagaIds: number[]): Promise<Map<number, OperatorAnswer>>;
  /** Resolves when nothing is in flight. */
  idle(): Promise<void>;
}

/** Sagas in one transaction of accept. */
const acceptWeight = 10_000;
/** Commands in one transaction of commit: bounds its length, and so how long its lanes are locked. */
const commitWeight = 4_000;
/** Entries in one call to the queue. */
const publishWeight = 200;

export function createEngine({
  log,
  registry,
  queue,
  participants = {},
  clock = Date.now,
  randomness = { random: Math.random, id: randomUUID },
  report = (details, message) => console.error(message, details),
}: EngineOptions): Engine {
  const parts: EngineParts = { log, registry, clock, randomness, report };

  const publisher = createBatcher<Entry, void>({
    maxWeight: publishWeight,
    async run(entries) {
      await queue.add(entries, clock());
      return entries.map(() => undefined);
    },
  });
  // Not awaited by anybody who acknowledges: what is lost here is owed by the outbox, and recovery adds it.
  const publish = (entries: Entry[]): void => {
    for (const entry of entries) publisher.submit(entry).catch(() => {});
  };
  const announce = (sagaIds: number[]): void => {
    if (sagaIds.length > 0) queue.announceEnded(sagaIds).catch(() => {});
  };

  const isFaultOfOne = (error: unknown): boolean => !isPostgresAway(error);

  const accepter = createBatcher<AcceptRequest, Accepted>({
    maxWeight: acceptWeight,
    weightOf: ({ sagas }) => sagas.length,
    isFaultOfOne,
    async run(requests) {
      const { results, entries } = await acceptRequests(parts, requests);
      publish(entries);
      return results;
    },
  });

  const committer = createBatcher<EntryResult, void>({
    maxWeight: commitWeight,
    weightOf: ({ entry }) => entry.commands.length,
    isFaultOfOne,
    async run(results) {
      const { entries, ended } = await commitResults(parts, results);
      publish(entries);
      announce(ended);
      return results.map(() => undefined);
    },
  });

  const runner = createRunner(participants, clock);

  return {
    accept: (request) => accepter.submit(request),
    async runEntry(entry) {
      const result = await runner.run(entry);
      await committer.submit(result);
      return summaryOf(result);
    },
    failEntry: (entry, failure) =>
      committer.submit({ entry, startedAt: clock(), outcomes: { failure } }),
    async cancel(sagaIds) {
      const { answers, entries, ended } = await cancelSagas(parts, sagaIds);
      publish(entries);
      announce(ended);
      return answers;
    },
    async resolve(sagaIds) {
      const { answers, entries, ended } = await resolveSagas(parts, sagaIds);
      publish(entries);
      announce(ended);
      return answers;
    },
    async idle() {
      await Promise.all([accepter.idle(), runner.idle()]);
      await committer.idle();
      await publisher.idle();
    },
  };
}

/** "480 applied, 20 unknown (408 Timeout due to Random Behavior, ...)" */
function summaryOf({ outcomes }: EntryResult): string {
  if (!Array.isArray(outcomes)) return `not handled: ${outcomes.failure}`;
  const errors = new Set<string>();
  const counts = { applied: 0, rejected: 0, unknown: 0 };
  for (const outcome of outcomes) {
    counts[outcome.result]++;
    if (outcome.result !== 'applied' && errors.size < 3) errors.add(outcome.error);
  }
  const told = Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([result, n]) => `${n} ${result}`)
    .join(', ');
  return errors.size > 0 ? `${told} (${[...errors].join('; ')})` : told;
}
