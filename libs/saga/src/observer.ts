import type { AcceptRequest, AcceptResult } from './accept.ts';
import type { Command, Outcome } from './command.ts';
import type { Cohort, Member } from './record.ts';

/**
 * Hears what the engine has done, a batch at a time: for metrics and logs. It is called between two batches of
 * the hot path, so it must be quick. What it throws is logged, and harms nothing.
 */
export interface EngineObserver {
  /** A transaction of accept has been committed. */
  accepted?(batch: AcceptedBatch): void;
  /** A participant was asked. */
  called?(call: ParticipantCall): void;
  /** A transaction of commit has been committed. */
  committed?(batch: CommittedBatch): void;
  /** Sagas have ended: by a commit, or by an operator's word. Each is told of once, by the process that committed it. */
  ended?(cohorts: Cohort[]): void;
}

export interface AcceptedBatch {
  requests: AcceptRequest[];
  /** In the order of the requests. */
  results: AcceptResult[];
  tookMs: number;
}

/** One call: commands of one kind, of entries that waited at the same time. */
export interface ParticipantCall {
  participant: string;
  kind: string;
  commands: Command[];
  /** One a command; or why the call as a whole could not be handled. */
  outcomes: Outcome[] | { failure: string };
  tookMs: number;
}

export interface CommittedBatch {
  entries: number;
  commands: number;
  stuck: StuckSagas[];
  tookMs: number;
}

/** Sagas that are stuck since now, and the attempt that made them so. */
export interface StuckSagas {
  members: Member[];
  name: string;
  node: string;
  attempt: number;
  error: string;
}

/** An observer that throws does no harm: what it was told of is committed already. `onError` hears of the error. */
export function shieldObserver(
  observer: EngineObserver,
  onError: (error: unknown) => void,
): Required<EngineObserver> {
  const shielded =
    <Told>(tell: ((told: Told) => void) | undefined) =>
    (told: Told): void => {
      try {
        tell?.(told);
      } catch (error) {
        onError(error);
      }
    };
  return {
    accepted: shielded((batch: AcceptedBatch) => observer.accepted?.(batch)),
    called: shielded((call: ParticipantCall) => observer.called?.(call)),
    committed: shielded((batch: CommittedBatch) => observer.committed?.(batch)),
    ended: shielded((cohorts: Cohort[]) => observer.ended?.(cohorts)),
  };
}
