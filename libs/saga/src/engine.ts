import { randomUUID } from 'node:crypto';
import { hasEnded } from '@reliable-ops/contracts';
import { isPostgresAway } from '@reliable-ops/database';
import { acceptRequests, type Accepted, type AcceptRequest } from './accept.ts';
import { groupChanged } from './announcement.ts';
import { createBatcher } from './batcher.ts';
import type { Entry, Participant } from './command.ts';
import { commitResults } from './commit.ts';
import type { Registry } from './definition.ts';
import { groupIntoJobs, type Randomness } from './entries.ts';
import type { EntryResult } from './entry-result.ts';
import type { SagaLog } from './log.ts';
import {
  cancelSagas,
  resolveSagas,
  retrySagas,
  type Operated,
  type Operator,
  type OperatorAnswer,
} from './operate.ts';
import { shieldObserver, type EngineObserver, type StuckSagas } from './observer.ts';
import { pauseParticipant, resumeParticipant, type PauseAnswer } from './pause.ts';
import type { JobQueue } from './queue.ts';
import { rampOf } from './ramp.ts';
import type { Cohort } from './record.ts';
import { createRunner } from './run.ts';
import { settleWithin } from './settle-within.ts';
import { createSiblings } from './siblings.ts';

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
  /** Default: none. */
  observer?: EngineObserver | undefined;
  /** Says what somebody should look at. Default: console.warn. */
  warn?(details: object, message: string): void;
}

export interface Engine {
  /** Accepts sagas; what it answers is committed. Throws IdempotencyConflictError; any other error: nothing was accepted, or (a lost commit) ask again with the same key. */
  accept(request: AcceptRequest): Promise<Accepted>;
  /** Carries out a job: hands its commands to the participants, commits the outcomes, publishes what comes next. Answers a line for people. */
  runJob(job: Entry[]): Promise<string>;
  /** Commits that a job's entries cannot be handled as a whole: each is halved, or counts as an unknown attempt. */
  failJob(job: Entry[], failure: string): Promise<void>;
  /** A queued saga ends at once, a running one turns to compensating. */
  cancel(sagaIds: number[], operator: Operator): Promise<Map<number, OperatorAnswer>>;
  /** A compensating saga ends, with nothing of it owed any more. Throws ContendedError. */
  resolve(sagaIds: number[], operator: Operator): Promise<Map<number, OperatorAnswer>>;
  /** A step that waits for its next attempt makes it now. */
  retry(sagaIds: number[], operator: Operator): Promise<Map<number, OperatorAnswer>>;
  /** The same for all stuck sagas, at most `perSecond` of them coming forward in a second. Works for some seconds: where more are left, `next` is the place to go on from. */
  retryStuck(operator: Operator, perSecond: number, from?: StuckPlace): Promise<RetriedStuck>;
  /** No job is begun on a participant until it is resumed; one in hand is finished. Paused already: the first pause stays. */
  pause(participant: string, operator: Operator): Promise<PauseAnswer>;
  /** Ends a pause; the deadlines of running sagas that it held up move by as long. */
  resume(participant: string): Promise<PauseAnswer>;
  /** Resolves when nothing is in flight. */
  idle(): Promise<void>;
}

/** Sagas in one transaction of accept. */
const acceptWeight = 10_000;
/** Commands in one transaction of commit: bounds its length, and so how long its lanes are locked. */
const commitWeight = 4_500;
/** Full transactions of commit at once: the processors work for one while the other waits for the disk. */
const commitConcurrency = 2;
/** Jobs in one call to the queue. */
const publishWeight = 200;
/** Milliseconds that a batch waits for the jobs of the one before it: a Redis that hangs holds up nobody for longer. */
const publishPatienceMs = 100;
/** Entries in one look for their rows. */
const standingWeight = 500;
/** A job this late, or one that was sent before, is checked against its row before it is carried out, in milliseconds. */
const lateMs = 1_000;
/** How long an outcome waits for its siblings, in times as long as its own took. */
const siblingPatience = 2;
/** Stuck sagas that are retried in one transaction. */
const stuckPage = 1_000;
/** Milliseconds after which a retry of all that are stuck lets its caller hear how far it is. */
const stuckWorkMs = 3_000;
/** Stuck sagas that a line of the log names. */
const namedStuck = 5;

/** How far a retry of all stuck sagas has come. */
export interface StuckPlace {
  /** Sagas below this id are left. */
  before: number;
  /** Sagas so far. */
  sagas: number;
  /** Milliseconds since 1970: the ramp's beginning. */
  startedAt: number;
}

export interface RetriedStuck {
  /** Stuck sagas seen, from the beginning. */
  sagas: number;
  /** Of those seen by this call, how many come earlier now. */
  hastened: number;
  next: StuckPlace | null;
}

