import { describe, expect, test } from '@jest/globals';
import { sagaPage, sagaSummary, sagaView } from '@reliable-ops/contracts';
import { defineSaga, type Participant } from '@reliable-ops/saga';
import { z } from 'zod';
import { create, groupSagas, problemOf, startApi, until, willing } from './fixture.ts';
import { useApi } from './use-api.ts';

const { api, backends } = useApi();

const countSagas = async (key: string): Promise<number> =>
  (await api.send('GET', `/v1/sagas?key=${encodeURIComponent(key)}`)).body.sagas.length;

describe('a single saga', () => {
  test('is accepted, and found under its Location', async () => {
    const reply = await api.send('POST', '/v1/sagas', { body: create('007') });
    expect(reply.status).toBe(202);
    const summary = sagaSummary.parse(reply.body);
    expect(summary).toMatchObject({
      saga: 'create-group',
      key: 'group:007',
      status: 'running',
      input: { groupId: '007' },
    });
    expect(reply.headers.get('location')).toBe(`/v1/sagas/${summary.id}`);
    const found = await api.send('GET', reply.headers.get('location')!);
    expect(found.status).toBe(200);
    const view = sagaView.parse(found.body);
    expect(
      view.steps.map(({ name, participant, stage, state }) => [name, participant, stage, state]),
    ).toEqual(['node01', 'node02', 'node03'].map((node) => [node, node, 0, 'running']));
  });

  test.each([
    ['an empty id', '', 'group:'],
    ['the longest id', 'x'.repeat(512), `group:${'x'.repeat(512)}`],
    ['another script', '\u{1F600}é', 'group:\u{1F600}é'],
  ])('takes %s as it is typed', async (_what, groupId, key) => {
    const { status, body } = await api.send('POST', '/v1/sagas', { body: create(groupId) });
    expect(status).toBe(202);
    expect(body.key).toBe(key);
  });

  test.each([
    ['no JSON', '{', 400, 'body'],
    ['nothing', '', 400, 'body'],
    ['an array', '[]', 400, 'body'],
    ['null', 'null', 400, 'body'],
    ['no saga', { input: {} }, 400, 'saga'],
    ['an empty saga', { saga: '', input: {} }, 400, 'saga'],
    ['an unknown saga', { saga: 'x', input: {} }, 400, 'saga'],
    ['a member too many', { ...create('1'), more: 1 }, 400, 'more'],
    ['no input', { saga: 'create-group' }, 400, 'input'],
    ['no groupId', { saga: 'create-group', input: {} }, 400, 'input.groupId'],
    ['a number as groupId', create(5), 400, 'input.groupId'],
    ['an id too long', create('x'.repeat(513)), 400, 'input.groupId'],
    ['a NUL', create('a\0'), 400, 'input.groupId'],
    ['half a surrogate pair', create('\ud800'), 400, 'input.groupId'],
  ])('is refused with the field: %s', async (_what, body, status, field) => {
    const reply = await api.send('POST', '/v1/sagas', { body });
    expect(problemOf(reply)).toMatchObject({ status, field });
    expect(reply.status).toBe(status);
  });

  test.each([
    [{ 'content-type': 'text/plain' }],
    [{ 'content-type': '' }],
    [{ 'content-type': 'application/x-ndjson' }],
    [{ 'content-type': 'application/json; charset=latin1' }],
    [{ 'content-encoding': 'gzip' }],
  ])('is refused as another media type: %j', async (headers) => {
    const reply = await api.send('POST', '/v1/sagas', { body: create('1'), headers });
    expect(problemOf(reply).status).toBe(415);
  });

  test('is refused with a byte that is no UTF-8, rather than taken as another id', async () => {
    const body = Buffer.from(JSON.stringify(create('?')));
    body[body.indexOf('?')] = 0xff;
    const reply = await api.send('POST', '/v1/sagas', { body });
    expect(problemOf(reply)).toMatchObject({ status: 400, field: 'body' });
  });

  test('is taken with a charset that says UTF-8', async () => {
    const headers = { 'content-type': 'Application/JSON; charset="UTF-8"' };
    const reply = await api.send('POST', '/v1/sagas', { body: create('charset'), headers });
    expect(reply.status).toBe(202);
  });

  test('is too large above 8 MiB, with a length and without', async () => {
    const body = 'x'.repeat(8 * 1024 * 1024 + 1);
    expect(problemOf(await api.send('POST', '/v1/sagas', { body })).status).toBe(413);
    const headers = { 'content-length': String(body.length) };
    expect(problemOf(await api.send('POST', '/v1/sagas', { body, headers })).status).toBe(413);
  });

  test.each([
    '0',
    'abc',
    '1.5',
    '-1',
    '1e3',
    '99999999999999999999',
    '9007199254740993',
    '%00',
    ' 1',
  ])('is unknown under the id "%s"', async (id) => {
    expect(problemOf(await api.send('GET', `/v1/sagas/${id}`)).status).toBe(404);
  });

  test('is shown also where its definition is gone', async () => {
    const old = defineSaga({
      name: 'old',
      version: 3,
      input: z.object({}),
      key: () => 'old',
      stages: [[{ name: 'step', participant: 'node01', action: 'do' }]],
    });
    await using before = startApi(backends, { definitions: [...groupSagas, old] });
    const { body } = await before.send('POST', '/v1/sagas', { body: { saga: 'old', input: {} } });
    const reply = await api.send('GET', `/v1/sagas/${body.id}`);
    expect(reply.status).toBe(200);
    expect(sagaView.parse(reply.body)).toMatchObject({
      version: 3,
      steps: [{ name: 'step', participant: 'step', stage: 0 }],
    });
  });
});

