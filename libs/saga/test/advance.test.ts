import { describe, expect, test } from '@jest/globals';
import { hasEnded } from '@reliable-ops/contracts';
import fc from 'fast-check';
import { z } from 'zod';
import {
  advance,
  backoffBound,
  cancel,
  commandOf,
  defaultPolicy,
  defineSaga,
  dispatch,
  newSteps,
  start,
  transitions,
  type Advanced,
  type Command,
  type CommandItem,
  type Json,
  type Member,
  type Order,
  type Outcome,
  type Rules,
  type SagaState,
  type StepContext,
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

describe('advance', () => {
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
    expect(() =>
      fc.assert(
        fc.property(shapes, scripts, (shape, script) =>
          holds(run(shape, script, { advance: keeping, cancel })),
        ),
        { numRuns: 2_000 },
      ),
    ).toThrow();
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
    expect(() =>
      fc.assert(
        fc.property(shapes, scripts, (shape, script) =>
          holds(run(shape, script, { advance: forgetful, cancel })),
        ),
        { numRuns: 2_000 },
      ),
    ).toThrow();
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
    expect(() =>
      fc.assert(
        fc.property(shapes, scripts, (shape, script) =>
          holds(run(shape, script, { advance: hasty, cancel })),
        ),
        { numRuns: 2_000 },
      ),
    ).toThrow();
  });

  test('it changes nothing of what it is given', () => {
    const rules = rulesFor([[{ prepares: false }, { prepares: false }]]);
    const queued = newSaga(rules);
    const before = structuredClone(queued);
    const { state } = start(rules, queued, 1);
    expect(queued).toEqual(before);
    const running = structuredClone(state);
    advance(rules, state, [outcomeFor('s0-0', { result: 'rejected', error: 'no' })], 2);
    cancel(rules, state, 3);
    expect(state).toEqual(running);
  });

  test('stages run one after another, and are taken back in reverse', () => {
    const rules = rulesFor([[{ prepares: false }], [{ prepares: false }]]);
    const first = start(rules, newSaga(rules), 1);
    expect(names(first)).toEqual(['s0-0 action']);
    const second = advance(rules, first.state, [outcomeFor('s0-0', { result: 'applied' })], 2);
    expect(names(second)).toEqual(['s1-0 action']);
    const lost = advance(
      rules,
      second.state,
      [outcomeFor('s1-0', { result: 'unknown', error: '500' })],
      3,
    );
    expect(names(lost)).toEqual(['s1-0 action']);
    const rejected = advance(
      rules,
      lost.state,
      [outcomeFor('s1-0', { result: 'rejected', error: '404' }, 'action', 2)],
      4,
    );
    // A step with any unknown attempt is taken back, even if a later attempt was rejected.
    expect(names(rejected)).toEqual(['s1-0 compensation']);
    const back = advance(
      rules,
      rejected.state,
      [outcomeFor('s1-0', { result: 'applied' }, 'compensation')],
      5,
    );
    expect(names(back)).toEqual(['s0-0 compensation']);
    const ended = advance(
      rules,
      back.state,
      [outcomeFor('s0-0', { result: 'applied' }, 'compensation')],
      6,
    );
    expect(ended.state.status).toBe('compensated');
  });

  test('a step that was only ever rejected has nothing to take back', () => {
    const rules = rulesFor([[{ prepares: false }]]);
    const { state } = start(rules, newSaga(rules), 1);
    const ended = advance(
      rules,
      state,
      [outcomeFor('s0-0', { result: 'rejected', error: '404 gone' })],
      2,
    );
    expect(ended.state.status).toBe('compensated');
    expect(ended.state.error).toBe('s0-0: 404 gone');
    expect(ended.orders).toEqual([]);
  });

  test('the before-image is there before the action is sent, and goes with it', () => {
    const rules = rulesFor([[{ prepares: true }]]);
    const { state, orders } = start(rules, newSaga(rules), 1);
    expect(orders[0]?.head.phase).toBe('prepare');
    expect(commandsFor(rules, state, orders[0]!)).toMatchObject([
      { phase: 'prepare', token: [7, 0] },
    ]);
    const prepared = advance(
      rules,
      state,
      [outcomeFor('s0-0', { result: 'applied', output: { n: 1 } }, 'prepare')],
      2,
    );
    expect(commandsFor(rules, prepared.state, prepared.orders[0]!)).toMatchObject([
      { phase: 'action', attempt: 1, token: [7, 0], data: { before: { n: 1 } } },
    ]);
  });

  test('steps with the same data share what is sent; others, and those that know something of their own, do not', () => {
    const asked: string[] = [];
    const same = ({ input: { id } }: StepContext<{ id: string }>): Json => {
      asked.push(id);
      return { id };
    };
    const own = ({ input: { id } }: StepContext<{ id: string }>): Json => ({ id });
    const nodes = { n1: same, n2: same, n3: own, n4: undefined, n5: undefined };
    const definition = defineSaga({
      name: 'test',
      version: 1,
      input: z.object({ id: z.string() }),
      key: ({ id }) => id,
      stages: [
        Object.entries(nodes).map(([name, data]) => ({
          name,
          participant: name,
          action: 'do',
          compensation: 'undo',
          ...(data ? { data } : {}),
        })),
      ],
    });
    const rules = { definition, policy: defaultPolicy };
    const members = ['a', 'b'].map((id, n) => ({ ...member, id: n, key: id, input: { id } }));
    /** Which steps have which items. */
    const told = ({ state, orders }: Advanced): string[][] => {
      const shared = new Map<CommandItem[], string[]>();
      for (const { head, items } of dispatch(rules, state, orders, members)) {
        expect(items.map(([, , , data]) => data)).toEqual([{ id: 'a' }, { id: 'b' }]);
        shared.set(items, [...(shared.get(items) ?? []), head.step]);
      }
      return [...shared.values()];
    };
    const begun = start(rules, newSaga(rules), 1);
    expect(told(begun)).toEqual([['n1', 'n2'], ['n3'], ['n4', 'n5']]);
    expect(asked).toEqual(['a', 'b']);
    // Of the compensations, n2 has an output of its own to go by.
    const outcomes = Object.keys(nodes).map((name) =>
      outcomeFor(name, { result: 'applied', output: name === 'n2' ? 'existed' : 'created' }),
    );
    outcomes[3] = outcomeFor('n4', { result: 'rejected', error: 'no' });
    expect(told(advance(rules, begun.state, outcomes, 2))).toEqual([
      ['n1'],
      ['n2'],
      ['n3'],
      ['n5'],
    ]);
  });

  test('an action is tried as often as the policy says, a compensation until it is done, then flagged stuck', () => {
    const rules = rulesFor([[{ prepares: false }]], { stepAttempts: 3, stuckAfter: 4 });
    let { state, orders } = start(rules, newSaga(rules), 1);
    const seen: [string, number, number, boolean][] = [];
    for (let turn = 0; turn < 10; turn++) {
      const { head, backoffMs } = orders[0]!;
      seen.push([head.phase, head.attempt, backoffMs, state.stuck]);
      const { step, phase, attempt } = head;
      const unknown = { result: 'unknown', error: '500' } as const;
      ({ state, orders } = advance(
        rules,
        state,
        [{ step, phase, attempt, startedAt: 1, outcome: unknown }],
        2,
      ));
    }
    expect(seen).toEqual([
      ['action', 1, 0, false],
      ['action', 2, 20, false],
      ['action', 3, 20, false],
      ['compensation', 1, 0, false],
      ['compensation', 2, 200, false],
      ['compensation', 3, 200, false],
      ['compensation', 4, 200, false],
      ['compensation', 5, 200, true],
      ['compensation', 6, 400, true],
      ['compensation', 7, 800, true],
    ]);
    const { step, phase, attempt } = orders[0]!.head;
    const done = advance(
      rules,
      state,
      [{ step, phase, attempt, startedAt: 1, outcome: { result: 'applied' } }],
      3,
    );
    expect(done.state).toMatchObject({ status: 'compensated', stuck: false });
  });

  test('past its deadline what fails is taken back instead of tried again', () => {
    const rules = rulesFor([[{ prepares: false }]], { deadlineMs: 100 });
    const { state } = start(rules, newSaga(rules), 1_000);
    const late = advance(
      rules,
      state,
      [outcomeFor('s0-0', { result: 'unknown', error: '500' })],
      1_100,
    );
    expect(names(late)).toEqual(['s0-0 compensation']);
  });

  test('an outcome that nobody waits for changes nothing', () => {
    const rules = rulesFor([[{ prepares: false }]]);
    const { state } = start(rules, newSaga(rules), 1);
    const ended = advance(rules, state, [outcomeFor('s0-0', { result: 'applied' })], 2).state;
    for (const late of [
      outcomeFor('s0-0', { result: 'rejected', error: 'late' }),
      outcomeFor('s0-0', { result: 'applied' }, 'compensation'),
      outcomeFor('nobody', { result: 'applied' }),
    ])
      expect(advance(rules, ended, [late], 3)).toEqual({ state: ended, orders: [] });
  });

  test('a queued saga is cancelled at once; an ended one cannot be', () => {
    const rules = rulesFor([[{ prepares: false }]]);
    expect(cancel(rules, newSaga(rules), 5).state).toMatchObject({
      status: 'cancelled',
      endedAt: 5,
    });
    const { state } = start(rules, newSaga(rules), 1);
    const ended = advance(rules, state, [outcomeFor('s0-0', { result: 'applied' })], 2).state;
    expect(cancel(rules, ended, 5)).toEqual({ state: ended, orders: [] });
  });

  test('the log of a step keeps the last 20 attempts', () => {
    const rules = rulesFor([[{ prepares: false }]], { stepAttempts: 50 });
    let { state, orders } = start(rules, newSaga(rules), 1);
    for (let attempt = 1; attempt <= 30; attempt++)
      ({ state, orders } = advance(
        rules,
        state,
        [outcomeFor('s0-0', { result: 'unknown', error: 'x' }, 'action', attempt)],
        2,
      ));
    expect(orders).toHaveLength(1);
    expect(state.steps[0]?.log).toHaveLength(20);
    expect(state.steps[0]?.log.at(-1)?.[1]).toBe(30);
  });

  test('no ended status has a way out', () => {
    for (const [status, next] of Object.entries(transitions))
      expect(next.length === 0).toBe(hasEnded(status as SagaState['status']));
  });
});

