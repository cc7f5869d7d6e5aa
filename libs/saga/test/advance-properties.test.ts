import { describe, expect, test } from '@jest/globals';
import { hasEnded } from '@reliable-ops/contracts';
import fc from 'fast-check';
import {
  advance,
  cancel,
  start,
  type Advanced,
  type Order,
  type Outcome,
  type Rules,
  type SagaState,
  type StepOutcome,
} from '../src/index.ts';
import { newSaga, rulesFor, type Shape } from './sagas.ts';

/** What the nodes of the model hold: the last thing done for each step. */
type Effects = Map<string, 'done' | 'undone'>;

/**
 * One run: commands are carried out in any order, tried again at once as often as the script says, and with any outcome
 * it draws; an unknown one may or may not have happened. What came of several may be told together. Once the script is
 * used up everything is applied, as when nodes answer again.
 */
function run(
  shape: Shape,
  script: Draw[],
  engine = { advance, cancel },
): { saga: SagaState; effects: Effects; sent: Set<string>; steps: number } {
  const rules = rulesFor(shape);
  let now = 1_000;
  let { state, orders } = start(rules, newSaga(rules), now);
  const owed = [...orders];
  const effects: Effects = new Map();
  const sent = new Set(owed.filter(isAction).map(({ head }) => head.step));
  /** What came of commands, not told yet. */
  let untold: StepOutcome[] = [];
  const take = (advanced: Advanced): void => {
    state = advanced.state;
    owed.push(...advanced.orders);
    for (const { head } of advanced.orders.filter(isAction)) sent.add(head.step);
    const live = [...owed.map(({ head }) => head.step), ...new Set(untold.map(({ step }) => step))];
    // Never an undo beside a live action, never two commands of one step.
    expect(new Set(live).size).toBe(live.length);
  };
  let steps = 0;
  for (; owed.length > 0; steps++) {
    if (steps > 2_000) throw new Error('it does not end');
    const draw = script[steps] ?? lastDraw;
    now += 50;
    if (draw.cancels) take(engine.cancel(rules, state, now));
    const { head } = owed.splice(draw.pick % owed.length, 1)[0]!;
    const results = [...Array<'unknown'>(draw.failures).fill('unknown'), draw.outcome];
    for (const [index, result] of results.entries()) {
      const { step, phase } = head;
      const happened = result === 'applied' || (result === 'unknown' && draw.happened);
      if (happened && phase !== 'prepare')
        effects.set(step, phase === 'action' ? 'done' : 'undone');
      untold.push({
        step,
        phase,
        attempt: head.attempt + index,
        startedAt: now - 1,
        outcome: outcomeOf(result),
      });
    }
    if (draw.waits && owed.length > 0) continue;
    const outcomes = untold;
    untold = [];
    take(engine.advance(rules, state, outcomes, now));
  }
  return { saga: state, effects, sent, steps };
}

interface Draw {
  pick: number;
  /** Unknown outcomes that come before the outcome, of attempts made at once. */
  failures: number;
  outcome: Outcome['result'];
  happened: boolean;
  cancels: boolean;
  /** Is told together with what comes of the next command. */
  waits: boolean;
}
const lastDraw: Draw = {
  pick: 0,
  failures: 0,
  outcome: 'applied',
  happened: true,
  cancels: false,
  waits: false,
};
const isAction = ({ head }: Order): boolean => head.phase === 'action';
const outcomeOf = (result: Outcome['result']): Outcome =>
  result === 'applied' ? { result, output: 'ok' } : { result, error: 'no' };

const shapes = fc.array(
  fc.array(fc.record({ prepares: fc.boolean() }), { minLength: 1, maxLength: 3 }),
  {
    minLength: 1,
    maxLength: 3,
  },
);
const scripts = fc.array(
  fc.record({
    pick: fc.nat(20),
    failures: fc.nat(5).map((n) => Math.max(0, n - 2)),
    outcome: fc.constantFrom<Outcome['result']>(
      'applied',
      'applied',
      'applied',
      'unknown',
      'unknown',
      'rejected',
    ),
    happened: fc.boolean(),
    cancels: fc.integer({ min: 0, max: 20 }).map((n) => n === 0),
    waits: fc.boolean(),
  }),
  { maxLength: 60 },
);

/** The promise: an ended saga has every step done, or nothing left of any step that was ever sent. */
function holds({ saga, effects, sent }: ReturnType<typeof run>): void {
  expect(hasEnded(saga.status)).toBe(true);
  expect(saga.endedAt).not.toBeNull();
  if (saga.status === 'completed') {
    for (const step of saga.steps) {
      expect(step.state).toBe('applied');
      expect(effects.get(step.name)).toBe('done');
    }
    return;
  }
  expect(['compensated', 'cancelled']).toContain(saga.status);
  for (const [step, effect] of effects) expect([step, effect]).toEqual([step, 'undone']);
  for (const step of saga.steps) {
    if (!sent.has(step.name)) expect(step.state).not.toBe('applied');
    expect(['compensated', 'skipped', 'failed']).toContain(step.state);
  }
}