describe('Idempotency-Key', () => {
  const post = (body: unknown, key: string, path = '/v1/sagas') =>
    api.send('POST', path, { body, headers: { 'idempotency-key': key } });

  test('50 at once make one saga, and all are told the same Location', async () => {
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => post(create('fifty'), 'fifty')),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(replies.map(({ headers }) => headers.get('location'))).size).toBe(1);
    expect(await countSagas('group:fifty')).toBe(1);
  });

  test('a repeat gives the same saga, however its members are ordered', async () => {
    const first = await post('{"saga":"create-group","input":{"groupId":"order"}}', 'order');
    const second = await post('{"input": {"groupId": "order"}, "saga": "create-group"}', 'order');
    expect(second.status).toBe(202);
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
  });

  test.each([
    ['another id', create('other')],
    ['another saga', { saga: 'delete-group', input: { groupId: 'same' } }],
  ])('with another body is refused: %s', async (_what, body) => {
    await post(create('same'), 'same');
    const reply = await post(body, 'same');
    expect(problemOf(reply)).toMatchObject({ status: 422, field: 'Idempotency-Key' });
  });

  test('of a single saga is not one of a batch', async () => {
    await post(create('form'), 'form');
    const reply = await post(
      { saga: 'create-group', inputs: [{ groupId: 'form' }] },
      'form',
      '/v1/sagas/batch',
    );
    expect(problemOf(reply).status).toBe(422);
  });

  test.each([
    ['empty', ''],
    ['too long', 'k'.repeat(256)],
    ['not ASCII', 'é'],
    ['a tab', 'a\tb'],
  ])('that is %s is refused', async (_what, key) => {
    expect(problemOf(await post(create('1'), key))).toMatchObject({
      status: 400,
      field: 'Idempotency-Key',
    });
  });

  test('may have 255 characters', async () => {
    expect((await post(create('255'), `${'k'.repeat(254)} `.replace(' ', '~'))).status).toBe(202);
  });
});

