import type {
  OperatorVerb,
  OutcomeResult,
  Phase,
  SagaStatus,
  StepState,
} from '@reliable-ops/contracts';
import type { Json } from './json.ts';

/** What each saga has for itself. */
export interface Member {
  id: number;
  /** Its lane. */
  key: string;
  input: Json;
  /** Its fencing token, drawn when it gets its lane. */
  fence: number | null;
  /** Sagas of one request have the same. */
  batchId: string | null;
  /** W3C trace context of the request that it came with; null: nobody traces it. */
  traceparent: string | null;
}

/** How far a saga is: the same for all of a batch that went the same way. Times are milliseconds since 1970. */
export interface SagaState {
  name: string;
  version: number;
  status: SagaStatus;
  stuck: boolean;
  /** An operator asked for it: when everything is taken back it ends as `cancelled`. */
  cancelled: boolean;
  steps: StepRecord[];
  /** Why it turned back. */
  error: string | null;
  /** What operators did to it, oldest first. */
  history: HistoryRecord[];
  acceptedAt: number;
  startedAt: number | null;
  deadlineAt: number | null;
  endedAt: number | null;
}

/** A saga as the log keeps it. */
export interface Saga extends Member, SagaState {}

/** Sagas in one state: what becomes of them is decided, sent and written once. */
export interface Cohort {
  state: SagaState;
  members: Member[];
}

/** The sagas of cohorts, one by one. */
export const sagasOf = (cohorts: Cohort[]): Saga[] =>
  cohorts.flatMap(({ state, members }) => members.map((member) => ({ ...state, ...member })));

export interface HistoryRecord {
  at: number;
  verb: OperatorVerb;
  /** Who, as he named himself. */
  by: string;
  note: string | null;
}

export interface StepRecord {
  name: string;
  state: StepState;
  /** Attempts whose outcome is known to the log, of the phase that the step is in. */
  attempts: number;
  /** Some attempt of the action ended unknown: it may have happened, so it must be taken back. */
  uncertain?: true;
  before?: Json;
  output?: Json;
  /** The last attempts, oldest first. */
  log: AttemptRecord[];
}

/** phase, number, started at, ended at, result, detail */
export type AttemptRecord = [Phase, number, number, number, OutcomeResult, string | null];