/** Answers what one call makes of them, once one call each has been seen to make the same of it. */
function advanceBothWays(
  [rules, before, outcomes, now]: Parameters<typeof advance>,
  picks: number[],
): Advanced {
  const turnsBack = ({ attempt, outcome }: StepOutcome): boolean =>
    outcome.result === 'rejected' || attempt >= rules.policy.stepAttempts;
  // A saga turns back once a call is through. To turn back in the midst of it has to come after what fails, which would not
  // be tried again, and before what is applied, which would let it go on.
  const rankOf = (told: StepOutcome): number =>
    turnsBack(told) ? 1 : told.outcome.result === 'unknown' ? 0 : 2;
  const ordered = interleave(outcomes, picks);
  if (outcomes.some(turnsBack)) ordered.sort((one, other) => rankOf(one) - rankOf(other));
  const atOnce = advance(rules, before, ordered, now);
  let state = before;
  const owed = new Map<string, Order>();
  for (const outcome of ordered) {
    const open = owed.get(outcome.step);
    if (open && isOf(outcome, open.head)) owed.delete(outcome.step);
    const next = advance(rules, state, [outcome], now);
    state = next.state;
    for (const order of next.orders) owed.set(order.head.step, order);
  }
  expect(atOnce.state).toEqual(state);
  expect(new Map(atOnce.orders.map((order) => [order.head.step, order]))).toEqual(owed);
  expect(atOnce.orders).toHaveLength(owed.size);
  return atOnce;
}

const isOf = ({ step, phase, attempt }: StepOutcome, head: Order['head']): boolean =>
  step === head.step && phase === head.phase && attempt === head.attempt;

/** Those of one step stay in their order. */
function interleave(outcomes: StepOutcome[], picks: number[]): StepOutcome[] {
  const bySteps = [...new Set(outcomes.map(({ step }) => step))].map((name) =>
    outcomes.filter(({ step }) => step === name),
  );
  return outcomes.map((_, index) => {
    const left = bySteps.filter(({ length }) => length > 0);
    return left[(picks[index] ?? 0) % left.length]!.shift()!;
  });
}

/** Some interleaving shows that this `advance` is broken. */
function expectCaught(broken: typeof advance): void {
  expect(() =>
    fc.assert(
      fc.property(shapes, scripts, (shape, script) =>
        holds(run(shape, script, { advance: broken, cancel })),
      ),
      { numRuns: 2_000 },
    ),
  ).toThrow();
}

describe('advance, whatever happens', () => {
  test('P1, P7: for any interleaving of outcomes, told one by one or several together, a saga ends, with every step applied or everything taken back', () => {
    fc.assert(
      fc.property(shapes, scripts, (shape, script) => holds(run(shape, script))),
      { numRuns: 2_000 },
    );
  });

  test('outcomes told in one call leave what they leave one call after another, and at most one order a step', () => {
    fc.assert(
      fc.property(shapes, scripts, fc.array(fc.nat(20)), (shape, script, picks) => {
        run(shape, script, { advance: (...given) => advanceBothWays(given, picks), cancel });
      }),
      { numRuns: 500 },
    );
  });

  test('broken twin: an order of an attempt that was made meanwhile is caught', () => {
    const keeping: typeof advance = (rules, before, outcomes, now) => {
      const { state, orders } = advance(rules, before, outcomes, now);
      const first = advance(rules, before, outcomes.slice(0, 1), now).orders;
      const isKept = ({ head }: Order) => outcomes.some((outcome) => isOf(outcome, head));
      return { state, orders: [...first.filter(isKept), ...orders] };
    };
    expectCaught(keeping);
  });

  test('broken twin: an undo left out for an unknown step is caught', () => {
    const forgetful = (
      rules: Rules,
      before: SagaState,
      outcomes: Parameters<typeof advance>[2],
      now: number,
    ): Advanced => {
      const advanced = advance(rules, before, outcomes, now);
      for (const step of advanced.state.steps) delete step.uncertain;
      return advanced;
    };
    expectCaught(forgetful);
  });

  test('broken twin: taking back beside a live action is caught', () => {
    const hasty = (
      rules: Rules,
      before: SagaState,
      outcomes: Parameters<typeof advance>[2],
      now: number,
    ): Advanced => {
      const advanced = advance(rules, before, outcomes, now);
      if (advanced.state.status !== 'compensating') return advanced;
      const running = advanced.state.steps.filter(({ state }) => state === 'running');
      for (const step of running) {
        step.state = 'compensating';
        step.attempts = 0;
      }
      const orders: Order[] = running.map(({ name }) => ({
        head: { participant: name, kind: 'undo', step: name, phase: 'compensation', attempt: 1 },
        backoffMs: 0,
      }));
      return { state: advanced.state, orders: [...advanced.orders, ...orders] };
    };
    expectCaught(hasty);
  });
});
