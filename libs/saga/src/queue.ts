import type { ChangedSagas } from './announcement.ts';
import type { Entry } from './command.ts';
import type { EntryResult } from './entry-result.ts';

/**
 * The queue that drives the saga. It may lose anything at any time: the outbox knows what is owed. So nothing
 * here is waited for before something is acknowledged.
 */
export interface JobQueue {
  /** Adds a job for each entry, due when the entry is; an entry whose job exists is left alone. Throws when the queue is away. */
  add(entries: Entry[], now: number): Promise<void>;
  /** Of `entries`, those without a waiting, delayed or active job. A finished one that is still there swallows a new one of its id: withdraw it first. */
  findMissing(entries: Entry[]): Promise<Entry[]>;
  /** Removes the jobs of entries whose rows are gone, except those under way. */
  withdraw(entries: Entry[]): Promise<void>;
  /** Pauses the queues of these participants, and resumes all others: no job is begun on a paused one. */
  pauseOnly(participants: string[]): Promise<void>;
  /** The incarnation of the log whose jobs the queue holds; null: it has lost everything, or was never filled. */
  readMarker(): Promise<string | null>;
  writeMarker(incarnation: string): Promise<void>;
  /** Tells whoever listens what a transaction has changed. A hint: it may be lost. */
  announce(changed: ChangedSagas[]): Promise<void>;
  /**
   * Leaves what came of an entry to whoever brings the last of its siblings. Null: others are missing. Where it is the last it
   * answers all that was left and its own; another's is borrowed: it has the items of this one.
   */
  handOver(result: EntryResult): Promise<EntryResult[] | null>;
  /** Whether somebody has it. */
  isTaken(entry: Entry): Promise<boolean>;
  /** Takes back what was handed over, and is missed by nobody then. False: somebody has it. */
  takeBack(entry: Entry): Promise<boolean>;
}
