import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createLogger } from '@reliable-ops/runtime';
import type { Cohort, Command, Outcome, SagaState } from '@reliable-ops/saga';
import { createSagaLog } from '../src/index.ts';

function start(LOG_LEVEL: 'debug' | 'info' = 'debug') {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)) as Record<string, unknown>);
      done();
    },
  });
  return {
    lines,
    observer: createSagaLog(createLogger('test', { LOG_LEVEL, LOG_FORMAT: 'json' }, destination)),
  };
}
const command = (sagaId: number): Command => ({
  sagaId,
  key: `group:${sagaId}`,
  step: 'create-node02',
  phase: 'action',
  attempt: 3,
  token: [1, 0],
  data: {},
});
const call = (outcomes: Outcome[]) => ({
  participant: 'node02',
  kind: 'create',
  commands: outcomes.map((_, index) => command(index + 1)),
  outcomes,
  tookMs: 3,
});
const failed: Outcome = { result: 'unknown', error: '500 no' };

test('a line for each attempt that failed has saga, key, node and attempt', () => {
  const { lines, observer } = start();
  observer.called!(call([{ result: 'applied' }, failed, { result: 'applied' }]));
  expect(lines).toEqual([
    expect.objectContaining({
      saga: 2,
      key: 'group:2',
      node: 'node02',
      attempt: 3,
      phase: 'action',
      result: 'unknown',
      error: '500 no',
      msg: 'attempt failed',
    }),
  ]);
});

test('a batch that fails as a whole is some lines and a number, however large it is', () => {
  const { lines, observer } = start();
  observer.called!(call(Array.from({ length: 1_000 }, () => failed)));
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toMatchObject({ node: 'node02', more: 980 });
});

test('a call that could not be handled is a failed attempt of each of its commands', () => {
  const { lines, observer } = start();
  observer.called!({ ...call([failed, failed]), outcomes: { failure: 'Error: no' } });
  expect(lines.map(({ saga, result, error }) => [saga, result, error])).toEqual([
    [1, 'unhandled', 'Error: no'],
    [2, 'unhandled', 'Error: no'],
  ]);
});

test('a saga that did not complete has a line with why, the others a number', () => {
  const { lines, observer } = start();
  const ended = (id: number, status: SagaState['status'], error: string | null = null): Cohort => ({
    state: {
      name: 'create-group',
      version: 1,
      status,
      stuck: false,
      cancelled: false,
      steps: [],
      error,
      history: [],
      acceptedAt: 1,
      startedAt: 1,
      deadlineAt: 3,
      endedAt: 2,
    },
    members: [{ id, key: `group:${id}`, input: {}, fence: 1, batchId: null, traceparent: null }],
  });
  observer.ended!([
    ended(1, 'completed'),
    ended(2, 'compensated', 'node03: 400 no'),
    ended(3, 'completed'),
  ]);
  expect(lines).toMatchObject([
    { saga: 2, key: 'group:2', status: 'compensated', error: 'node03: 400 no' },
    { sagas: 2 },
  ]);
});

test('above debug it writes nothing', () => {
  const { lines, observer } = start('info');
  observer.called!(call([failed]));
  observer.ended!([]);
  expect(lines).toEqual([]);
});
