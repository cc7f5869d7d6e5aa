import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { createTestDatabase } from '@reliable-ops/testkit';
import { z } from 'zod';
import {
  createEngine,
  createPostgresLog,
  createPostgresMaintenance,
  createRecovery,
  createRegistry,
  defineSaga,
  measureLog,
  type Engine,
  type SagaLog,
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
const deadlineMs = 60_000;
const graceMs = 15_000;
const registry = createRegistry([create], { stepAttempts: 1, stuckAfter: 1, deadlineMs });

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let sql: Sql;
let log: SagaLog;
let queue: MemoryQueue;
let stores: FencedStore[];
let engine: Engine;
let nowMs: number;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { applicationName: 'measure-log-test', max: 5 });
  log = createPostgresLog(sql);
});
afterAll(async () => {
  await sql.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await sql`truncate saga.sagas, saga.lanes, saga.outbox, saga.requests, saga.leases, saga.pauses, saga.watermarks`;
  queue = new MemoryQueue();
  stores = nodes.map(() => new FencedStore());
  nowMs = Date.now();
  engine = createEngine({
    log,
    registry,
    queue,
    participants: Object.fromEntries(nodes.map((name, index) => [name, stores[index]!])),
    clock: () => nowMs,
    warn: () => {},
  });
});

const accept = async (...ids: string[]): Promise<void> => {
  await engine.accept({
    batchId: randomUUID(),
    idempotency: null,
    sagas: ids.map((id) => ({ definition: create, input: { id } })),
  });
  await engine.idle();
};
const run = async (): Promise<void> => {
  await Promise.all(queue.take().map((job) => engine.runEntry(job)));
  await engine.idle();
};
const measure = () => measureLog(sql, graceMs);

test('an empty log measures nothing', async () => {
  expect(await measure()).toMatchObject({
    queued: 0,
    running: 0,
    compensating: 0,
    stuck: 0,
    pastDeadline: 0,
    oldestActiveMs: 0,
    lanesWaiting: 0,
    outbox: [],
    paused: [],
    maintenanceAgeMs: null,
  });
});

test('sagas by state, the lanes that wait, and what is owed to each node', async () => {
  await accept('a', 'a', 'a', 'b', 'b', 'c');
  expect(await measure()).toMatchObject({ queued: 3, running: 3, lanesWaiting: 2 });
  expect(
    (await measure()).outbox.sort((one, other) => (one.participant < other.participant ? -1 : 1)),
  ).toEqual(
    nodes.map((participant) => ({
      participant,
      rows: 1,
      overdue: 0,
      oldestOverdueMs: expect.any(Number),
    })),
  );
  stores[1]!.fault = () => 'error';
  for (let turn = 0; turn < 3; turn++) await run();
  expect(await measure()).toMatchObject({ queued: 3, running: 0, compensating: 3, stuck: 3 });
});

test('a saga past its deadline, its age, and a job that is overdue', async () => {
  nowMs -= deadlineMs + 5_000;
  await accept('a');
  const measured = await measure();
  expect(measured).toMatchObject({ running: 1, pastDeadline: 1 });
  expect(measured.oldestActiveMs).toBeGreaterThanOrEqual(deadlineMs + 5_000);
  for (const { rows, overdue, oldestOverdueMs } of measured.outbox) {
    expect([rows, overdue]).toEqual([1, 1]);
    expect(oldestOverdueMs).toBeGreaterThanOrEqual(deadlineMs + 5_000);
  }
});

test('a completed saga is not looked at', async () => {
  await accept('a');
  await run();
  expect(await measure()).toMatchObject({ running: 0, pastDeadline: 0, outbox: [] });
});

test('who is paused', async () => {
  await engine.pause('n2', { by: 'ann@desk', note: null });
  expect((await measure()).paused).toEqual(['n2']);
});

test('recovery lapses from the end of its lease on, and before anybody has held it from the making of the log on', async () => {
  expect((await measure()).recoveryLapsedMs).toBeGreaterThan(0);
  const pass = (clock: () => number) =>
    createRecovery({ log, queue, holder: 'h', intervalMs: 5_000, clock })();
  await pass(Date.now);
  expect((await measure()).recoveryLapsedMs).toBe(0);
  await pass(() => Date.now() - 100_000);
  // Three intervals after that pass.
  expect((await measure()).recoveryLapsedMs).toBeGreaterThanOrEqual(85_000);
});

test('the age of the last maintenance pass', async () => {
  await createPostgresMaintenance(sql).takeWatermark();
  expect((await measure()).maintenanceAgeMs).toBeGreaterThanOrEqual(0);
});
