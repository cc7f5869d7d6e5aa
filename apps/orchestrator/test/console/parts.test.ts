import { describe, expect, jest, test } from '@jest/globals';
import {
  sagaStatuses,
  type AttemptView,
  type SagaStatus,
  type SagaView,
} from '@reliable-ops/contracts';
import { transitions, type Saga } from '@reliable-ops/saga';
import { consequencesOf } from '../../src/console/consequences.ts';
import { createEndedTally } from '../../src/console/measures/ended-tally.ts';
import { createLatest } from '../../src/console/measures/latest.ts';
import { mergeSamples, quantileOf, sampleOf } from '../../src/console/measures/sample.ts';
import { wayOf } from '../../src/console/state-diagram.tsx';
import { findSagas } from '../../src/console/saga-search.ts';
import { layTimeline } from '../../src/console/timeline-layout.ts';
import { durationText, visibleText } from '../../src/console/words.tsx';
import { createSessions } from '../../src/security/session.ts';

const at = (ms: number): string => new Date(1_700_000_000_000 + ms).toISOString();
const attempt = (from: number, to: number, given: Partial<AttemptView> = {}): AttemptView => ({
  phase: 'action',
  number: 1,
  startedAt: at(from),
  endedAt: at(to),
  result: 'applied',
  detail: null,
  ...given,
});
const viewWith = (given: Partial<SagaView>): SagaView => ({
  id: '7',
  saga: 'create-group',
  version: 1,
  key: 'group:7',
  status: 'completed',
  stuck: false,
  input: {},
  batchId: null,
  error: null,
  acceptedAt: at(0),
  startedAt: at(0),
  endedAt: at(1_000),
  fence: 1,
  deadlineAt: at(600_000),
  steps: [],
  history: [],
  ...given,
});
const step = (given: Partial<SagaView['steps'][number]>): SagaView['steps'][number] => ({
  name: 'node01',
  participant: 'node01',
  stage: 0,
  state: 'applied',
  attempts: 1,
  output: null,
  lastError: null,
  log: [],
  ...given,
});

describe('the timeline', () => {
  test('shows attempts in proportion, and between them the wait', () => {
    const steps = [step({ log: [attempt(0, 250), attempt(750, 1_000)] })];
    const { rows, width, axisX, spanMs } = layTimeline(viewWith({ steps }), 0);
    const [row] = rows;
    expect([axisX, spanMs]).toEqual([0, 1_000]);
    expect(row!.bars.map(({ x, width: wide }) => [x / width, wide / width])).toEqual([
      [0, 0.25],
      [0.75, 0.25],
    ]);
    expect(row!.waits).toEqual([{ x: width / 4, width: width / 2, ms: 500, isOpen: false }]);
  });

  test('gives the wait for the lane a room of its own, however long it was', () => {
    const view = viewWith({ startedAt: at(3_600_000), endedAt: at(3_600_100) });
    const { axisX, queuedMs, spanMs, ticks } = layTimeline(view, 0);
    expect(axisX).toBeGreaterThan(0);
    expect([queuedMs, spanMs]).toEqual([3_600_000, 100]);
    expect(ticks[0]).toEqual({ ms: 0, x: axisX });
  });

  test('of a saga under way goes on to now, where the next attempt is waited for', () => {
    const steps = [step({ state: 'compensating', log: [attempt(0, 100, { result: 'unknown' })] })];
    const view = viewWith({ status: 'compensating', endedAt: null, steps });
    const { rows, width, spanMs, isOpen } = layTimeline(view, Date.parse(at(400)));
    expect([spanMs, isOpen]).toEqual([400, true]);
    expect(rows[0]!.waits).toEqual([{ x: width / 4, width: 0.75 * width, ms: 300, isOpen: true }]);
  });

  test('says how many attempts the log no longer has', () => {
    const steps = [step({ log: [attempt(0, 1, { number: 81 })] })];
    expect(layTimeline(viewWith({ steps }), 0).rows[0]!.forgotten).toBe(80);
  });

  test.each([1, 90, 4_000, 61_000, 3_600_000, 86_400_000 * 40])(
    'stays in its frame, with a handful of ticks, for a span of %i ms',
    (span) => {
      const log = [attempt(0, 0), attempt(span - 1, span), attempt(-5, span + 5)];
      const view = viewWith({ endedAt: at(span), steps: [step({ log })] });
      const { rows, ticks, width } = layTimeline(view, 0);
      expect(ticks.length).toBeGreaterThan(0);
      expect(ticks.length).toBeLessThanOrEqual(9);
      for (const bar of rows[0]!.bars) {
        expect(bar.x).toBeGreaterThanOrEqual(0);
        expect(bar.x + bar.width).toBeLessThanOrEqual(width + 1e-9);
      }
    },
  );
});

