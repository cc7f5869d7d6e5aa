import { limits, type Phase, type SagaStatus } from '@reliable-ops/contracts';
import { backoffBound } from './backoff.ts';
import type { CommandHead, CommandItem, Outcome } from './command.ts';
import type { SagaDefinition, SagaPolicy, StagedStep, StepDefinition } from './definition.ts';
import { BrokenInvariantError, DefinitionError } from './errors.ts';
import type { Json } from './json.ts';
import type { HistoryRecord, Member, SagaState, StepRecord } from './record.ts';

/**
 * The heart of the engine: what a saga does next. Data in, data out; no clock, no random, no I/O.
 *
 *   queued -> running -> completed
 *               |  (rejected, given up, cancelled)
 *               v
 *          compensating -> compensated | cancelled
 */
export const transitions: Readonly<Record<SagaStatus, readonly SagaStatus[]>> = {
  queued: ['running', 'cancelled'],
  running: ['completed', 'compensating'],
  compensating: ['compensated', 'cancelled', 'resolved'],
  completed: [],
  compensated: [],
  cancelled: [],
  resolved: [],
};

/** An outcome on its way into the log. */
export interface StepOutcome {
  step: string;
  phase: Phase;
  attempt: number;
  /** When the attempt began. */
  startedAt: number;
  outcome: Outcome;
}

/** What applies to a saga: its definition and the policy in force. */
export interface Rules {
  definition: SagaDefinition;
  policy: SagaPolicy;
}

/** What is to be sent next, for each saga in the state that it belongs to. */
export interface Order {
  head: CommandHead;
  /** The delay is drawn between 0 and this; 0: at once. */
  backoffMs: number;
}

/** An order with its commands. */
export interface Dispatch extends Order {
  items: CommandItem[];
}

export interface Advanced {
  state: SagaState;
  orders: Order[];
}

/** The state of a saga that has just been accepted. */
export function newSteps(definition: SagaDefinition): StepRecord[] {
  return definition.steps.map(({ name }) => ({ name, state: 'pending', attempts: 0, log: [] }));
}

/** The saga has got its lane, and with it its fencing token. */
export function start(rules: Rules, queued: SagaState, now: number): Advanced {
  const state = { ...copyOf(queued), startedAt: now, deadlineAt: now + rules.policy.deadlineMs };
  moveTo(state, 'running');
  return { state, orders: proceed(rules, state, now) };
}

/**
 * The outcomes of some of its commands have come, in the order of the attempts. One for a step that does not wait for it
 * (a repeat, or a saga that has ended meanwhile) changes nothing.
 */
export function advance(
  rules: Rules,
  before: SagaState,
  outcomes: StepOutcome[],
  now: number,
): Advanced {
  const state = copyOf(before);
  const retries = outcomes
    .flatMap((outcome) => settle(rules, state, outcome, now))
    .filter(({ head }) => isAwaited(state, head));
  return { state, orders: [...retries, ...proceed(rules, state, now)] };
}

/** An operator takes it back. A saga that has ended, or already turns back, is left as it is. */
export function cancel(rules: Rules, before: SagaState, now: number): Advanced {
  const state = copyOf(before);
  if (state.status === 'queued') {
    for (const step of state.steps) step.state = 'skipped';
    return { state: ended(state, 'cancelled', now), orders: [] };
  }
  if (state.status !== 'running') return { state, orders: [] };
  state.cancelled = true;
  state.error = 'cancelled by an operator';
  moveTo(state, 'compensating');
  return { state, orders: proceed(rules, state, now) };
}

/** With what an operator did at the end of its history, of which the log keeps the last part. */
export const withHistory = (state: SagaState, record: HistoryRecord): SagaState => ({
  ...state,
  history: [...state.history, record].slice(-limits.historyKept),
});

/**
 * A participant was paused since `pausedAt`: the saga could not go on there, so its deadline moves by as long.
 * Done twice it has more time than it lost, never less.
 */
export function extendDeadline(before: SagaState, pausedAt: number, now: number): SagaState {
  const { status, startedAt, deadlineAt } = before;
  if (status !== 'running' || startedAt === null || deadlineAt === null) return before;
  return { ...before, deadlineAt: deadlineAt + Math.max(0, now - Math.max(pausedAt, startedAt)) };
}

