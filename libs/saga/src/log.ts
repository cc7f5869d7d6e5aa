import type { BatchCounts, SagaStatus } from '@reliable-ops/contracts';
import type { Entry } from './command.ts';
import type { Cohort, Saga } from './record.ts';

/**
 * The saga log: the one place that decides. A transition is one transaction of a few statements, each over
 * arrays. The verbs (accept.ts, commit.ts, operate.ts) say in which order; this port says what each
 * statement promises. Locks are taken in the order outbox, lanes, sagas.
 */
export interface SagaLog {
  /**
   * Runs `work` in one transaction; when it throws, nothing has happened. Its statements run in the order in which they were
   * called, one after another, whether each is awaited or not: what needs no answer of another shares its round trip.
   */
  transaction<T>(work: (tx: LogTransaction) => Promise<T>): Promise<T>;
  /** The ids of a batch's sagas, in the order accepted. */
  sagaIdsOf(batchId: string): Promise<number[]>;
  getSagas(ids: number[]): Promise<Saga[]>;
  listSagas(query: SagaQuery): Promise<Saga[]>;
  /** Undefined where no saga was accepted under that id. */
  countBatch(batchId: string): Promise<BatchCounts | undefined>;
  /** Of `ids`, those that have ended. */
  endedOf(ids: number[]): Promise<number[]>;
  /** Of these Idempotency-Keys, those that a request was accepted with. */
  findRequests(keys: string[]): Promise<Set<string>>;
  countActive(): Promise<{ queued: number; running: number; compensating: number; stuck: number }>;
  measureOutbox(): Promise<{ rows: number; oldestDueAt: number | null }>;
  /** Outbox rows due before `dueBefore`, in the order (due, id), after `after`. */
  readEntries(query: {
    dueBefore: number;
    after: Cursor | undefined;
    limit: number;
  }): Promise<Entry[]>;
  /** Of `entryIds`, those whose rows stand in the outbox. */
  findStanding(entryIds: string[]): Promise<Set<string>>;
  /** Commands of a participant's outbox rows, by pages of rows: `after` is the last page's `last`, null at the end. */
  readOwed(query: { participant: string; after: string | null; limit: number }): Promise<{
    sagas: { id: number; key: string }[];
    last: string | null;
  }>;
  readPauses(): Promise<Pause[]>;
  /** Stuck sagas, and the last errors of the compensations that they wait for, the commonest first, at most `limit`. */
  groupStuck(limit: number): Promise<{ sagas: number; causes: StuckCause[] }>;
  /** Takes or renews a lease; false where somebody else has it. */
  takeLease(name: string, holder: string, now: number, until: number): Promise<boolean>;
  /** Names this log among all that were ever made. */
  incarnation(): Promise<string>;
}

export interface Cursor {
  dueAt: number;
  id: string;
}

/** A participant whose queue an operator has paused. */
export interface Pause {
  participant: string;
  by: string;
  note: string | null;
  pausedAt: number;
}

/** Sagas of one definition whose step's compensation failed last with the same error. */
export interface StuckCause {
  name: string;
  version: number;
  step: string;
  error: string;
  sagas: number;
}

export interface SagaQuery {
  status?: SagaStatus;
  name?: string;
  key?: string;
  stuck?: boolean;
  limit: number;
  /** Only sagas older than this one. */
  before?: number;
  /** Only this saga and newer ones. */
  since?: number;
}

export interface LogTransaction {
  /**
   * Enters Idempotency-Keys that nobody has used; waits for whoever is entering the same one.
   * Answers what now stands under each key: this claim's batch, or an older one's.
   */
  claimRequests(claims: RequestClaim[]): Promise<Map<string, { batchId: string; digest: string }>>;
  /**
   * Locks the lanes of `keys` (one key a new saga; repeats allowed), making those that are missing, and then
   * draws for each saga an id and a fence: both grow along each lane. Answers in the order of `keys`;
   * `holder`: the saga that has the lane, null where nobody has.
   */
  takeLanes(keys: string[]): Promise<{ id: number; holder: number | null; fence: number }[]>;
  /** The newest saga of each key, however it stands; a key without one is left out. Call it with their lanes locked. */
  readLastSagaIds(keys: string[]): Promise<Map<string, number>>;
  /** Deletes outbox rows; answers the ids of those that were still there: only their outcomes count. */
  takeEntries(ids: string[]): Promise<Set<string>>;
  /** Locks lanes. A key that is missing has no lane: nobody holds it. */
  lockLanes(keys: string[]): Promise<Map<string, number | null>>;
  /** Reads sagas, and for each of `keys` the oldest queued saga, if any, with a fence drawn now: call it with their lanes locked. */
  readSagas(ids: number[], keys: string[]): Promise<{ cohorts: Cohort[]; next: Cohort[] }>;
  /**
   * Takes the commands of these sagas out of the outbox, those due after `dueAfter` (default: all). Before any lane is
   * locked. Every row that held one goes. `taken`: such a row with the commands taken; `rest`: a new row for what else
   * it held, due when it was. New, so that the job of the old one has no row and does nothing.
   */
  takeCommands(sagaIds: number[], dueAfter?: number): Promise<{ taken: Entry[]; rest: Entry[] }>;
  /** Of these sagas, those with commands in the outbox. With their lanes locked nobody adds any. */
  findOwed(sagaIds: number[]): Promise<Set<number>>;
  /** Locks all pauses, against everybody who writes them or tells the queue of them; answers them. */
  lockPauses(): Promise<Pause[]>;
  /** With the pauses locked. */
  writePause(pause: Pause): Promise<void>;
  deletePause(participant: string): Promise<void>;
  /** Writes everything that a transition changes: the last statement. It goes out with the commit, which waits for it and fails with it. */
  write(changes: Changes): void;
}

export interface RequestClaim {
  key: string;
  digest: string;
  batchId: string;
  acceptedAt: number;
}

export interface Changes {
  inserted: Cohort[];
  updated: Cohort[];
  /** Lanes that get a new holder. */
  held: { key: string; holder: number }[];
  /** Lanes that nobody wants: their rows go. */
  released: string[];
  entries: Entry[];
}
export const noChanges = (): Changes => ({
  inserted: [],
  updated: [],
  held: [],
  released: [],
  entries: [],
});