describe('Prefer: wait', () => {
  const post = (groupId: string, wait: string, signal?: AbortSignal) =>
    api.send('POST', '/v1/sagas', {
      body: create(groupId),
      headers: { prefer: `wait=${wait}` },
      ...(signal ? { signal } : {}),
    });

  test('answers 200 with the whole saga once it has ended', async () => {
    const worker = api.work(willing);
    const reply = await post('waits', '30');
    await worker[Symbol.asyncDispose]();
    expect(reply.status).toBe(200);
    expect(reply.headers.get('preference-applied')).toBe('wait');
    const view = sagaView.parse(reply.body);
    expect(view.status).toBe('completed');
    expect(reply.headers.get('location')).toBe(`/v1/sagas/${view.id}`);
    for (const step of view.steps) {
      expect(step).toMatchObject({ state: 'applied', output: 'created', lastError: null });
      expect(step.log).toMatchObject([
        { phase: 'action', number: 1, result: 'applied', detail: 'created' },
      ]);
    }
  });

  test('answers 200 also where the saga was taken back, with the reason', async () => {
    const unwilling: Participant = {
      run: async (kind, commands) =>
        commands.map(() =>
          kind === 'undo' ? { result: 'applied' } : { result: 'rejected', error: '400 no' },
        ),
    };
    const worker = api.work(unwilling);
    const reply = await post('refused', '30');
    await worker[Symbol.asyncDispose]();
    expect(reply.status).toBe(200);
    const view = sagaView.parse(reply.body);
    expect(view.status).toBe('compensated');
    expect(view.steps.map(({ lastError }) => lastError)).toContain('400 no');
  });

  test('answers 202 where it has not ended by then', async () => {
    const reply = await post('too-late', '0');
    expect(reply.status).toBe(202);
    expect(sagaSummary.parse(reply.body).status).toBe('running');
    expect(reply.headers.get('preference-applied')).toBe('wait');
  });

  test('is not waited for by somebody who has hung up', async () => {
    const client = new AbortController();
    const reply = post('hangs-up', '60', client.signal);
    await until(api.endWatch.isAwaited);
    client.abort();
    expect((await reply).status).toBe(202);
    expect(api.endWatch.isAwaited()).toBe(false);
  });

  test.each(['', 'x', '-1', '1.5', '1e9', '"', '99999999999'])(
    'of "%s" is refused',
    async (wait) => {
      expect(problemOf(await post('1', wait))).toMatchObject({ status: 400, field: 'Prefer' });
    },
  );

  test.each(['respond-async', 'respond-async, wait="0"', 'wait=0;x=y, handling=lenient'])(
    'stands beside other preferences: %s',
    async (prefer) => {
      const reply = await api.send('POST', '/v1/sagas', {
        body: create('prefer'),
        headers: { prefer },
      });
      expect(reply.status).toBe(202);
      expect(reply.headers.get('preference-applied')).toBe(prefer.includes('wait') ? 'wait' : null);
    },
  );
});

describe('the list', () => {
  test('goes page by page, newest first, each saga once', async () => {
    const inputs = Array.from({ length: 25 }, () => ({ groupId: 'page' }));
    await api.send('POST', '/v1/sagas/batch', { body: { saga: 'create-group', inputs } });
    const ids: number[] = [];
    const sizes: number[] = [];
    let query = '?key=group:page&limit=10';
    for (;;) {
      const page = sagaPage.parse((await api.send('GET', `/v1/sagas${query}`)).body);
      sizes.push(page.sagas.length);
      ids.push(...page.sagas.map(({ id }) => Number(id)));
      if (page.cursor === null) break;
      query = `?key=group:page&limit=10&cursor=${page.cursor}`;
    }
    expect(sizes).toEqual([10, 10, 5]);
    expect(new Set(ids).size).toBe(25);
    expect(ids).toEqual(ids.toSorted((a, b) => b - a));
  });

  test('has no next page where the last one is full', async () => {
    const inputs = Array.from({ length: 4 }, () => ({ groupId: 'full' }));
    await api.send('POST', '/v1/sagas/batch', { body: { saga: 'create-group', inputs } });
    const { body } = await api.send('GET', '/v1/sagas?key=group:full&limit=4');
    expect([body.sagas.length, body.cursor]).toEqual([4, null]);
  });

  test('filters by status, saga, key and stuck', async () => {
    await api.send('POST', '/v1/sagas', { body: create('filter') });
    await api.send('POST', '/v1/sagas', {
      body: { saga: 'delete-group', input: { groupId: 'filter' } },
    });
    const names = async (query: string) =>
      (await api.send('GET', `/v1/sagas?key=group:filter&${query}`)).body.sagas.map(
        ({ saga }: { saga: string }) => saga,
      );
    expect(await names('status=queued')).toEqual(['delete-group']);
    expect(await names('status=running')).toEqual(['create-group']);
    expect(await names('saga=delete-group')).toEqual(['delete-group']);
    expect(await names('stuck=true')).toEqual([]);
    expect(await names('status=completed')).toEqual([]);
  });

  test.each([
    ['status=done', 'status'],
    ['status=', 'status'],
    ['stuck=1', 'stuck'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=5&limit=6', 'limit'],
    ['cursor=x', 'cursor'],
    ['cursor=', 'cursor'],
    ['key=%00', 'key'],
    ['page=2', 'page'],
  ])('refuses ?%s with the field', async (query, field) => {
    expect(problemOf(await api.send('GET', `/v1/sagas?${query}`))).toMatchObject({
      status: 400,
      field,
    });
  });
});
