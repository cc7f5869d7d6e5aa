import type { Saga, StepRecord } from '@reliable-ops/saga';
import { planOf, type PlannedSaga } from '../definitions.ts';
import { stuckAfter } from '../profile.ts';
import type { Expect } from './violations.ts';

const ended = new Set(['completed', 'compensated', 'cancelled', 'resolved']);
const active = new Set(['running', 'compensating']);
export const hasEnded = ({ status }: Saga): boolean => ended.has(status);
/** Whether it holds its lane. */
export const isActive = (saga: Saga | undefined): saga is Saga =>
  saga !== undefined && active.has(saga.status);

/** From one commit to the next: a saga with nothing to take back turns and ends in one. */
const legal: Record<string, string[]> = {
  nothing: ['queued', 'running'],
  queued: ['queued', 'running', 'cancelled'],
  running: ['running', 'completed', 'compensating', 'compensated', 'cancelled'],
  compensating: ['compensating', 'compensated', 'cancelled', 'resolved'],
};

export function checkTransition(before: Saga | undefined, after: Saga, expect: Expect): void {
  const from = before?.status ?? 'nothing';
  expect(
    legal[from]?.includes(after.status) ?? false,
    'status',
    () => `saga ${after.id} went from ${from} to ${after.status}`,
  );
}

const statesOfTakingBack: StepRecord['state'][] = [
  'preparing',
  'running',
  'applied',
  'failed',
  'compensating',
  'compensated',
  'skipped',
];
const statesTakenBack: StepRecord['state'][] = ['failed', 'compensated', 'skipped'];
/** What the steps of a saga may be in. */
const stepStates: Record<Saga['status'], StepRecord['state'][]> = {
  queued: ['pending'],
  running: ['pending', 'preparing', 'running', 'applied'],
  compensating: statesOfTakingBack,
  completed: ['applied'],
  compensated: statesTakenBack,
  cancelled: statesTakenBack,
  resolved: statesOfTakingBack,
};
const stepPlanOf = ({ stages }: PlannedSaga, step: string) =>
  stages.flat().find(({ node }) => node === step)!;

/** Whether status and steps say the same. */
export function checkSteps(saga: Saga, expect: Expect): void {
  const { id, status, steps, fence, endedAt } = saga;
  const plan = planOf(saga.name);
  for (const step of steps) {
    const hasNothingToTakeBack = stepPlanOf(plan, step.name).compensation === undefined;
    const isLeft = hasNothingToTakeBack && step.state === 'applied';
    const fits = stepStates[status].includes(step.state) || (isLeft && status !== 'queued');
    const isTakenBack =
      !['compensated', 'cancelled'].includes(status) ||
      step.state !== 'failed' ||
      !step.uncertain ||
      hasNothingToTakeBack;
    expect(
      fits && isTakenBack,
      'status',
      () =>
        `saga ${id} is ${status}, but its step ${step.name} is ${step.state}${step.uncertain ? ' and uncertain' : ''}`,
    );
    const isStuck = step.state === 'compensating' && step.attempts >= stuckAfter;
    expect(
      !isStuck || ended.has(status) || saga.stuck,
      'P6',
      () => `saga ${id} is not flagged stuck after ${step.attempts} attempts`,
    );
  }
  checkStages(saga, plan, expect);
  expect(
    !saga.stuck || status === 'compensating',
    'status',
    () => `saga ${id} is ${status} and stuck`,
  );
  expect(
    (endedAt !== null) === ended.has(status),
    'status',
    () => `saga ${id} is ${status}, ended at ${endedAt}`,
  );
  expect(
    status === 'queued' ? fence === null : fence !== null || status === 'cancelled',
    'status',
    () => `saga ${id} is ${status} with fence ${fence}`,
  );
}

/** Stages go forward one after another, and back the other way. */
function checkStages({ id, status, steps }: Saga, { stages }: PlannedSaga, expect: Expect): void {
  if (!active.has(status)) return;
  const stateOf = (node: string): StepRecord['state'] =>
    steps.find(({ name }) => name === node)!.state;
  const seen = stages.map((stage) => stage.map(({ node }) => stateOf(node)));
  for (let stage = 1; stage < seen.length; stage++) {
    const earlier = seen[stage - 1]!;
    const later = seen[stage]!;
    const isBegun = later.some((state) => state !== 'pending' && state !== 'skipped');
    const isOrdered =
      status === 'running'
        ? !isBegun || earlier.every((state) => state === 'applied')
        : !earlier.includes('compensating') ||
          !later.some((state) =>
            ['preparing', 'running', 'applied', 'compensating'].includes(state),
          );
    expect(
      isOrdered,
      'stages',
      () => `saga ${id} is ${status}, its stages are ${JSON.stringify(seen)}`,
    );
  }
}
