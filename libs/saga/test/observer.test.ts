import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { createTestDatabase } from '@reliable-ops/testkit';
import { z } from 'zod';
import {
  createEngine,
  createPostgresLog,
  createRegistry,
  defineSaga,
  sagasOf,
  type AcceptedBatch,
  type CommittedBatch,
  type Saga,
  type Engine,
  type EngineObserver,
  type ParticipantCall,
} from '../src/index.ts';
import { FencedStore } from './fenced-store.ts';
import { MemoryQueue } from './memory-queue.ts';

const nodes = ['n1', 'n2'];
const create = defineSaga({
  name: 'create-thing',
  version: 1,
  input: z.object({ id: z.string() }),
  key: ({ id }) => id,
  stages: [
    nodes.map((name) => ({ name, participant: name, action: 'create', compensation: 'undo' })),
  ],
});
const registry = createRegistry([create], { stepAttempts: 2, stuckAfter: 2 });
const ann = { by: 'ann@desk', note: null };

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let sql: Sql;
let queue: MemoryQueue;
let stores: FencedStore[];
let told: {
  accepted: AcceptedBatch[];
  called: ParticipantCall[];
  committed: CommittedBatch[];
  ended: Saga[];
};
let warned: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { applicationName: 'observer-test', max: 5 });
});
afterAll(async () => {
  await sql.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await sql`truncate saga.sagas, saga.lanes, saga.outbox, saga.requests, saga.leases, saga.pauses, saga.watermarks`;
  queue = new MemoryQueue();
  stores = nodes.map(() => new FencedStore());
  told = { accepted: [], called: [], committed: [], ended: [] };
  warned = [];
});

const recorder: EngineObserver = {
  accepted: (batch) => told.accepted.push(batch),
  called: (call) => told.called.push(call),
  committed: (batch) => told.committed.push(batch),
  ended: (cohorts) => told.ended.push(...sagasOf(cohorts)),
};
const start = (observer: EngineObserver): Engine =>
  createEngine({
    log: createPostgresLog(sql),
    registry,
    queue,
    participants: Object.fromEntries(nodes.map((name, index) => [name, stores[index]!])),
    observer,
    warn: (_details, message) => warned.push(message),
  });
const request = (...ids: string[]) => ({
  batchId: randomUUID(),
  idempotency: null,
  sagas: ids.map((id) => ({ definition: create, input: { id } })),
});

const runOnce = async (engine: Engine): Promise<void> => {
  await Promise.all(queue.take().map((job) => engine.runEntry(job)));
  await engine.idle();
};
const drain = async (engine: Engine): Promise<void> => {
  await engine.idle();
  while (queue.jobs.size > 0) await runOnce(engine);
};
const sumOf = (numbers: number[]): number => numbers.reduce((sum, n) => sum + n, 0);

test('it hears of what was accepted, each call with an outcome a command, each commit, and of each saga that ended once', async () => {
  const engine = start(recorder);
  const { sagaIds } = await engine.accept(request('a', 'b', 'c'));
  await engine.idle();
  expect(told.accepted).toHaveLength(1);
  expect(told.accepted[0]).toMatchObject({ results: [{ sagaIds }], tookMs: expect.any(Number) });

  await drain(engine);
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
  const engine = start(recorder);
  await engine.accept(request('a'));
  await engine.idle();
  const jobs = queue.take();
  for (const job of [...jobs, ...jobs]) await engine.runEntry(job);
  await engine.idle();
  expect(told.called.length).toBeGreaterThanOrEqual(2);
  expect(told.ended).toHaveLength(1);
});

test('a repeat of a request accepts nothing, and tells so', async () => {
  const engine = start(recorder);
  const asked = { ...request('a'), idempotency: { key: 'k', digest: 'd' } };
  await engine.accept(asked);
  await engine.accept({ ...asked, batchId: randomUUID() });
  await drain(engine);
  expect(told.accepted.map(({ results }) => results)).toMatchObject([
    [{ repeated: false, sagaIds: [expect.any(Number)] }],
    [{ repeated: true, sagaIds: [] }],
  ]);
  expect(told.ended).toHaveLength(1);
});

test('a saga that becomes stuck is told with its node and attempt; it ends by an operator, and that is told as well', async () => {
  const engine = start(recorder);
  stores[1]!.fault = () => 'error';
  const { sagaIds } = await engine.accept(request('a'));
  await engine.idle();
  for (let turn = 0; turn < 5; turn++) await runOnce(engine);
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
  await engine.resolve(sagaIds, ann);
  expect(told.ended).toMatchObject([{ id: sagaIds[0], status: 'resolved' }]);
});

test('a call that throws is told with its reason', async () => {
  const engine = start(recorder);
  stores[0]!.run = async () => {
    throw new Error('no such command');
  };
  await engine.accept(request('a', 'b'));
  await engine.idle();
  await runOnce(engine);
  expect(told.called.find(({ participant }) => participant === 'n1')).toMatchObject({
    commands: [{}, {}],
    outcomes: { failure: 'Error: no such command' },
  });
});

test('an observer that throws harms nothing: what was accepted stays so, and sagas end', async () => {
  const fail = (): never => {
    throw new Error('broken observer');
  };
  const engine = start({ accepted: fail, called: fail, committed: fail, ended: fail });
  const { sagaIds } = await engine.accept(request('a', 'b'));
  await drain(engine);
  expect(sagaIds).toHaveLength(2);
  const rows = await sql<{ status: string }[]>`select status from saga.sagas`;
  expect(rows.map(({ status }) => status)).toEqual(['completed', 'completed']);
  expect(new Set(warned)).toEqual(new Set(['an observer failed']));
});
