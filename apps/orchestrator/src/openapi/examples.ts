import { STATUS_CODES } from 'node:http';
import type {
  BatchCounts,
  ChangesEvent,
  NodeFaults,
  ParticipantView,
  Problem,
  SagaSummary,
  SagaView,
  StatusView,
  VerifyFinding,
} from '@reliable-ops/contracts';

/** What the document shows: one saga, as it is at several times, and what surrounds it. A test holds each to its schema. */
const acceptedAt = '2026-11-25T12:00:00.000Z';
const startedAt = '2026-11-25T12:00:00.000Z';
const endedAt = '2026-11-25T12:00:00.041Z';
export const batchId = '0b8f6f0e-3c0e-4c55-9a3e-6f1f0f5b8a11';

export const running: SagaSummary = {
  id: '12',
  saga: 'create-group',
  version: 1,
  key: 'group:5',
  status: 'running',
  stuck: false,
  input: { groupId: '5' },
  batchId,
  error: null,
  acceptedAt,
  startedAt,
  endedAt: null,
};
export const completed: SagaSummary = { ...running, status: 'completed', endedAt };

const stepOf = (participant: string): SagaView['steps'][number] => ({
  name: participant,
  participant,
  stage: 0,
  state: 'applied',
  attempts: 1,
  output: 'created',
  lastError: null,
  log: [{ phase: 'action', number: 1, startedAt, endedAt, result: 'applied', detail: 'created' }],
});
export const view: SagaView = {
  ...completed,
  fence: 1_795_608_000_000_012,
  deadlineAt: '2026-11-25T12:05:00.000Z',
  steps: ['node01', 'node02', 'node03'].map(stepOf),
  history: [],
};
export const takenBack: SagaView = {
  ...view,
  status: 'compensating',
  endedAt: null,
  error: 'cancelled by an operator',
  steps: view.steps.map((step) => ({ ...step, state: 'compensating' })),
  history: [{ at: acceptedAt, verb: 'cancel', by: 'anna', note: 'ordered twice' }],
};

export const counts: BatchCounts = {
  total: 100,
  queued: 0,
  running: 8,
  compensating: 1,
  completed: 90,
  compensated: 1,
  cancelled: 0,
  resolved: 0,
  stuck: 0,
};
const { input: _, ...changed } = completed;
export const changes: ChangesEvent = {
  at: endedAt,
  active: { queued: 0, running: 8, compensating: 1, stuck: 0 },
  changed: {
    queued: 0,
    running: 3,
    compensating: 0,
    completed: 1,
    compensated: 0,
    cancelled: 0,
    resolved: 0,
  },
  sagas: [changed],
  left: 3,
};

export const operator = { by: 'anna', note: 'ordered twice' };
const jobs = { waiting: 0, active: 1, delayed: 2 };
export const participant: ParticipantView = { name: 'node02', paused: null, jobs };
export const paused: ParticipantView = {
  ...participant,
  paused: { by: 'anna', at: acceptedAt, note: 'new disks' },
};
export const faults: NodeFaults = {
  error: 0.2,
  lostReply: 0,
  delayMs: 50,
  reset: 0,
  down: false,
  seed: null,
};
export const processStatus: StatusView = {
  version: '0.1.0',
  postgres: { version: '18.4', migrations: { applied: 3, known: 3 } },
  redis: { version: '7.0.15' },
  queues: { node01: jobs, node02: jobs, node03: jobs, stages: jobs },
  paused: [],
  outbox: { rows: 3, oldestOverdueSeconds: 0 },
  sagas: { queued: 0, running: 8, compensating: 1, stuck: 0 },
};
export const finding: VerifyFinding = {
  promise: 'P1',
  key: 'group:5',
  node: 'node02',
  expected: 'present',
  found: 'absent',
  sagaId: '12',
};
export const problemOf = (status: number, code: string, detail: string): Problem => ({
  type: 'about:blank',
  title: STATUS_CODES[status] ?? 'Error',
  status,
  detail,
  code,
});