describe('the way through the states', () => {
  test.each<[SagaStatus, Partial<SagaView>, SagaStatus[]]>([
    ['queued', { startedAt: null, endedAt: null }, ['queued']],
    ['cancelled', { startedAt: null }, ['queued', 'cancelled']],
    ['completed', {}, ['running', 'completed']],
    ['completed', { startedAt: at(5) }, ['queued', 'running', 'completed']],
    ['compensating', { endedAt: null }, ['running', 'compensating']],
    ['cancelled', {}, ['running', 'compensating', 'cancelled']],
    ['resolved', { startedAt: at(1) }, ['queued', 'running', 'compensating', 'resolved']],
  ])('%s', (status, given, way) => {
    const found = wayOf(viewWith({ status, ...given }));
    expect(found).toEqual(way);
    // Nothing that the engine would not do.
    for (const [index, to] of found.slice(1).entries())
      expect(transitions[found[index]!]).toContain(to);
  });
});

describe('what an operator is told', () => {
  const offered = (status: SagaStatus) =>
    (['cancel', 'retry', 'resolve'] as const).filter((verb) =>
      consequencesOf(verb, viewWith({ status })),
    );
  test.each(sagaStatuses)('%s: only what makes sense is offered', (status) => {
    const sense: Partial<Record<SagaStatus, string[]>> = {
      queued: ['cancel'],
      running: ['cancel', 'retry'],
      compensating: ['retry', 'resolve'],
    };
    expect(offered(status)).toEqual(sense[status] ?? []);
  });
  test('names the nodes that are touched', () => {
    const steps = [
      step({ participant: 'node01' }),
      step({ participant: 'node02' }),
      step({ participant: 'node03', state: 'running', attempts: 3 }),
    ];
    const view = viewWith({ status: 'running', steps });
    const [first, second] = consequencesOf('cancel', view)!.sentences;
    expect(first).toBe('node01 and node02 are applied already and will be taken back.');
    expect(second).toMatch(/^node03 is under way/);
    expect(consequencesOf('retry', view)!.sentences[0]).toBe(
      'node03: action attempt 4 is made now, if it waits.',
    );
  });
});

describe('numbers over time', () => {
  const saga = (given: Partial<Saga>): Saga =>
    ({ acceptedAt: 0, endedAt: 100, steps: [], ...given }) as Saga;
  const stepAt = (endedAt: number, result: 'applied' | 'unknown') => ({
    name: 'node01',
    state: 'applied' as const,
    attempts: 1,
    log: [['action', 1, 0, endedAt, result, null] as Saga['steps'][number]['log'][number]],
  });
  const seen = { from: 1_000, until: 6_000, active: null, participantOf: () => 'node01' };

  test('attempts count in the interval in which they ended, each for as many sagas as the sample stands for', () => {
    const sample = sampleOf({
      ...seen,
      completed: 90,
      takenBack: 10,
      ended: [
        saga({ steps: [stepAt(2_000, 'applied')] }),
        saga({ steps: [stepAt(500, 'unknown')] }),
      ],
      open: [{ count: 3, sagas: [saga({ steps: [stepAt(6_000, 'unknown')] })] }],
    });
    expect(sample).toMatchObject({ seconds: 5, completed: 90, takenBack: 10 });
    expect(sample.attempts).toEqual({ node01: { all: 50 + 3, failed: 3 } });
  });

  test('several intervals are one', () => {
    const one = sampleOf({
      ...seen,
      completed: 4,
      takenBack: 1,
      ended: [saga({ endedAt: 300 })],
      open: [],
    });
    const other = sampleOf({ ...seen, completed: 6, takenBack: 0, ended: [saga({})], open: [] });
    expect(mergeSamples([one, other])).toMatchObject({
      seconds: 10,
      completed: 10,
      takenBack: 1,
      latenciesMs: [100, 300],
    });
    expect(mergeSamples([])).toBeUndefined();
  });

  test('the tally counts all that ended, and keeps some', () => {
    const tally = createEndedTally();
    const ids = Array.from({ length: 5_000 }, (_, index) => index);
    tally.hint([
      { status: 'completed', stuck: false, ids },
      { status: 'cancelled', stuck: false, ids: [9_001] },
      { status: 'running', stuck: false, ids: [9_002] },
    ]);
    const ended = tally.take();
    expect([ended.completed, ended.takenBack, ended.ids.length]).toEqual([5_000, 1, 200]);
    expect(new Set(ended.ids).size).toBe(200);
    expect(ended.ids.some((id) => id >= 200)).toBe(true);
    expect(ended.ids).not.toContain(9_002);
    expect(tally.take()).toEqual({ completed: 0, takenBack: 0, ids: [] });
  });

  test.each([
    [[], 0.5, null],
    [[1, 2, 3, 4], 0.5, 3],
    [[1, 2, 3, 4], 0.99, 4],
    [[1], 1, 1],
  ])('of %j the %d quantile is %j', (values, share, quantile) => {
    expect(quantileOf(values, share)).toBe(quantile);
  });
});

