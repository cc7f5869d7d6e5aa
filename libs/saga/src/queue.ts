import type { ChangedSagas } from './announcement.ts';
import type { Entry } from './command.ts';

/** Name of the queue of what siblings share: the steps of a stage are sent at the same time. No participant may be called so. */
export const stagesQueue = 'stages';

/**
 * The queue that drives the saga. It may lose anything at any time: the outbox knows what is owed. So nothing
 * here is waited for before something is acknowledged.
 */
export interface JobQueue {
  /**
   * Adds jobs, due when their entries are; one whose id exists is left alone. An entry alone goes to its participant's own queue, siblings
   * to the one that all share. Throws when the queue is away.
   */
  add(jobs: Entry[][], now: number): Promise<void>;
  /** Gives an entry that leaves its siblings, and is with its participant, a job of its own; `withdraw` says that it is back. */
  part(entry: Entry, now: number): Promise<void>;
  /**
   * Of `entries`, those without a waiting, delayed or active job, alone or with siblings. A finished one that is still there swallows a
   * new one of its id: withdraw it first.
   */
  findMissing(entries: Entry[]): Promise<Entry[]>;
  /** Removes the jobs of entries whose rows are gone, with those of all their siblings; except those under way. */
  withdraw(entries: Entry[]): Promise<void>;
  /** Pauses the queues of these participants, and resumes all others: no job is begun on a paused one. */
  pauseOnly(participants: string[]): Promise<void>;
  /** Of these participants, those whose queues are paused. `isWhole` false: it has no marker, and may have lost some. */
  findPaused(participants: string[]): Promise<{ paused: Set<string>; isWhole: boolean }>;
  /** The incarnation of the log whose jobs the queue holds; null: it has lost everything, or was never filled. */
  readMarker(): Promise<string | null>;
  writeMarker(incarnation: string): Promise<void>;
  /** Tells whoever listens what a transaction has changed. A hint: it may be lost. */
  announce(changed: ChangedSagas[]): Promise<void>;
}
