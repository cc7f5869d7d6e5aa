import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { statusView } from '@reliable-ops/contracts';
import { connect } from '@reliable-ops/database';
import { within } from '../src/within.ts';
import { create, problemOf, startApi, until, willing } from './fixture.ts';
import { spawnOrchestrator, type OrchestratorProcess } from './process.ts';
import { startProxy, type Proxy } from './proxy.ts';
import { useBackends } from './use-api.ts';

// In a process of its own: losing Postgres may end it (crash-only), and must not end the tests.
const backends = useBackends();
let postgres: Proxy;
let redis: Proxy;
let orchestrator: OrchestratorProcess;
beforeEach(async () => {
  postgres = await startProxy(backends.databaseUrl);
  redis = await startProxy(backends.redisUrl);
  orchestrator = spawnOrchestrator({ DATABASE_URL: postgres.url, REDIS_URL: redis.url });
});
afterEach(async () => {
  await orchestrator[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

const status = async (path: string): Promise<number> =>
  (await orchestrator.send('GET', path)).status;
const untilRedisIs = (state: 'connected' | 'away'): Promise<true> =>
  until(async () => (await orchestrator.send('GET', '/readyz')).body.redis === state);

/** Everything that asks Postgres. */
const requests = [
  ['POST', '/v1/sagas', create('away')],
  ['POST', '/v1/sagas/batch', { saga: 'create-group', inputs: [{ groupId: 'away' }] }],
  ['GET', '/v1/sagas', undefined],
  ['GET', '/v1/sagas/1', undefined],
  ['GET', `/v1/batches/${crypto.randomUUID()}`, undefined],
] as const;
async function expectRefusals(code: string): Promise<void> {
  for (const [method, path, body] of requests) {
    const reply = await orchestrator.send(method, path, { body });
    expect([path, problemOf(reply)]).toMatchObject([path, { status: 503, code }]);
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(await status('/healthz')).toBe(200);
  expect(await status('/readyz')).toBe(503);
  // What a person typed wrong is told before Postgres is asked.
  expect((await orchestrator.send('POST', '/v1/sagas', { body: create(5) })).status).toBe(400);
}

describe('Postgres away', () => {
  test('answers 503 with Retry-After, and serves again by itself when it is back', async () => {
    await untilRedisIs('connected');
    expect(await status('/v1/sagas')).toBe(200);
    await postgres.close();
    await expectRefusals('POSTGRES_AWAY');
    const view = await orchestrator.send('GET', '/v1/status');
    expect(view.status).toBe(200);
    expect(statusView.parse(view.body)).toMatchObject({
      postgres: null,
      outbox: null,
      sagas: null,
      queues: { node01: {} },
    });

    await postgres.open();
    await until(async () => (await status('/readyz')) === 200);
    expect((await orchestrator.send('POST', '/v1/sagas', { body: create('back') })).status).toBe(
      202,
    );
  });

  test('hanging, it is given up on: not ready, and a status without it', async () => {
    expect(await status('/readyz')).toBe(200);
    postgres.freeze();
    expect(await status('/readyz')).toBe(503);
    expect((await orchestrator.send('GET', '/v1/status')).body.postgres).toBeNull();
    postgres.thaw();
    await until(async () => (await status('/readyz')) === 200);
  });

  test('a request that waits for it too long is answered', async () => {
    await expect(within(1, new Promise(() => {}))).rejects.toMatchObject({
      status: 503,
      code: 'POSTGRES_AWAY',
    });
  });
});

test('a database that is not migrated answers 503, and is not ready', async () => {
  const sql = connect(backends.databaseUrl, { applicationName: 'orchestrator-test' });
  await sql`alter schema saga rename to saga_later`;
  await sql`alter schema drizzle rename to drizzle_later`;
  try {
    await expectRefusals('NOT_MIGRATED');
  } finally {
    await sql`alter schema saga_later rename to saga`;
    await sql`alter schema drizzle_later rename to drizzle`;
    await sql.end({ timeout: 1 });
  }
  expect(await status('/readyz')).toBe(200);
});

describe('Redis away', () => {
  test('what is asked for is accepted all the same', async () => {
    await untilRedisIs('connected');
    await redis.close();
    await untilRedisIs('away');
    expect(await status('/readyz')).toBe(200);
    const reply = await orchestrator.send('POST', '/v1/sagas', { body: create('no-redis') });
    expect(reply.status).toBe(202);
    const view = statusView.parse((await orchestrator.send('GET', '/v1/status')).body);
    expect(view).toMatchObject({ redis: null, queues: null });
    expect(view.outbox!.rows).toBeGreaterThan(0);
    expect(problemOf(await orchestrator.send('GET', '/queues/api/queues')).status).toBe(503);
    expect(await status('/queues')).toBe(200);

    await redis.open();
    await untilRedisIs('connected');
    expect(await status('/queues/api/queues')).toBe(200);
  });

  test('who waits for a saga hears of its end without a hint', async () => {
    await redis.close();
    await untilRedisIs('away');
    const waiting = orchestrator.send('POST', '/v1/sagas', {
      body: create('unheard'),
      headers: { prefer: 'wait=60' },
    });
    // Its jobs are owed by the outbox alone: whoever recovers it reaches the Redis that we do not.
    await using api = startApi(backends);
    const worker = api.work(willing);
    await until(api.queue.isConnected);
    await until(async () => {
      const dueBefore = Date.now();
      const owed = await api.log.readEntries({ dueBefore, after: undefined, limit: 100 });
      await api.queue.add(
        owed.map((entry) => [entry]),
        Date.now(),
      );
      // Not that none is running: perhaps it was not accepted yet.
      const [saga] = await api.log.listSagas({ limit: 1 });
      return saga?.status === 'completed';
    });
    const reply = await waiting;
    await worker[Symbol.asyncDispose]();
    expect([reply.status, reply.body.status]).toEqual([200, 'completed']);
  });
});