/** An operator vouches that he has cleaned up: a compensating saga ends, whatever its steps say. */
export function resolve(before: SagaState, now: number): SagaState {
  return ended(copyOf(before), 'resolved', now);
}

/**
 * Orders with their commands, one for each saga in that state. Where steps ask one function with the same context, it is asked once, and
 * they share the items. Throws BrokenInvariantError where a saga has no fencing token.
 */
export function dispatch(
  rules: Rules,
  { steps }: SagaState,
  orders: Order[],
  members: Member[],
): Dispatch[] {
  const outputs: Record<string, Json> = {};
  for (const { name, output } of steps) if (output !== undefined) outputs[name] = output;
  const made: { data: StepDefinition['data']; context: string; items: CommandItem[] }[] = [];
  return orders.map((order) => {
    const { phase } = order.head;
    const step = steps.find(({ name }) => name === order.head.step)!;
    const { data } = definitionOf(rules.definition, step);
    const { before, output } = step;
    const context = data ? JSON.stringify({ phase, before, output }) : '';
    const known = made.find((one) => one.data === data && one.context === context);
    if (known) return { ...order, items: known.items };
    const items = members.map(({ id, key, input, fence, traceparent }): CommandItem => {
      if (fence === null) throw new BrokenInvariantError(`saga ${id} has no token to send`);
      const own = data?.({ input, phase, before, output, outputs }) ?? input;
      return traceparent === null ? [id, key, fence, own] : [id, key, fence, own, traceparent];
    });
    made.push({ data, context, items });
    return { ...order, items };
  });
}

// ---- one outcome ----

const awaitedIn: Record<Phase, StepRecord['state']> = {
  prepare: 'preparing',
  action: 'running',
  compensation: 'compensating',
};

/** Whether a step waits for what comes of this attempt. */
const isAwaited = (
  { steps }: SagaState,
  { step: name, phase, attempt }: Pick<StepOutcome, 'step' | 'phase' | 'attempt'>,
): boolean =>
  steps.some(
    (step) =>
      step.name === name && step.state === awaitedIn[phase] && step.attempts + 1 === attempt,
  );

/** Writes one outcome into its step; answers the order that tries again, if it is to be tried again. */
function settle(rules: Rules, saga: SagaState, settled: StepOutcome, now: number): Order[] {
  const { phase, attempt, startedAt, outcome } = settled;
  if (!isAwaited(saga, settled)) return [];
  const step = saga.steps.find(({ name }) => name === settled.step)!;
  const detail = outcome.result === 'applied' ? detailOf(outcome.output) : outcome.error;
  step.attempts = attempt;
  step.log.push([phase, attempt, startedAt, now, outcome.result, detail]);
  if (step.log.length > limits.attemptsKept) step.log.shift();

  if (phase === 'compensation') {
    if (outcome.result === 'applied') {
      step.state = 'compensated';
      saga.stuck = saga.stuck && saga.steps.some((other) => isStuck(rules, other));
      return [];
    }
    saga.stuck ||= isStuck(rules, step);
    return [orderFor(rules, step, phase, backoffBound(phase, attempt))];
  }

  if (outcome.result === 'applied') {
    if (phase === 'prepare') {
      step.before = outcome.output ?? null;
      step.state = 'pending';
      step.attempts = 0;
    } else {
      step.output = outcome.output ?? null;
      step.state = 'applied';
    }
    return [];
  }
  // A read has nothing to take back, however it ended.
  if (outcome.result === 'unknown' && phase === 'action') step.uncertain = true;
  const triesAgain =
    outcome.result === 'unknown' &&
    saga.status === 'running' &&
    attempt < rules.policy.stepAttempts &&
    now < (saga.deadlineAt ?? 0);
  if (triesAgain) return [orderFor(rules, step, phase, backoffBound(phase, attempt))];
  step.state = 'failed';
  saga.error ??= `${step.name}: ${outcome.error}`;
  return [];
}

const isStuck = ({ policy }: Rules, step: StepRecord): boolean =>
  step.state === 'compensating' && step.attempts >= policy.stuckAfter;

// ---- what comes next ----

