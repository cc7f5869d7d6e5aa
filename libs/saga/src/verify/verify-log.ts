import type { SagaStatus, StepState, VerifyFinding } from '@reliable-ops/contracts';

/**
 * What verify asks of the saga log: reads only, each one statement, so each answer is the log of one moment. No
 * transaction stays open between two of them.
 */
export interface VerifyLog {
  /** Sagas in the order (key, id), after `after`: all there are, page by page. */
  readSagasByKey(query: { after: LanePlace | undefined; limit: number }): Promise<LoggedSaga[]>;
  /** Those of `ids` that are there, in the order (key, id). */
  readLoggedSagas(ids: number[]): Promise<LoggedSaga[]>;
  /** How the lanes of `keys` stand; a key without a saga is left out. */
  readLaneStates(keys: string[]): Promise<Map<string, LaneState>>;
  /** Where sagas, lanes and outbox do not fit together; at most `limit`. */
  findBrokenLinks(limit: number): Promise<VerifyFinding[]>;
}

export interface LanePlace {
  key: string;
  id: number;
}

/** A saga, as far as verify looks at it. */
export interface LoggedSaga {
  id: number;
  key: string;
  name: string;
  version: number;
  status: SagaStatus;
  fence: number | null;
  hasEndTime: boolean;
  /** Of a completed saga only those that are not applied: a million sagas have three million others. */
  steps: LoggedStep[];
}

export interface LoggedStep {
  name: string;
  state: StepState;
  /** The action may have happened. */
  uncertain: boolean;
}

/** What the sagas of a key say, taken together. */
export interface LaneState {
  key: string;
  lastSagaId: number;
  /** Sagas that have not ended. */
  active: number;
  /** Of the completed and resolved ones the one with the greatest fence: what it left stands. Null: there is none. */
  decisive: { sagaId: number; name: string; status: SagaStatus } | null;
}