export function createEngine({
  log,
  registry,
  queue,
  participants = {},
  clock = Date.now,
  randomness = { random: Math.random, id: randomUUID },
  report = (details, message) => console.error(message, details),
  warn = (details, message) => console.warn(message, details),
  observer: given,
}: EngineOptions): Engine {
  const parts: EngineParts = { log, registry, clock, randomness, report };
  const observer =
    given && shieldObserver(given, (error) => warn({ err: error }, 'an observer failed'));

  const publisher = createBatcher<Entry[], void>({
    maxWeight: publishWeight,
    async run(jobs) {
      const due = await withoutPaused(jobs);
      if (due.length > 0) await queue.add(due, clock());
      return jobs.map(() => undefined);
    },
  });
  /** A queue that has lost its marker has lost its pauses as well: then the log knows them. */
  const pausedOfLog = async (): Promise<Set<string>> =>
    new Set((await log.readPauses()).map(({ participant }) => participant));
  /** A pause that begins just now may stand in the queue, and not yet in the log. */
  const findPaused = async (names: string[]): Promise<Set<string>> => {
    const { paused, isWhole } = await queue.findPaused(names);
    return isWhole ? paused : new Set([...paused, ...(await pausedOfLog())]);
  };
  /** Until recovery has put the pauses back, nothing is added there. What siblings share is: who begins it asks. */
  const withoutPaused = async (jobs: Entry[][]): Promise<Entry[][]> => {
    const hasOwn = jobs.some((job) => job.length === 1);
    if (!hasOwn || (await queue.readMarker()) !== null) return jobs;
    const paused = await pausedOfLog();
    return jobs.filter((job) => job.length > 1 || !paused.has(job[0]!.participant));
  };
  // Not awaited by anybody who acknowledges: what is lost here is owed by the outbox, and recovery adds it.
  const publish = (entries: Entry[]): Promise<unknown> =>
    Promise.allSettled(groupIntoJobs(entries).map((job) => publisher.submit(job)));
  const announce = (changed: Cohort[]): void => {
    if (changed.length === 0) return;
    queue.announce(groupChanged(changed)).catch(() => {});
    const ended = observer ? changed.filter(({ state }) => hasEnded(state.status)) : [];
    if (ended.length > 0) observer?.ended(ended);
  };

  const isFaultOfOne = (error: unknown): boolean => !isPostgresAway(error);

  let acceptedJobs: Promise<unknown> = Promise.resolve();
  const accepter = createBatcher<AcceptRequest, Accepted>({
    maxWeight: acceptWeight,
    weightOf: ({ sagas }) => sagas.length,
    isFaultOfOne,
    afterwards: () => settleWithin(acceptedJobs, publishPatienceMs),
    async run(requests) {
      const since = performance.now();
      const { results, entries, changed } = await acceptRequests(parts, requests);
      acceptedJobs = publish(entries);
      announce(changed);
      observer?.accepted({ requests, results, tookMs: performance.now() - since });
      return results;
    },
  });

  let committedJobs: Promise<unknown> = Promise.resolve();
  const committer = createBatcher<EntryResult[], void>({
    maxWeight: commitWeight,
    fullConcurrency: commitConcurrency,
    weightOf: (results) => countCommands(results),
    isFaultOfOne,
    afterwards: () => settleWithin(committedJobs, publishPatienceMs),
    async run(families) {
      const since = performance.now();
      const results = families.flat();
      const { entries, changed, stuck } = await commitResults(parts, results);
      committedJobs = publish(entries);
      announce(changed);
      observer?.committed({
        entries: results.length,
        commands: countCommands(results),
        stuck,
        tookMs: performance.now() - since,
      });
      if (stuck.length > 0)
        warn(
          describeStuck(stuck),
          'sagas are stuck: they cannot be taken back, and keep trying (rops list --stuck)',
        );
      return families.map(() => undefined);
    },
  });

  /** One saga that cannot be committed holds up no other: it parts from its siblings, then its batch is halved until it stands alone. */
  const commitAlone = async (result: EntryResult): Promise<void> => {
    try {
      await committer.submit([result]);
    } catch (error) {
      const { id, participant: node, step, phase, attempt, items } = result.entry;
      if (isPostgresAway(error) || items.length === 1) throw error;
      warn(
        { err: error, entry: id, node, step, phase, attempt, sagas: items.length },
        'a batch cannot be committed: it is halved until the saga that spoils it stands alone',
      );
      await committer.submit([{ ...result, attempts: { failure: String(error) } }]);
    }
  };
  const commit = (results: EntryResult[]): Promise<void>[] => {
    if (results.length === 1) return results.map(commitAlone);
    const together = committer.submit(results);
    return results.map((result) =>
      together.catch((error: unknown) => {
        if (isPostgresAway(error)) throw error;
        return commitAlone(result);
      }),
    );
  };

  const runner = createRunner({
    participants,
    stepAttempts: registry.fewestAttempts,
    clock,
    observer,
  });
  const siblings = createSiblings({
    queue,
    patience: siblingPatience,
    clock,
    findPaused,
    publishAlone: async (entries) => {
      await Promise.all(entries.map((entry) => publisher.submit([entry])));
    },
    run: (entry) => runner.run(entry),
    commit,
  });

  const standing = createBatcher<Entry, boolean>({
    maxWeight: standingWeight,
    concurrency: 2,
    async run(entries) {
      const found = await log.findStanding(entries.map(({ id }) => id));
      return entries.map(({ id }) => found.has(id));
    },
  });
  /** An operator may have taken the row away while the job waited: what it would do now is no longer owed. */
  const mayBeGone = ({ dueAt, attempt }: Entry): boolean => clock() - dueAt > lateMs || attempt > 1;
  const findOwed = async (job: Entry[]): Promise<Entry[]> => {
    const owed = await Promise.all(job.map((entry) => !mayBeGone(entry) || standing.submit(entry)));
    return job.filter((_, n) => owed[n]);
  };

  const tellOf = ({ answers, entries, withdrawn, changed }: Operated) => {
    void publish(entries);
    announce(changed);
    if (withdrawn.length > 0) queue.withdraw(withdrawn).catch(() => {});
    return answers;
  };

  return {
    accept: (request) => accepter.submit(request),
    async runJob(job) {
      const owed = await findOwed(job);
      const results = owed.length > 0 ? await siblings.together(owed, job.length > 1) : [];
      return job
        .map((entry) => `${entry.participant}: ${tellEnd(entry, owed, results)}`)
        .join('; ');
    },
    failJob: (job, failure) =>
      committer.submit(job.map((entry) => ({ entry, startedAt: clock(), attempts: { failure } }))),
    cancel: async (sagaIds, operator) => tellOf(await cancelSagas(parts, sagaIds, operator)),
    resolve: async (sagaIds, operator) => tellOf(await resolveSagas(parts, sagaIds, operator)),
    retry: async (sagaIds, operator) => tellOf(await retrySagas(parts, sagaIds, operator)),
    async retryStuck(operator, perSecond, from) {
      const until = clock() + stuckWorkMs;
      let { before, sagas, startedAt } = from ?? {
        before: Number.MAX_SAFE_INTEGER,
        sagas: 0,
        startedAt: clock(),
      };
      const dueOf = rampOf(perSecond);
      for (let hastened = 0; ;) {
        const page = await log.listSagas({ stuck: true, limit: stuckPage, before });
        const ids = page.map(({ id }) => id);
        const offset = sagas;
        const retried = await retrySagas(parts, ids, operator, (index) =>
          dueOf(offset + index, startedAt),
        );
        tellOf(retried);
        sagas += ids.length;
        hastened += retried.hastened;
        if (ids.length < stuckPage) return { sagas, hastened, next: null };
        before = ids.at(-1)!;
        if (clock() > until) return { sagas, hastened, next: { before, sagas, startedAt } };
      }
    },
    pause: (participant, operator) => pauseParticipant(parts, queue, participant, operator),
    resume: (participant) => resumeParticipant(parts, queue, participant),
    async idle() {
      await Promise.all([accepter.idle(), standing.idle()]);
      await runner.idle();
      await siblings.idle();
      await committer.idle();
      await publisher.idle();
    },
  };
}

