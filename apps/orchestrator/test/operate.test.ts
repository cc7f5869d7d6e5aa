import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { operatedViews, participantViews, sagaView, stuckView } from '@reliable-ops/contracts';
import type { Participant } from '@reliable-ops/saga';
import { create, problemOf, startApi, until, willing, type Api } from './fixture.ts';
import { useBackends } from './use-api.ts';

const backends = useBackends();
let api: Api;
beforeEach(() => {
  api = startApi(backends);
});
afterEach(async () => {
  // What is still being published would come into the next test's queue.
  await api.engine.idle();
  await api.sql`truncate saga.sagas, saga.lanes, saga.outbox, saga.requests, saga.pauses`;
  await until(() => api.queue.isConnected());
  await api.queue.redis.flushall();
  await api[Symbol.asyncDispose]();
});

const start = async (...groupIds: string[]): Promise<string[]> => {
  const ids: string[] = [];
  for (const id of groupIds)
    ids.push((await api.send('POST', '/v1/sagas', { body: create(id) })).body.id);
  return ids;
};
const post = (path: string, body?: unknown) => api.send('POST', path, { body });
const statusOf = async (id: string): Promise<string> =>
  (await api.send('GET', `/v1/sagas/${id}`)).body.status;
const ann = { by: 'ann@desk', note: 'wrong list' };

const whileWorking = async (participant: Participant, work: () => Promise<void>): Promise<void> => {
  const worker = api.work(participant);
  try {
    await work();
  } finally {
    await worker[Symbol.asyncDispose]();
  }
};

/** Creates are rejected on node01 and applied elsewhere, where they cannot be taken back. */
const unwilling: Participant = {
  run: async (kind, commands) =>
    commands.map(({ step }) =>
      kind === 'undo'
        ? { result: 'unknown', error: 'connect ECONNREFUSED' }
        : step === 'node01'
          ? { result: 'rejected', error: '406 no' }
          : { result: 'applied', output: 'created' },
    ),
};

describe('one saga', () => {
  test('cancel: 200 with the view of a queued one that has ended, 202 with that of a running one on its way', async () => {
    const [running, queued] = await start('a', 'a');
    const done = await post(`/v1/sagas/${queued}/cancel`, ann);
    expect([done.status, sagaView.parse(done.body).status]).toEqual([200, 'cancelled']);
    expect(done.body.history).toEqual([{ at: expect.any(String), verb: 'cancel', ...ann }]);
    const begun = await post(`/v1/sagas/${running}/cancel`);
    expect([begun.status, begun.body.status]).toEqual([202, 'compensating']);
    expect(begun.body.history).toMatchObject([{ verb: 'cancel', note: null }]);
    await whileWorking(willing, async () => {
      await until(async () => (await statusOf(running!)) === 'cancelled');
    });
    const again = await post(`/v1/sagas/${running}/cancel`, { by: 'bob' });
    expect(again.status).toBe(200);
    expect(again.body.history).toHaveLength(1);
  });

  test('what makes no sense is a 409 that says why; what is not there a 404', async () => {
    const [id] = await start('b');
    await whileWorking(willing, async () => {
      await until(async () => (await statusOf(id!)) === 'completed');
    });
    for (const [verb, why] of [
      ['cancel', 'has completed: nothing is left to cancel'],
      ['retry', 'has ended (completed): nothing of it waits'],
      ['resolve', 'has completed: nothing is left to resolve'],
    ] as const) {
      expect(problemOf(await post(`/v1/sagas/${id}/${verb}`, { note: 'x' }))).toMatchObject({
        status: 409,
        code: 'REFUSED',
        detail: `saga ${id} ${why}`,
      });
      expect(problemOf(await post(`/v1/sagas/999999/${verb}`, { note: 'x' }))).toMatchObject({
        status: 404,
        code: 'NOT_FOUND',
      });
    }
    expect((await api.send('GET', `/v1/sagas/${id}`)).body.history).toEqual([]);
  });

  test('resolve: ends what cannot be taken back, and the next of its key goes on', async () => {
    const [stuck, next] = await start('c', 'c');
    await whileWorking(unwilling, async () => {
      await until(async () => (await statusOf(stuck!)) === 'compensating');
      expect(problemOf(await post(`/v1/sagas/${stuck}/resolve`))).toMatchObject({
        status: 400,
        field: 'note',
      });
      const reply = await post(`/v1/sagas/${stuck}/resolve`, ann);
      expect([reply.status, reply.body.status]).toEqual([200, 'resolved']);
      await until(async () => (await statusOf(next!)) !== 'queued');
      await post(`/v1/sagas/resolve`, { ids: [next], note: 'end' });
    });
  });
});

