import type { SagaLog } from './log.ts';
import { removeEnded, type RetentionLog } from './retention.ts';

/** What maintenance asks of the saga log. */
export interface MaintenanceLog extends RetentionLog, Pick<SagaLog, 'takeLease'> {
  /** Milliseconds since the newest watermark; undefined where there is none. */
  measureWatermarkAge(): Promise<number | undefined>;
  /** Notes how far the fences have come by now. */
  takeWatermark(): Promise<void>;
  /** The fence up to which every token is older than that, and of a saga that has ended; undefined where that is not known yet. */
  readOldFence(minAgeMs: number): Promise<number | undefined>;
}

export interface MaintenanceOptions {
  log: MaintenanceLog;
  /** Tells the participants that tokens up to `floor` are stale for ever, so that they can forget what they kept for them. */
  prune(floor: number, signal: AbortSignal): Promise<PrunedParticipant[]>;
  /** Unique among processes. */
  holder: string;
  /** Milliseconds that an ended saga stays. */
  retentionMs: number;
  /** Milliseconds that a token stays valid at least, however late its request arrives. */
  tombstoneMs: number;
  /** Milliseconds between two passes, whoever makes them. */
  intervalMs: number;
  clock?(): number;
}

export interface PrunedParticipant {
  participant: string;
  /** Records that left. */
  removed: number;
  /** Records that stay, without the token that they had. */
  cleared: number;
  /** Why it is not done: the next pass goes on. */
  error: string | null;
}

export interface MaintenancePass {
  /** Another process is at it, or has done it less than an interval ago. */
  isMade: boolean;
  sagas: number;
  requests: number;
  floor: number;
  pruned: PrunedParticipant[];
}

/** The most that a lease lasts unless it is renewed, in milliseconds: a process that dies holds nobody up for longer. */
const longestLeaseMs = 60_000;
/** Of an interval: what has passed since the last pass before another one is due, so that timers that jitter skip none. */
const dueAfter = 0.9;

/**
 * Keeps growth bounded: ended sagas leave the log, tokens and tombstones leave the participants. Answers a function
 * that makes one pass, which ends early on `signal`. One process at a time makes it (a lease); two at once
 * would only do the work twice. The watermark comes last: a pass that failed on its way has left none, and is due again.
 */
export function createMaintenance({
  log,
  prune,
  holder,
  retentionMs,
  tombstoneMs,
  intervalMs,
  clock = Date.now,
}: MaintenanceOptions): (signal: AbortSignal) => Promise<MaintenancePass> {
  const leaseMs = Math.min(longestLeaseMs, 3 * intervalMs);
  let renewAt = 0;
  const holdLease = async (): Promise<boolean> => {
    const now = clock();
    if (now < renewAt) return true;
    if (!(await log.takeLease('maintenance', holder, now, now + leaseMs))) return false;
    renewAt = now + leaseMs / 3;
    return true;
  };

  return async (signal) => {
    const pass: MaintenancePass = { isMade: false, sagas: 0, requests: 0, floor: 0, pruned: [] };
    renewAt = 0;
    if (!(await holdLease())) return pass;
    const ageMs = await log.measureWatermarkAge();
    if (ageMs !== undefined && ageMs < intervalMs * dueAfter) return pass;

    pass.floor = (await log.readOldFence(tombstoneMs)) ?? 0;
    pass.pruned = await prune(pass.floor, signal);
    const endedBefore = clock() - retentionMs;
    Object.assign(pass, await removeEnded({ log, endedBefore, signal, mayGoOn: holdLease }));
    if (signal.aborted) return pass;
    await log.takeWatermark();
    return { ...pass, isMade: true };
  };
}
