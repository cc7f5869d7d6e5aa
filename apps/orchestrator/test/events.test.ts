import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { changesEvent, limits, sagaView, type SagaStatus } from '@reliable-ops/contracts';
import { readEvents } from './event-reader.ts';
import { create, problemOf, startApi, until, willing } from './fixture.ts';
import { spawnOrchestrator } from './process.ts';
import { useApi } from './use-api.ts';

const { api, backends } = useApi();

const opened: ReturnType<typeof readEvents>[] = [];
afterEach(() => Promise.all(opened.splice(0).map((stream) => stream.close())));

async function open(path: string, { on = api, headers = {} } = {}) {
  const response = await on.app.request(`http://localhost${path}`, {
    headers: { host: 'localhost:3000', ...headers },
  });
  const stream = readEvents(response);
  opened.push(stream);
  return stream;
}
const start = async (groupId: string): Promise<string> => {
  const { status, body } = await api.send('POST', '/v1/sagas', { body: create(groupId) });
  expect(status).toBe(202);
  return body.id;
};
const places = async (): Promise<number> => {
  const answers: Response[] = [];
  do
    answers.push(
      await api.app.request('http://localhost/v1/events', { headers: { host: 'localhost' } }),
    );
  while (answers.at(-1)!.ok && answers.length <= limits.eventStreams);
  await Promise.all(answers.map((answer) => answer.body?.cancel()));
  return answers.filter(({ ok }) => ok).length;
};

describe('GET /v1/sagas/:id/events', () => {
  test('tells the view now and at each change, and ends after the end of the saga', async () => {
    const id = await start('followed');
    const stream = await open(`/v1/sagas/${id}/events`);
    const first = await stream.next();
    expect(first).toMatchObject({ event: 'saga', data: { id, status: 'running' } });
    const told = [sagaView.parse(first?.data)];
    await using worker = api.work(willing);
    expect(worker).toBeDefined();
    for (let next = await stream.next(); next; next = await stream.next()) {
      told.push(sagaView.parse(next.data));
      expect(next.id).toBe(next.data.status === 'completed' ? 'ended' : undefined);
    }
    expect(told.at(-1)).toEqual((await api.send('GET', `/v1/sagas/${id}`)).body);
    expect(told.at(-1)?.status).toBe('completed');
    expect(new Set(told.map((view) => JSON.stringify(view))).size).toBe(told.length);
  });

  test('an EventSource that comes back after the end is told to stay away', async () => {
    const id = await start('over');
    const ended = { headers: { 'last-event-id': 'ended' } };
    const early = await open(`/v1/sagas/${id}/events`, ended);
    expect((await early.next())?.data.status).toBe('running');
    await api.send('POST', `/v1/sagas/${id}/cancel`);
    await using worker = api.work(willing);
    expect(worker).toBeDefined();
    await until(async () => (await api.send('GET', `/v1/sagas/${id}`)).body.status === 'cancelled');
    expect((await api.send('GET', `/v1/sagas/${id}/events`, ended)).status).toBe(204);
    const late = await open(`/v1/sagas/${id}/events`);
    expect(await late.next()).toMatchObject({ id: 'ended', data: { status: 'cancelled' } });
    expect(await late.next()).toBeUndefined();
  });

  test('what no hint has told is found in the log', async () => {
    const announce = jest.spyOn(api.queue, 'announce').mockRejectedValue(new Error('lost'));
    const id = await start('no hint');
    const stream = await open(`/v1/sagas/${id}/events`);
    await using worker = api.work(willing);
    expect(worker).toBeDefined();
    await stream.find(({ status }) => status === 'completed');
    expect(await stream.next()).toBeUndefined();
    announce.mockRestore();
  });

  test('404 where there is no such saga', async () => {
    for (const id of ['987654321', '99999999999999999999'])
      expect(problemOf(await api.send('GET', `/v1/sagas/${id}/events`)).code).toBe('NOT_FOUND');
  });
});