describe('many sagas', () => {
  test('an answer each, in the order asked', async () => {
    const [running, queued] = await start('d', 'd');
    const reply = await post('/v1/sagas/cancel', { ids: ['999999', queued, running], ...ann });
    expect(reply.status).toBe(200);
    expect(operatedViews.parse(reply.body).sagas).toEqual([
      { id: '999999', result: 'unknown', reason: null },
      { id: queued, result: 'done', reason: null },
      { id: running, result: 'begun', reason: null },
    ]);
    const retried = await post('/v1/sagas/retry', { ids: [running] });
    expect(retried.body.sagas[0]).toMatchObject({
      result: 'refused',
      reason: expect.stringContaining('under way'),
    });
  });

  test.each([
    ['/v1/sagas/cancel', undefined, 'ids'],
    ['/v1/sagas/cancel', { ids: [] }, 'ids'],
    ['/v1/sagas/cancel', { ids: [1] }, 'ids.0'],
    ['/v1/sagas/cancel', { ids: ['1; drop table'] }, 'ids.0'],
    ['/v1/sagas/cancel', { ids: Array.from({ length: 1_001 }, (_, n) => String(n)) }, 'ids'],
    ['/v1/sagas/retry', { ids: ['1'], why: 'x' }, 'why'],
    ['/v1/sagas/resolve', { ids: ['1'] }, 'note'],
    ['/v1/sagas/1/cancel', { by: 'a\0b' }, 'by'],
    ['/v1/sagas/1/cancel', '{"note":"\\ud800"}', 'note'],
    ['/v1/sagas/1/cancel', { note: 'x'.repeat(2_001) }, 'note'],
    ['/v1/sagas/1/resolve', { note: '  ' }, 'note'],
    ['/v1/sagas/1/cancel', 'null', 'body'],
    ['/v1/stuck/retry', { perSecond: 0 }, 'perSecond'],
    ['/v1/participants/node01/pause', { by: 5 }, 'by'],
  ])(
    'bad input to %s is a 400 that names the field, and changes nothing (%#)',
    async (path, body, field) => {
      const [id] = await start('e');
      expect(problemOf(await post(path, body))).toMatchObject({
        status: 400,
        code: 'INVALID_REQUEST',
        field,
      });
      expect(await statusOf(id!)).toBe('running');
      expect(await api.log.readPauses()).toEqual([]);
    },
  );

  test('a body of another type is a 415', async () => {
    const reply = await api.send('POST', '/v1/stuck/retry', {
      body: 'x',
      headers: { 'content-type': 'text/plain' },
    });
    expect(problemOf(reply)).toMatchObject({ status: 415 });
  });
});

describe('stuck', () => {
  test('causes are grouped by participant and error, and all of them come forward at a rate', async () => {
    await start('f', 'g', 'h');
    await whileWorking(unwilling, async () => {
      await until(async () => (await api.log.countActive()).compensating === 3);
      // Each has failed to take something back.
      await until(async () => {
        await api.sql`update saga.sagas set stuck = true`;
        const { causes } = await api.log.groupStuck(10);
        return causes.reduce((sum, cause) => sum + cause.sagas, 0) === 6;
      });
    });
    const { sagas, causes } = stuckView.parse((await api.send('GET', '/v1/stuck')).body);
    expect(sagas).toBe(3);
    expect(causes).toEqual(
      ['node02', 'node03'].map((participant) => ({
        participant,
        error: 'connect ECONNREFUSED',
        sagas: 3,
      })),
    );
    await api.sql`update saga.outbox set due_at = now() + interval '1 hour'`;
    const reply = await post('/v1/stuck/retry', { perSecond: 2 });
    expect([reply.status, reply.body]).toEqual([
      202,
      { sagas: 3, hastened: 3, seconds: 2, next: null },
    ]);
  });
});

describe('participants', () => {
  const participants = async () =>
    participantViews.parse((await api.send('GET', '/v1/participants')).body).participants;

  test('a paused one says by whom and since when; paused twice, the first pause stays; resumed, it is none', async () => {
    await until(() => api.queue.isConnected());
    // How long Redis may take to be told is bounded; a busy machine may need another try.
    await until(async () => {
      const { body } = await post('/v1/participants/node02/pause', ann);
      return body.told && body.jobs;
    });
    const first = await post('/v1/participants/node02/pause', { by: 'bob' });
    expect([first.status, first.body]).toMatchObject([
      200,
      { name: 'node02', told: true, paused: ann, jobs: { active: 0 } },
    ]);
    const again = await post('/v1/participants/node02/pause', { by: 'bob' });
    expect(again.body.paused).toEqual(first.body.paused);
    expect((await participants()).map(({ name, paused }) => [name, paused?.by ?? null])).toEqual([
      ['node01', null],
      ['node02', 'ann@desk'],
      ['node03', null],
    ]);
    expect((await api.send('GET', '/v1/status')).body.paused).toEqual(['node02']);
    expect(await api.queue.queues.get('node02')!.isPaused()).toBe(true);
    for (let time = 0; time < 2; time++) {
      const resumed = await post('/v1/participants/node02/resume');
      expect([resumed.status, resumed.body.paused]).toEqual([200, null]);
    }
    expect(await api.queue.queues.get('node02')!.isPaused()).toBe(false);
  });

  test('an unknown one is a 404 that names those there are', async () => {
    for (const verb of ['pause', 'resume'])
      expect(problemOf(await post(`/v1/participants/node09/${verb}`))).toMatchObject({
        status: 404,
        detail: 'there is no participant "node09": there are node01, node02, node03',
      });
  });
});

describe('faults', () => {
  test('a cluster that does not answer is a 503, an unknown node a 404', async () => {
    expect(problemOf(await api.send('GET', '/v1/faults'))).toMatchObject({
      status: 503,
      code: 'CLUSTER_AWAY',
    });
    expect(problemOf(await api.send('PUT', '/v1/faults/node09', { body: {} }))).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
    });
    expect(
      problemOf(await api.send('PUT', '/v1/faults/node01', { body: { error: 2 } })),
    ).toMatchObject({ status: 400, field: 'error' });
  });
});
