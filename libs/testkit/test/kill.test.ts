import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connect } from '@reliable-ops/database';
import { Redis } from 'ioredis';
import {
  allEnded,
  clientOf,
  nodeNames,
  readPresentIds,
  startSystem,
  waitFor,
  type System,
  type SystemClient,
} from '../src/index.ts';
import { expectNodesToSayWhatTheLogSays } from './nodes-as-logged.ts';

let system: System;
let client: SystemClient;

const start = async (env: Record<string, string> = {}): Promise<void> => {
  system = await startSystem({ env });
  client = clientOf(system);
};
afterEach(async () => {
  await system[Symbol.asyncDispose]();
});

const ids = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => String(from + n).padStart(4, '0'));
const chunks = (all: string[], size: number): string[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, n) =>
    all.slice(n * size, (n + 1) * size),
  );

/** Slow enough that a kill finds work under way. */
const slowNodes = (faults: object = {}): Promise<unknown> =>
  Promise.all(nodeNames.map((node) => client.setFaults(node, { delayMs: 60, ...faults })));

const someEnded = (batches: string[], count: number): Promise<unknown> =>
  waitFor(`${count} sagas to end`, async () => {
    const { completed, compensated } = await client.count(batches);
    return completed + compensated >= count;
  });

describe('kill -9 in the middle of 1,000 creates on nodes that fail 20 % of all calls', () => {
  beforeEach(() => start({ RANDOM_BEHAVIOR: '0.2' }));

  test('P2, P7: of the worker', async () => {
    await slowNodes();
    const batches = await Promise.all(
      chunks(ids(1_000), 100).map((chunk) => client.post('create-group', chunk)),
    );
    await someEnded(batches, 100);
    await system.workers[0]!.kill('SIGKILL');
    expect(allEnded(await client.count(batches))).toBe(false);
    await system.workers[0]!.start();
    await client.untilEnded(batches);
    expect((await client.count(batches)).total).toBe(1_000);
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });

  test('P2, P3: of the orchestrator; what got no answer is sent again and accepted once', async () => {
    await slowNodes();
    const posting = chunks(ids(1_000), 20).map(async (chunk, n) =>
      client.post('create-group', chunk, `key-${n}`),
    );
    await Promise.race(posting);
    await system.orchestrator.kill('SIGKILL');
    await system.orchestrator.start();
    const batches = await Promise.all(posting);
    await client.untilEnded(batches);
    expect((await client.count(batches)).total).toBe(1_000);
    const sql = connect(system.databaseUrl, { applicationName: 'test', max: 1 });
    const [counted] = await sql<{ sagas: number; keys: number }[]>`
      select count(*)::int as sagas, count(distinct key)::int as keys from saga.sagas`;
    await sql.end();
    expect(counted).toEqual({ sagas: 1_000, keys: 1_000 });
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });

  test('P2: FLUSHALL of Redis; all end, without a restart', async () => {
    await slowNodes();
    const batches = await Promise.all(
      chunks(ids(1_000), 100).map((chunk) => client.post('create-group', chunk)),
    );
    await someEnded(batches, 100);
    const redis = new Redis(system.redis.url);
    await redis.flushall();
    redis.disconnect();
    await client.untilEnded(batches);
    expect((await client.count(batches)).total).toBe(1_000);
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });
});

describe('kill -9 of a worker while a node hangs', () => {
  test('P2, P7: what is late has left its siblings, which are committed; all of it ends', async () => {
    // Nothing that recovery does may take the place of what the worker did.
    await start({ CALL_TIMEOUT: '60s', RECOVERY_INTERVAL: '60s' });
    await client.setFaults('node03', { delayMs: 600_000 });
    const sql = connect(system.databaseUrl, { applicationName: 'test', max: 1 });
    const redis = new Redis(system.redis.url);
    let batch = '';
    try {
      await waitFor('the first look of recovery', () => redis.exists('{rops}:incarnation'));
      batch = await client.post('create-group', ids(100));
      await waitFor('siblings to be committed, the late one to have its own job', async () => {
        const rows = await sql<{ id: string; participant: string }[]>`
          select id, participant from saga.outbox`;
        const [row] = rows;
        if (rows.length !== 1 || row!.participant !== 'node03') return false;
        return redis.exists(`{rops}:node03:${row!.id}`);
      });
    } finally {
      redis.disconnect();
      await sql.end();
    }
    await system.workers[0]!.kill('SIGKILL');
    expect(await client.count([batch])).toMatchObject({ total: 100, running: 100 });
    expect(await readPresentIds(system.databaseUrl)).toEqual({
      node01: ids(100),
      node02: ids(100),
      node03: [],
    });
    await client.setFaults('node03', {});
    await system.workers[0]!.start();
    await client.untilEnded([batch]);
    expect(await client.count([batch])).toMatchObject({ total: 100, completed: 100 });
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });
});