test('the first four attempts follow each other closely; then backoff doubles, to 10 s between actions, 30 s between compensations', () => {
  expect([1, 2, 3, 4, 5, 6, 12, 13, 100].map((n) => backoffBound('action', n))).toEqual([
    20, 20, 20, 20, 40, 80, 5_120, 10_000, 10_000,
  ]);
  expect([1, 2, 3, 4, 5, 6, 11, 12, 1_000].map((n) => backoffBound('compensation', n))).toEqual([
    200, 200, 200, 200, 400, 800, 25_600, 30_000, 30_000,
  ]);
});

test('a new saga has every step pending', () => {
  const rules = rulesFor([[{ prepares: false }], [{ prepares: true }]]);
  expect(newSteps(rules.definition).map(({ state }) => state)).toEqual(['pending', 'pending']);
});

function outcomeFor(
  step: string,
  of: Outcome,
  phase: 'prepare' | 'action' | 'compensation' = 'action',
  attempt = 1,
) {
  return { step, phase, attempt, startedAt: 0, outcome: of };
}
const names = ({ orders }: Advanced): string[] =>
  orders.map(({ head }) => `${head.step} ${head.phase}`);

/** The one saga of lane `k`, whose token is 7. */
const member: Member = {
  id: 1,
  key: 'k',
  input: null,
  fence: 7,
  batchId: null,
  traceparent: null,
};
/** What is sent to it. */
const commandsFor = (rules: Rules, state: SagaState, order: Order): Command[] =>
  dispatch(rules, state, [order], [member]).flatMap(({ head, items }) =>
    items.map((item) => commandOf(head, item)),
  );
