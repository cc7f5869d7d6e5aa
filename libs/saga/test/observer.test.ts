import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import {
  sagasOf,
  type AcceptedBatch,
  type CommittedBatch,
  type Saga,
  type EngineObserver,
  type ParticipantCall,
} from '../src/index.ts';
import { useEngine } from './engine-fixture.ts';
import { defineChange } from './sagas.ts';

const fixture = useEngine({
  definitions: [defineChange('create', ['n1', 'n2'])],
  policy: { stepAttempts: 2, stuckAfter: 2 },
});
const { accept, drain, request, run } = fixture;
const ann = { by: 'ann@desk', note: null };

let told: {
  accepted: AcceptedBatch[];
  called: ParticipantCall[];
  committed: CommittedBatch[];
  ended: Saga[];
};
const recorder: EngineObserver = {
  accepted: (batch) => told.accepted.push(batch),
  called: (call) => told.called.push(call),
  committed: (batch) => told.committed.push(batch),
  ended: (cohorts) => told.ended.push(...sagasOf(cohorts)),
};
beforeEach(() => {
  told = { accepted: [], called: [], committed: [], ended: [] };
  fixture.engine = fixture.startEngine({ observer: recorder });
});
const sumOf = (numbers: number[]): number => numbers.reduce((sum, n) => sum + n, 0);

test('it hears of what was accepted, each call with an outcome a command, each commit, and of each saga that ended once', async () => {
  const sagaIds = await accept('a', 'b', 'c');
  expect(told.accepted).toHaveLength(1);
  expect(told.accepted[0]).toMatchObject({ results: [{ sagaIds }], tookMs: expect.any(Number) });

  await drain();
  expect(told.called.map(({ participant, kind }) => `${participant} ${kind}`).sort()).toEqual([
    'n1 create',
    'n2 create',
  ]);
  for (const { commands, outcomes } of told.called) {
    expect(commands.map(({ sagaId }) => sagaId)).toEqual(sagaIds);
    expect(outcomes).toEqual(commands.map(() => expect.objectContaining({ result: 'applied' })));
  }
  expect(sumOf(told.committed.map(({ commands }) => commands))).toBe(6);
  expect(told.ended.map(({ id, name, status }) => ({ id, name, status }))).toEqual(
    sagaIds.map((id) => ({ id, name: 'create-thing', status: 'completed' })),
  );
  for (const { acceptedAt, endedAt } of told.ended)
    expect(endedAt).toBeGreaterThanOrEqual(acceptedAt);
});

test('a job that is run twice is two calls, and its sagas end once', async () => {
  await accept('a');
  const jobs = fixture.queue.take();
  for (const job of [...jobs, ...jobs]) await fixture.engine.runJob([job]);
  await fixture.engine.idle();
  expect(told.called.length).toBeGreaterThanOrEqual(2);
  expect(told.ended).toHaveLength(1);
});

test('a repeat of a request accepts nothing, and tells so', async () => {
  const asked = { ...request(['a']), idempotency: { key: 'k', digest: 'd' } };
  await fixture.engine.accept(asked);
  await fixture.engine.accept({ ...asked, batchId: randomUUID() });
  await drain();
  expect(told.accepted.map(({ results }) => results)).toMatchObject([
    [{ repeated: false, sagaIds: [expect.any(Number)] }],
    [{ repeated: true, sagaIds: [] }],
  ]);
  expect(told.ended).toHaveLength(1);
});

test('a saga that becomes stuck is told with its node and attempt; it ends by an operator, and that is told as well', async () => {
  fixture.stores[1]!.fault = () => 'error';
  const sagaIds = await accept('a');
  for (let turn = 0; turn < 5; turn++) await run(fixture.queue.take());
  expect(told.committed.flatMap(({ stuck }) => stuck)).toEqual([
    {
      members: [expect.objectContaining({ id: sagaIds[0], key: 'a' })],
      name: 'create-thing',
      node: 'n2',
      attempt: 2,
      error: '500',
    },
  ]);
  expect(told.ended).toEqual([]);
  await fixture.engine.resolve(sagaIds, ann);
  expect(told.ended).toMatchObject([{ id: sagaIds[0], status: 'resolved' }]);
});

test('a call that throws is told with its reason', async () => {
  fixture.stores[0]!.run = async () => {
    throw new Error('no such command');
  };
  await accept('a', 'b');
  await run(fixture.queue.take());
  expect(told.called.find(({ participant }) => participant === 'n1')).toMatchObject({
    commands: [{}, {}],
    outcomes: { failure: 'Error: no such command' },
  });
});

test('an observer that throws harms nothing: what was accepted stays so, and sagas end', async () => {
  const fail = (): never => {
    throw new Error('broken observer');
  };
  fixture.engine = fixture.startEngine({
    observer: { accepted: fail, called: fail, committed: fail, ended: fail },
  });
  const sagaIds = await accept('a', 'b');
  await drain();
  expect(sagaIds).toHaveLength(2);
  const rows = await fixture.sql<{ status: string }[]>`select status from saga.sagas`;
  expect(rows.map(({ status }) => status)).toEqual(['completed', 'completed']);
  expect(new Set(fixture.warned.map(({ message }) => message))).toEqual(
    new Set(['an observer failed']),
  );
});