describe('kill -9 in the middle of rollbacks', () => {
  test('P6: of the worker; everything is taken back', async () => {
    await start({ STEP_ATTEMPTS: '2' });
    await slowNodes();
    await client.setFaults('node03', { error: 1 });
    const batches = await Promise.all(
      chunks(ids(300), 50).map((chunk) => client.post('create-group', chunk)),
    );
    await waitFor(
      'rollbacks under way',
      async () => (await client.count(batches)).compensating >= 50,
    );
    await system.workers[0]!.kill('SIGKILL');
    expect((await client.count(batches)).compensating).toBeGreaterThan(0);
    await client.setFaults('node03', {});
    await system.workers[0]!.start();
    await client.untilEnded(batches);
    expect((await client.count(batches)).compensated).toBeGreaterThanOrEqual(50);
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });

  test('P6: a failed rollback survives: node down while compensating, worker killed, both brought back', async () => {
    await start({ STEP_ATTEMPTS: '2' });
    // So slow to refuse that node02 is down before anything is taken back.
    await client.setFaults('node03', { error: 1, delayMs: 2_000 });
    await client.setFaults('node01', { delayMs: 300 });
    const batch = await client.post('create-group', ['5']);
    await waitFor('node02 to hold the group', async () =>
      (await readPresentIds(system.databaseUrl)).node02.includes('5'),
    );
    await client.setFaults('node02', { down: true });
    const rollback = async () =>
      (await client.sagas(batch))[0]!.steps.find(({ name }) => name === 'node02')!;
    await waitFor('a rollback to fail on node02', async () => {
      const { state, attempts } = await rollback();
      return state === 'compensating' && attempts >= 1;
    });
    await system.workers[0]!.kill('SIGKILL');
    expect((await readPresentIds(system.databaseUrl)).node02).toEqual(['5']);
    await system.workers[0]!.start();
    await client.setFaults('node02', {});
    await client.setFaults('node03', {});
    await client.untilEnded([batch]);
    expect(await client.count([batch])).toMatchObject({ total: 1, compensated: 1 });
    expect((await readPresentIds(system.databaseUrl)).node02).toEqual([]);
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });
});

describe('a worker that is asked to stop', () => {
  test('finishes what is in hand, and another one does the rest', async () => {
    await start({ RANDOM_BEHAVIOR: '0.2' });
    await slowNodes();
    const [some, others] = chunks(ids(500), 250) as [string[], string[]];
    const batches = await Promise.all(
      chunks(some, 50).map((chunk) => client.post('create-group', chunk)),
    );
    await someEnded(batches, 50);
    // So that something is left, however quick the worker is with what it has in hand.
    await client.setFaults('node03', { error: 1 });
    batches.push(await client.post('create-group', others));
    expect(await system.workers[0]!.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(allEnded(await client.count(batches))).toBe(false);
    await client.setFaults('node03', {});
    await system.workers[0]!.start();
    await client.untilEnded(batches);
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });
});

describe('the job itself', () => {
  test('P1: 100 creates, then 100 deletes at 20 % errors: 100 completed each', async () => {
    // With 8 attempts one run in 700 would give a step up; more attempts make the test certain, not the system.
    await start({ RANDOM_BEHAVIOR: '0.2', STEP_ATTEMPTS: '14' });
    const created = await client.post('create-group', ids(100));
    await client.untilEnded([created]);
    expect(await client.count([created])).toMatchObject({ total: 100, completed: 100 });
    expect((await readPresentIds(system.databaseUrl)).node02).toEqual(ids(100));
    const deleted = await client.post('delete-group', ids(100));
    await client.untilEnded([deleted]);
    expect(await client.count([deleted])).toMatchObject({ total: 100, completed: 100 });
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
    expect((await readPresentIds(system.databaseUrl)).node02).toEqual([]);
  });

  test('P4: 200 creates and 200 deletes of the same 20 ids at once: the end state is that of the last accepted', async () => {
    await start({ RANDOM_BEHAVIOR: '0.2', STEP_ATTEMPTS: '14' });
    const batches = await Promise.all(
      Array.from({ length: 400 }, (_, n) =>
        client.post(n % 2 === 0 ? 'create-group' : 'delete-group', [
          ids(20)[Math.floor(n / 2) % 20]!,
        ]),
      ),
    );
    await client.untilEnded(batches);
    const sql = connect(system.databaseUrl, { applicationName: 'test', max: 1 });
    const last = await sql<{ groupId: string; name: string; status: string }[]>`
      select distinct on (key) substr(key, 7) as "groupId", name, status from saga.sagas order by key, id desc`;
    await sql.end();
    expect(last).toHaveLength(20);
    expect(last.every(({ status }) => status === 'completed')).toBe(true);
    const expected = last
      .filter(({ name }) => name === 'create-group')
      .map(({ groupId }) => groupId);
    expect(await readPresentIds(system.databaseUrl)).toEqual(
      Object.fromEntries(nodeNames.map((node) => [node, expected])),
    );
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });
});
