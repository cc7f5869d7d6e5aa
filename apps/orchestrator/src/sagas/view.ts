import type { AttemptView, SagaSummary, SagaView, StepView } from '@reliable-ops/contracts';
import type { Registry, Saga, SagaDefinition, StepRecord } from '@reliable-ops/saga';
import { findDefinition } from '../known-definition.ts';

/** A saga as lists show it. */
export function summaryOf(saga: Saga): SagaSummary {
  return {
    id: String(saga.id),
    saga: saga.name,
    version: saga.version,
    key: saga.key,
    status: saga.status,
    stuck: saga.stuck,
    input: saga.input,
    batchId: saga.batchId,
    error: saga.error,
    acceptedAt: timeOf(saga.acceptedAt),
    startedAt: timeOrNull(saga.startedAt),
    endedAt: timeOrNull(saga.endedAt),
  };
}

/** A saga in full. One whose definition this process does not know is shown by what the log alone says. */
export function viewOf(registry: Registry, saga: Saga): SagaView {
  const definition = findDefinition(registry, saga);
  return {
    ...summaryOf(saga),
    fence: saga.fence,
    deadlineAt: timeOrNull(saga.deadlineAt),
    steps: saga.steps.map((step) => stepViewOf(step, definition)),
    history: saga.history.map((record) => ({ ...record, at: timeOf(record.at) })),
  };
}

function stepViewOf(step: StepRecord, definition: SagaDefinition | undefined): StepView {
  const defined = definition?.steps.find(({ name }) => name === step.name);
  const log = step.log.map(([phase, number, startedAt, endedAt, result, detail]): AttemptView => ({
    phase,
    number,
    startedAt: timeOf(startedAt),
    endedAt: timeOf(endedAt),
    result,
    detail,
  }));
  return {
    name: step.name,
    participant: defined?.participant ?? step.name,
    stage: defined?.stage ?? 0,
    state: step.state,
    attempts: step.attempts,
    output: step.output ?? null,
    lastError: log.findLast(({ result }) => result !== 'applied')?.detail ?? null,
    log,
  };
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
const timeOrNull = (ms: number | null): string | null => (ms === null ? null : timeOf(ms));