const countCommands = (results: EntryResult[]): number =>
  results.reduce((sum, { entry }) => sum + entry.items.length, 0);

/** How many sagas are stuck since now, and some of them. */
function describeStuck(stuck: StuckSagas[]): object {
  return {
    sagas: stuck.reduce((sum, { members }) => sum + members.length, 0),
    some: stuck
      .flatMap(({ members, ...failure }) =>
        members.slice(0, namedStuck).map(({ id, key }) => ({ saga: id, key, ...failure })),
      )
      .slice(0, namedStuck),
  };
}

/** What a job says of one of its entries. */
function tellEnd(entry: Entry, owed: Entry[], results: EntryResult[]): string {
  const result = results.find((one) => one.entry.id === entry.id);
  if (result) return summaryOf(result);
  return owed.includes(entry) ? 'goes on in its own queue' : 'no longer owed: its row is gone';
}

/** "480 applied, 20 unknown (408 Timeout due to Random Behavior, ...)" */
function summaryOf({ entry, attempts }: EntryResult): string {
  if (!Array.isArray(attempts)) return `not handled: ${attempts.failure}`;
  const errors = new Set<string>();
  const counts = { applied: 0, rejected: 0, unknown: entry.items.length };
  for (const outcome of attempts.flatMap(({ outcomes }) => outcomes)) {
    if (outcome.result !== 'applied' && errors.size < 3) errors.add(outcome.error);
    if (outcome.result === 'unknown') continue;
    counts[outcome.result]++;
    counts.unknown--;
  }
  const told = Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([result, n]) => `${n} ${result}`)
    .join(', ');
  return errors.size > 0 ? `${told} (${[...errors].join('; ')})` : told;
}