describe('a dear value', () => {
  test('is read once for all who ask, and nobody waits longer than he has patience', async () => {
    let answer = (_value: number): void => {};
    const read = jest.fn(() => new Promise<number>((resolve) => (answer = resolve)));
    const latest = createLatest(read, { freshMs: 60_000, patienceMs: 1 });
    expect(await Promise.all([latest.read(), latest.read()])).toEqual([undefined, undefined]);
    expect(read).toHaveBeenCalledTimes(1);
    answer(5);
    expect(await latest.read()).toBe(5);
    expect(await latest.read()).toBe(5);
    expect(read).toHaveBeenCalledTimes(1);
  });
  test('that cannot be read is not known, whatever it was before', async () => {
    const read = jest
      .fn<() => Promise<number>>()
      .mockResolvedValueOnce(1)
      .mockRejectedValue(new Error());
    const latest = createLatest(read, { freshMs: -Infinity, patienceMs: 1_000 });
    expect(await latest.read()).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    while (read.mock.calls.length < 2) await latest.read();
    expect(await latest.read()).toBeUndefined();
  });
});

describe('the search', () => {
  const sagaOf = (id: number): Saga => ({ id, status: 'completed' }) as Saga;
  test('goes down through the ids until the page is full, and looks no further than it has time', async () => {
    let now = 0;
    const asked: { before?: number; since?: number }[] = [];
    const listSagas = async (query: { before?: number; since?: number }): Promise<Saga[]> => {
      if (query.before === undefined) return [sagaOf(1_000_000)];
      asked.push(query);
      now += 10;
      return query.before === 990_001 ? [sagaOf(985_000)] : [];
    };
    const page = await findSagas({ listSagas }, { name: 'rare' }, () => now);
    expect(asked.map(({ before, since }) => [before, since])).toEqual([
      [1_000_001, 990_001],
      [990_001, 980_001],
      [980_001, 970_001],
    ]);
    expect(page).toEqual({ sagas: [sagaOf(985_000)], before: 970_001, isCut: true });
  });
  test('that is over says so', async () => {
    const listSagas = async (): Promise<Saga[]> => [];
    expect(await findSagas({ listSagas }, { name: 'rare', before: 50 })).toEqual({
      sagas: [],
      before: null,
      isCut: false,
    });
  });
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_234, '1.23 s'],
  [59_949, '59.9 s'],
  [125_000, '2 min 5 s'],
  [3_600_000, '1 h'],
  [7_260_000, '2 h 1 min'],
  [90_000_000, '1 d 1 h'],
])('%i ms is %s', (ms, text) => expect(durationText(ms)).toBe(text));

test('what would hide or turn text is shown as what it is', () => {
  expect(visibleText('a\u202eb\u0007\u2028c é 日')).toBe('a\\u{202e}b\\u{7}\\u{2028}c é 日');
});

test('a session ends after its time, and with its token', () => {
  let now = 1_000;
  const sessions = createSessions(['one', 'two'], () => now);
  const value = sessions.open('two')!;
  expect(sessions.isOpen(value)).toBe(true);
  expect(sessions.open('three')).toBeUndefined();
  expect(createSessions(['one'], () => now).isOpen(value)).toBe(false);
  // Its end is part of the proof.
  expect(sessions.isOpen(value.replace(/^\d+/, (until) => String(Number(until) + 1)))).toBe(false);
  now += 12 * 3_600_000 + 1;
  expect(sessions.isOpen(value)).toBe(false);
});
