import { describe, expect, test } from '@jest/globals';
import { hasEnded } from '@reliable-ops/contracts';
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
} from '../src/index.ts';
import { newSaga, rulesFor } from './sagas.ts';

describe('advance', () => {
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
