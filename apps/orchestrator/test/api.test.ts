import { describe, expect, jest, test } from '@jest/globals';
import { clusterView, statusView, type ClusterView } from '@reliable-ops/contracts';
import { knownMigrations } from '@reliable-ops/database';
import { create, problemOf, startApi, until } from './fixture.ts';
import { useApi } from './use-api.ts';

const read = jest.fn<() => Promise<ClusterView>>();
const { api, backends } = useApi({ cluster: { read } });

test('the cluster is asked once for all who ask meanwhile', async () => {
  const view = { consistent: null, nodes: { node01: 3, node02: null } };
  let answer: ((view: ClusterView) => void) | undefined;
  read.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
  const replies = [api.send('GET', '/v1/cluster'), api.send('GET', '/v1/cluster')];
  await until(() => read.mock.calls.length > 0);
  answer?.(view);
  for (const { body } of await Promise.all(replies)) expect(clusterView.parse(body)).toEqual(view);
  expect(read).toHaveBeenCalledTimes(1);
  read.mockResolvedValueOnce({ consistent: true, nodes: {} });
  expect((await api.send('GET', '/v1/cluster')).body.consistent).toBe(true);
});

test('the status tells versions, migrations, queues, outbox and sagas', async () => {
  await api.send('POST', '/v1/sagas', { body: create('status') });
  await until(async () => (await api.queue.queues.get('stages')!.getWaitingCount()) === 1);
  const view = statusView.parse((await api.send('GET', '/v1/status')).body);
  expect(view).toMatchObject({
    version: '0.0.0',
    postgres: { migrations: { applied: knownMigrations(), known: knownMigrations() } },
    queues: {
      stages: { waiting: 1, active: 0, delayed: 0 },
      node01: { waiting: 0, active: 0, delayed: 0 },
    },
    outbox: { rows: 3 },
    sagas: { queued: 0, running: 1, compensating: 0, stuck: 0 },
  });
  expect(view.postgres?.version).toMatch(/^\d+/);
  expect(view.redis?.version).toMatch(/^\d+\./);
  expect(view.outbox!.oldestOverdueSeconds).toBeGreaterThanOrEqual(0);
});

test('alive and ready, and an index of what there is', async () => {
  expect((await api.send('GET', '/healthz')).status).toBe(200);
  expect((await api.send('GET', '/readyz')).body).toEqual({ ready: true, redis: 'connected' });
  expect((await api.send('GET', '/')).body).toHaveProperty(['POST /v1/sagas']);
});

describe('what is not there', () => {
  test.each([
    '/nothing',
    '/v1',
    '/v1/sagas/',
    '/v1/sagas/1/steps',
    '/v1/batches',
    '/queues/nothing/at/all',
    '//',
  ])('is 404: %s', async (path) => {
    expect(problemOf(await api.send('GET', path)).status).toBe(404);
  });
  test.each([
    ['DELETE', '/v1/sagas', 'POST, GET, HEAD'],
    ['GET', '/v1/sagas/batch', 'POST'],
    ['PUT', '/v1/sagas/5', 'GET, HEAD'],
    ['POST', '/v1/status', 'GET, HEAD'],
    ['OPTIONS', '/v1/cluster', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
  ])('%s %s is 405, with the methods that are', async (method, path, allow) => {
    const reply = await api.send(method, path);
    expect(problemOf(reply).status).toBe(405);
    expect(reply.headers.get('allow')).toBe(allow);
  });
  test('HEAD is answered as GET, without a body', async () => {
    const reply = await api.send('HEAD', '/v1/sagas');
    expect([reply.status, reply.text]).toEqual([200, '']);
  });
});

test('an unexpected error is a 500 that tells nothing of its cause, and a line in the log', async () => {
  const error = jest.fn();
  await using broken = startApi(backends, {
    logger: { ...api.logger, error, debug: jest.fn(), warn: jest.fn() } as never,
    cluster: { read: () => Promise.reject(new Error('a secret detail')) },
  });
  const reply = await broken.send('GET', '/v1/cluster');
  expect(problemOf(reply)).toMatchObject({ status: 500, code: 'INTERNAL' });
  expect(reply.text).not.toContain('secret');
  expect(error.mock.calls).toMatchObject([
    [{ path: '/v1/cluster', err: { message: 'a secret detail' } }, 'unexpected error'],
  ]);
});
