import { expect, test } from '@jest/globals';
import {
  createRegistry,
  defineSaga,
  newSteps,
  type Cohort,
  type Command,
  type SagaState,
} from '@reliable-ops/saga';
import { z } from 'zod';
import { combineObservers, createEngineMetrics, createMetrics } from '../src/index.ts';

const definition = defineSaga({
  name: 'create-thing',
  version: 1,
  input: z.object({ id: z.string() }),
  key: ({ id }) => id,
  stages: [
    ['n1', 'n2'].map((participant) => ({
      name: `on-${participant}`,
      participant,
      action: 'create',
      compensation: 'undo',
    })),
  ],
});
const sagas = createRegistry([definition]);

function start() {
  const metrics = createMetrics();
  return {
    observer: createEngineMetrics(metrics.registry, sagas),
    /** Every series of one metric that is not 0. */
    async series(name: string): Promise<string[]> {
      const text = await metrics.expose();
      return text
        .split('\n')
        .filter((line) => new RegExp(`^${name}[{ ]`).test(line) && !line.endsWith(' 0'))
        .sort();
    },
  };
}
const command = (sagaId: number): Command => ({
  sagaId,
  key: `k${sagaId}`,
  step: 'on-n1',
  phase: 'action',
  attempt: 1,
  token: [1, 0],
  data: {},
});
const ended = (count: number, given: Partial<SagaState> = {}): Cohort => ({
  state: {
    name: 'create-thing',
    version: 1,
    status: 'completed',
    stuck: false,
    cancelled: false,
    steps: newSteps(definition).map((step) => ({ ...step, state: 'applied' })),
    error: null,
    history: [],
    acceptedAt: 1_000,
    startedAt: 1_000,
    deadlineAt: 9_000,
    endedAt: 1_200,
    ...given,
  },
  members: Array.from({ length: count }, (_, id) => ({
    id,
    key: `k${id}`,
    input: {},
    fence: 1,
    batchId: null,
    traceparent: null,
  })),
});

test('a saga counts with its definition, its end and its seconds; an id is no label', async () => {
  const { observer, series } = start();
  observer.ended!([ended(100), ended(200), ended(1, { status: 'compensated', endedAt: 4_000 })]);
  expect(await series('rops_sagas_ended_total')).toEqual([
    'rops_sagas_ended_total{saga="create-thing",status="compensated"} 1',
    'rops_sagas_ended_total{saga="create-thing",status="completed"} 300',
  ]);
  expect(await series('rops_saga_duration_seconds_sum')).toEqual([
    'rops_saga_duration_seconds_sum{saga="create-thing",status="compensated"} 3',
    expect.stringMatching(/status="completed"\} (60|59\.99)/),
  ]);
});

test('a step counts with its node and the state in which it ended', async () => {
  const { observer, series } = start();
  const [first, second] = newSteps(definition);
  observer.ended!([
    ended(1),
    ended(1, {
      status: 'compensated',
      steps: [
        { ...first!, state: 'compensated' },
        { ...second!, state: 'failed' },
      ],
    }),
  ]);
  expect(await series('rops_steps_total')).toEqual([
    'rops_steps_total{node="n1",outcome="applied"} 1',
    'rops_steps_total{node="n1",outcome="compensated"} 1',
    'rops_steps_total{node="n2",outcome="applied"} 1',
    'rops_steps_total{node="n2",outcome="failed"} 1',
  ]);
});

test('attempts count by what came of them; a call that could not be handled counts all of its own', async () => {
  const { observer, series } = start();
  const call = { participant: 'n1', kind: 'create', tookMs: 20 };
  observer.called!({
    ...call,
    commands: [1, 2, 3].map(command),
    outcomes: [
      { result: 'applied' },
      { result: 'unknown', error: '500' },
      { result: 'unknown', error: '408' },
    ],
  });
  observer.called!({ ...call, commands: [4, 5].map(command), outcomes: { failure: 'no' } });
  expect(await series('rops_step_attempts_total')).toEqual([
    'rops_step_attempts_total{node="n1",kind="create",outcome="applied"} 1',
    'rops_step_attempts_total{node="n1",kind="create",outcome="unhandled"} 2',
    'rops_step_attempts_total{node="n1",kind="create",outcome="unknown"} 2',
  ]);
  expect(await series('rops_call_commands_sum')).toEqual([
    'rops_call_commands_sum{node="n1",kind="create"} 5',
  ]);
});

test('of a request only the sagas count that were accepted: not a repeat, not those left out', async () => {
  const { observer, series } = start();
  const asked = {
    batchId: 'b',
    idempotency: null,
    sagas: [1, 2, 3].map(() => ({ definition, input: {} })),
  };
  const result = { batchId: 'b', sagaIds: [], skipped: [], repeated: false };
  observer.accepted!({
    requests: [asked, asked, asked],
    results: [
      { ...result, sagaIds: [1, 2, 3] },
      { ...result, sagaIds: [4], skipped: [0, 2] },
      { ...result, repeated: true },
    ],
    tookMs: 5,
  });
  expect(await series('rops_sagas_accepted_total')).toEqual([
    'rops_sagas_accepted_total{saga="create-thing"} 4',
  ]);
  expect(await series('rops_accept_sagas_sum')).toEqual(['rops_accept_sagas_sum 4']);
});

test('what is told to several observers reaches each', () => {
  const heard: string[] = [];
  const observer = combineObservers([
    { ended: () => heard.push('first') },
    {},
    { ended: () => heard.push('second') },
  ]);
  observer.ended!([]);
  expect(heard).toEqual(['first', 'second']);
});