/** Sends what may be sent now, and ends the saga where nothing is left to do. */
function proceed(rules: Rules, saga: SagaState, now: number): Order[] {
  if (saga.status === 'running' && saga.steps.some(({ state }) => state === 'failed'))
    moveTo(saga, 'compensating');
  if (saga.status === 'running') return goOn(rules, saga, now);
  if (saga.status === 'compensating') return goBack(rules, saga, now);
  return [];
}

/** The pending steps of the first stage that is not through. */
function goOn(rules: Rules, saga: SagaState, now: number): Order[] {
  for (let stage = 0; stage < rules.definition.stages; stage++) {
    const steps = stepsOf(rules, saga, stage);
    if (steps.every(({ step }) => step.state === 'applied')) continue;
    return steps
      .filter(({ step }) => step.state === 'pending')
      .map(({ step, definition }) => {
        const phase = definition.prepare && step.before === undefined ? 'prepare' : 'action';
        step.state = awaitedIn[phase];
        step.attempts = 0;
        return orderFor(rules, step, phase, 0);
      });
  }
  ended(saga, 'completed', now);
  return [];
}

/**
 * The steps to take back of the last stage that is not taken back yet: every one that was applied or
 * may have been. One whose action is still owed is waited for: never an undo beside a live action.
 */
function goBack(rules: Rules, saga: SagaState, now: number): Order[] {
  for (const step of saga.steps) if (step.state === 'pending') step.state = 'skipped';
  for (let stage = rules.definition.stages - 1; stage >= 0; stage--) {
    const open = stepsOf(rules, saga, stage).filter(({ step, definition }) =>
      isOpen(step, definition),
    );
    if (open.length === 0) continue;
    return open
      .filter(({ step }) => step.state === 'applied' || step.state === 'failed')
      .map(({ step }) => {
        step.state = 'compensating';
        step.attempts = 0;
        return orderFor(rules, step, 'compensation', 0);
      });
  }
  ended(saga, saga.cancelled ? 'cancelled' : 'compensated', now);
  return [];
}

/** Whether a compensating saga still has to do something about the step, or to wait for it. */
function isOpen(step: StepRecord, definition: StagedStep): boolean {
  if (['preparing', 'running', 'compensating'].includes(step.state)) return true;
  const mayHaveHappened =
    step.state === 'applied' || (step.state === 'failed' && step.uncertain === true);
  return mayHaveHappened && definition.compensation !== undefined;
}

// ---- parts ----

function stepsOf(
  { definition }: Rules,
  saga: SagaState,
  stage: number,
): { step: StepRecord; definition: StagedStep }[] {
  return saga.steps
    .map((step) => ({ step, definition: definitionOf(definition, step) }))
    .filter((pair) => pair.definition.stage === stage);
}

/** A saga goes on with the steps that it started with, found by name. */
function definitionOf(definition: SagaDefinition, step: StepRecord): StagedStep {
  const found = definition.steps.find(({ name }) => name === step.name);
  if (!found)
    throw new DefinitionError(
      `saga ${definition.name}@${definition.version} in flight has a step "${step.name}" that its definition lacks: changed steps need a new version`,
    );
  return found;
}

function orderFor(rules: Rules, step: StepRecord, phase: Phase, backoffMs: number): Order {
  const definition = definitionOf(rules.definition, step);
  const { participant } = definition;
  const kind = definition[phase];
  if (kind === undefined)
    throw new BrokenInvariantError(`step ${step.name} has no ${phase} to send`);
  return {
    head: { participant, kind, step: step.name, phase, attempt: step.attempts + 1 },
    backoffMs,
  };
}

function ended(saga: SagaState, status: SagaStatus, now: number): SagaState {
  moveTo(saga, status);
  saga.endedAt = now;
  saga.stuck = false;
  return saga;
}

function moveTo(saga: SagaState, status: SagaStatus): void {
  if (!transitions[saga.status].includes(status))
    throw new BrokenInvariantError(`a saga cannot go from ${saga.status} to ${status}`);
  saga.status = status;
}

const copyOf = (saga: SagaState): SagaState => ({
  ...saga,
  steps: saga.steps.map((step) => ({ ...step, log: [...step.log] })),
});

/** Enough of an output to tell the story; the whole is in the step. */
function detailOf(output: Json | undefined): string | null {
  if (output === undefined || output === null) return null;
  return (typeof output === 'string' ? output : JSON.stringify(output)).slice(0, 200);
}