describe('GET /v1/events', () => {
  test('says that it has begun, and then what changes: the state that the log has', async () => {
    const before = await start('before');
    const stream = await open('/v1/events');
    const begun = changesEvent.parse((await stream.next())?.data);
    expect(begun).toMatchObject({ sagas: [], left: 0 });
    expect(begun.active?.running).toBeGreaterThan(0);
    const id = await start('told');
    const accepted = await stream.find(({ sagas }) => sagas.some((saga) => saga.id === id));
    const saga = changesEvent.parse(accepted.data).sagas.find((one) => one.id === id);
    const { body } = await api.send('GET', '/v1/sagas?key=group:told');
    expect({ ...saga, input: { groupId: 'told' } }).toEqual(body.sagas[0]);

    await using worker = api.work(willing);
    expect(worker).toBeDefined();
    const ended = new Map<string, SagaStatus>();
    await stream.find(({ sagas }) => {
      for (const one of sagas) ended.set(one.id, one.status);
      return ended.get(id) === 'completed' && ended.get(before) === 'completed';
    });
  });

  test('what operators do is told as well, and only what the filter asks for', async () => {
    const other = await open('/v1/events?status=queued');
    const stream = await open(
      '/v1/events?saga=create-group&status=compensating&key=group:filtered',
    );
    await Promise.all([stream.next(), other.next()]);
    const [id] = await Promise.all([start('filtered'), start('not asked for')]);
    await api.send('POST', `/v1/sagas/${id}/cancel`);
    const { data } = await stream.find(({ sagas }) => sagas.length > 0);
    expect(data.sagas.map((saga: { key: string }) => saga.key)).toEqual(['group:filtered']);
    const [, behind] = [await start('lane'), await start('lane')];
    const queued = await other.find(({ sagas }) => sagas.length > 0);
    expect(queued.data.sagas.map((saga: { id: string }) => saga.id)).toEqual([behind]);
  });

  test('what no hint has told is found in the log: new sagas, and those told of last', async () => {
    const announce = jest.spyOn(api.queue, 'announce').mockRejectedValue(new Error('lost'));
    const stream = await open('/v1/events');
    await stream.next();
    const id = await start('nobody says so');
    await stream.find(({ sagas }) => sagas.some((saga) => saga.id === id));
    await using worker = api.work(willing);
    expect(worker).toBeDefined();
    await stream.find(({ sagas }) =>
      sagas.some((saga) => saga.id === id && saga.status === 'completed'),
    );
    announce.mockRestore();
  });

  test('a batch of thousands is some events of some hundred sagas, which say how many they left out', async () => {
    const stream = await open('/v1/events');
    await stream.next();
    const sagas = 3_000;
    const { status } = await api.send('POST', '/v1/sagas/batch', {
      body: {
        saga: 'create-group',
        inputs: Array.from({ length: sagas }, (_, n) => ({ groupId: `mass ${n}` })),
      },
    });
    expect(status).toBe(202);
    let changed = 0;
    let accounted = 0;
    await stream.find((event) => {
      expect(event.sagas.length).toBeLessThanOrEqual(limits.eventSagas);
      changed += event.changed.running;
      accounted += event.sagas.length + event.left;
      return changed >= sagas;
    });
    expect(accounted).toBeGreaterThanOrEqual(sagas);
  });

  test('a parameter that it does not know is refused', async () => {
    for (const [query, field] of [
      ['limit=5', 'limit'],
      ['status=frozen', 'status'],
      ['key=a&key=b', 'key'],
    ])
      expect(problemOf(await api.send('GET', `/v1/events?${query}`)).field).toBe(field);
  });
});

describe('streams', () => {
  test('want the token that everything else wants', async () => {
    await using guarded = startApi(backends, { tokens: ['secret'] });
    expect((await guarded.send('GET', '/v1/events')).status).toBe(401);
    const headers = { authorization: 'Bearer secret' };
    const stream = await open('/v1/events', { on: guarded, headers });
    expect((await stream.next())?.event).toBe('changes');
  });

  test('are not kept back by proxies, and not cached', async () => {
    const { headers } = await api.send('HEAD', '/v1/events');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test('are as many as the limit, and one that is closed, or was a HEAD, leaves its place', async () => {
    for (let n = 0; n < 3; n++) await api.send('HEAD', '/v1/events');
    expect(await places()).toBe(limits.eventStreams);
    expect(await places()).toBe(limits.eventStreams);
    await until(() => !api.feed.isAwaited() && !api.sagaWatch.isAwaited());
  });

  test('cost the log no more for many who listen than for one', async () => {
    const id = await start('heard by many');
    const many = limits.eventStreams / 2;
    const streams = await Promise.all(
      ['/v1/events', `/v1/sagas/${id}/events`].flatMap((path) =>
        Array.from({ length: many }, () => open(path)),
      ),
    );
    for (const stream of streams) await stream.next();
    const reads = (['getSagas', 'listSagas', 'countActive'] as const).map((name) =>
      jest.spyOn(api.log, name),
    );
    await using worker = api.work(willing);
    expect(worker).toBeDefined();
    await Promise.all(
      streams.map((stream) =>
        stream.find(
          ({ status, sagas }) =>
            status === 'completed' ||
            (sagas ?? []).some((saga) => saga.id === id && saga.status === 'completed'),
        ),
      ),
    );
    // Each who reads for himself would make hundreds; those who look at the same moment share a read.
    for (const read of reads) expect(read.mock.calls.length).toBeLessThan(many);
    for (const read of reads) read.mockRestore();
  });

  test('past the limit the answer is 503, with a reason', async () => {
    await Promise.all(Array.from({ length: limits.eventStreams }, () => open('/v1/events')));
    const refused = await api.send('GET', '/v1/events');
    expect(problemOf(refused)).toMatchObject({ status: 503, code: 'TOO_MANY_STREAMS' });
    expect(refused.headers.get('retry-after')).not.toBeNull();
  });

  test('end when the server stops, and it stops', async () => {
    await using orchestrator = spawnOrchestrator({
      DATABASE_URL: backends.databaseUrl,
      REDIS_URL: backends.redisUrl,
    });
    const url = await orchestrator.listening();
    const { body } = await orchestrator.send('POST', '/v1/sagas', { body: create('stopped') });
    const streams = await Promise.all(
      ['/v1/events', `/v1/sagas/${body.id}/events`].map(async (path) =>
        readEvents(await fetch(url + path)),
      ),
    );
    for (const stream of streams) expect(await stream.next()).toBeDefined();
    orchestrator.kill('SIGTERM');
    for (const stream of streams) while (await stream.next());
    expect(await orchestrator.ended).toBe(0);
  });
});
