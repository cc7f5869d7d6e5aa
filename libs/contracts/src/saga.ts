import { z } from 'zod';
import { limits } from './limits.ts';

/** `stuck` is a flag on a compensating saga, no status. */
export const sagaStatuses = [
  'queued',
  'running',
  'compensating',
  'completed',
  'compensated',
  'cancelled',
  'resolved',
] as const;
export const sagaStatus = z.enum(sagaStatuses);
export type SagaStatus = z.infer<typeof sagaStatus>;

export const endedStatuses = [
  'completed',
  'compensated',
  'cancelled',
  'resolved',
] as const satisfies SagaStatus[];
export const hasEnded = (status: SagaStatus): boolean =>
  (endedStatuses as readonly SagaStatus[]).includes(status);

/** Body of POST /v1/sagas, and one line of an NDJSON batch. `input` is checked by the saga's own schema. */
export const startSaga = z.strictObject({ saga: z.string().min(1), input: z.unknown() });
export type StartSaga = z.infer<typeof startSaga>;

/** Body of POST /v1/sagas/batch when it is JSON. */
export const startBatch = z.strictObject({
  saga: z.string().min(1),
  inputs: z.array(z.unknown()).min(1).max(limits.batchSagas),
});
export type StartBatch = z.infer<typeof startBatch>;

export const batchAccepted = z.object({ batchId: z.string(), accepted: z.int() });
export type BatchAccepted = z.infer<typeof batchAccepted>;

/** Sagas of a batch by status. The statuses add up to `total`; `stuck` counts some of the compensating ones. */
export const batchCounts = z.object({
  total: z.int(),
  queued: z.int(),
  running: z.int(),
  compensating: z.int(),
  completed: z.int(),
  compensated: z.int(),
  cancelled: z.int(),
  resolved: z.int(),
  stuck: z.int(),
});
export type BatchCounts = z.infer<typeof batchCounts>;
export const noSagas: Readonly<BatchCounts> = {
  total: 0,
  queued: 0,
  running: 0,
  compensating: 0,
  completed: 0,
  compensated: 0,
  cancelled: 0,
  resolved: 0,
  stuck: 0,
};

export const stepStates = [
  'pending', // not sent yet
  'preparing', // its before-image is being read
  'running', // its action is owed or under way
  'applied', // its action has taken effect
  'failed', // its action was rejected, or given up with an unknown outcome
  'compensating', // its compensation is owed or under way
  'compensated', // taken back
  'skipped', // never sent, so nothing to take back
] as const;
export const stepState = z.enum(stepStates);
export type StepState = z.infer<typeof stepState>;

export const outcomeResults = ['applied', 'rejected', 'unknown'] as const;
export type OutcomeResult = (typeof outcomeResults)[number];

export const phases = ['prepare', 'action', 'compensation'] as const;
export type Phase = (typeof phases)[number];

/** One attempt of a step, from its call to the commit of its outcome (ISO 8601). `detail`: the node's word, or the error. */
export const attemptView = z.object({
  phase: z.enum(phases),
  number: z.int(),
  startedAt: z.string(),
  endedAt: z.string(),
  result: z.enum(outcomeResults),
  detail: z.string().nullable(),
});
export type AttemptView = z.infer<typeof attemptView>;

export const stepView = z.object({
  name: z.string(),
  participant: z.string(),
  stage: z.int(),
  state: stepState,
  /** Attempts of the phase that the step is in. */
  attempts: z.int(),
  /** What the action answered, e.g. `created` or `existed`. */
  output: z.unknown(),
  lastError: z.string().nullable(),
  /** The last 20. */
  log: z.array(attemptView),
});
export type StepView = z.infer<typeof stepView>;

/** What an operator can do to a saga; each is kept in its history. */
export const operatorVerbs = ['cancel', 'retry', 'resolve'] as const;
export type OperatorVerb = (typeof operatorVerbs)[number];

export const historyView = z.object({
  at: z.string(),
  verb: z.enum(operatorVerbs),
  /** Who, as he named himself. */
  by: z.string(),
  note: z.string().nullable(),
});
export type HistoryView = z.infer<typeof historyView>;

export const sagaSummary = z.object({
  id: z.string(),
  saga: z.string(),
  version: z.int(),
  key: z.string(),
  status: sagaStatus,
  stuck: z.boolean(),
  input: z.unknown(),
  batchId: z.string().nullable(),
  /** Why it turned back, where it did. */
  error: z.string().nullable(),
  acceptedAt: z.string(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
});
export type SagaSummary = z.infer<typeof sagaSummary>;

/** GET /v1/sagas/:id */
export const sagaView = sagaSummary.extend({
  fence: z.number().nullable(),
  /** Past it, what fails is no longer retried but taken back. Null until the saga has its lane. */
  deadlineAt: z.string().nullable(),
  steps: z.array(stepView),
  /** What operators did to it, oldest first. */
  history: z.array(historyView),
});
export type SagaView = z.infer<typeof sagaView>;

/** GET /v1/sagas: newest first; `cursor` asks for the next page, null on the last. */
export const sagaPage = z.object({ sagas: z.array(sagaSummary), cursor: z.string().nullable() });
export type SagaPage = z.infer<typeof sagaPage>;

/** GET /v1/cluster: groups by node, null where a node is not reachable; `consistent` null where that hides the answer. */
export const clusterView = z.object({
  consistent: z.boolean().nullable(),
  nodes: z.record(z.string(), z.int().nullable()),
});
export type ClusterView = z.infer<typeof clusterView>;

/** GET /v1/status: what `rops status` shows. Null: not reachable. */
export const statusView = z.object({
  version: z.string(),
  postgres: z
    .object({ version: z.string(), migrations: z.object({ applied: z.int(), known: z.int() }) })
    .nullable(),
  redis: z.object({ version: z.string() }).nullable(),
  /** Jobs by queue: one a participant, and `stages` for what goes to several at once. */
  queues: z
    .record(z.string(), z.object({ waiting: z.int(), active: z.int(), delayed: z.int() }))
    .nullable(),
  /** Participants that an operator has paused. */
  paused: z.array(z.string()).nullable(),
  /** Rows of the outbox; `oldestOverdueSeconds`: how long the oldest row has been due, 0 where none is. */
  outbox: z.object({ rows: z.int(), oldestOverdueSeconds: z.number() }).nullable(),
  /** Sagas that have not ended. */
  sagas: z
    .object({ queued: z.int(), running: z.int(), compensating: z.int(), stuck: z.int() })
    .nullable(),
});
export type StatusView = z.infer<typeof statusView>;
