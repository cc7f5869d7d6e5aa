import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ClusterView } from '@reliable-ops/contracts';
import { create, startApi, until, willing, type Api, type Reply } from '../fixture.ts';
import { useApi } from '../use-api.ts';

/** As Chrome asks when somebody opens a page. */
const asPage = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const asForm = {
  ...asPage,
  'content-type': 'application/x-www-form-urlencoded',
  origin: 'http://localhost:3000',
};

const read = jest.fn<() => Promise<ClusterView>>();
const { api, backends } = useApi({ cluster: { read } });
beforeAll(() => {
  read.mockResolvedValue({ consistent: true, nodes: { node01: 7, node02: 7, node03: 7 } });
});

const open = (path: string, of = api): Promise<Reply> => of.send('GET', path, { headers: asPage });
const submit = (path: string, fields: Record<string, string>, headers = {}): Promise<Reply> =>
  api.send('POST', path, {
    headers: { ...asForm, ...headers },
    body: new URLSearchParams(fields).toString(),
  });
const accept = async (groupId: string): Promise<number> =>
  Number((await api.send('POST', '/v1/sagas', { body: create(groupId) })).body.id);

test('a browser gets the overview, a program the table of contents', async () => {
  const page = await open('/');
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  expect(page.text).toContain('The nodes agree');
  for (const type of ['*/*', 'application/json', 'application/json, text/html;q=0.1'])
    expect((await api.send('GET', '/', { headers: { accept: type } })).body).toHaveProperty([
      'GET /v1/sagas',
    ]);
});

test('of a page that is shown already, only its changing part is sent', async () => {
  const part = await api.send('GET', '/', { headers: { ...asPage, 'x-console-part': 'main' } });
  expect(part.text).toMatch(/^<main id="main"/);
  expect(part.headers.get('vary')).toContain('X-Console-Part');
});

describe('what the cluster says of itself is one sign', () => {
  test.each([
    [
      { consistent: null, nodes: { node01: 7, node02: 7, node03: null } },
      /Not known.*node03 cannot/,
    ],
    [{ consistent: false, nodes: { node01: 7, node02: 7, node03: 6 } }, /The nodes differ/],
  ] as const)('%j', async (view, sign) => {
    const own = { read: async () => view as ClusterView };
    await using other = startApi(backends, { cluster: own });
    expect((await open('/', other)).text).toMatch(sign);
  });

  test('and no page waits for a cluster that does not answer', async () => {
    await using other = startApi(backends, { cluster: { read: () => new Promise(() => {}) } });
    expect((await open('/', other)).text).toContain('Asking the nodes');
  });
});

describe('whatever stands in a saga is shown as text', () => {
  const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>&amp;\u202e\u2066`;
  let id: number;
  beforeAll(async () => {
    id = await accept(hostile);
    await submit(`/sagas/${id}/cancel`, { by: hostile, note: `why ${hostile}` });
  });

  test.each(['/', '/sagas', '/sagas/ID', '/sagas/ID/cancel', '/sagas/ID/jobs', '/sagas?key=KEY'])(
    '%s',
    async (path) => {
      const key = encodeURIComponent(`group:${hostile}`);
      const { status, text } = await open(path.replace('ID', String(id)).replace('KEY', key));
      expect(status).toBe(200);
      expect(text).not.toContain('<script>alert');
      expect(text).not.toContain('<img');
      expect(text).not.toContain('onerror=alert(1)>');
      // Characters that turn the text around them.
      expect(text).not.toMatch(/>[^<]*[\u202e\u2066][^<]*</);
    },
  );

  test('also where it is an answer to who asked for it', async () => {
    for (const path of [
      `/sagas?status=${hostile}`,
      `/jobs/node01/${encodeURIComponent(hostile)}`,
    ]) {
      const { text, status } = await open(path.replaceAll('&', '%26'));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain('<script>alert');
      expect(text).not.toContain('<img');
    }
  });
});

describe('the list of sagas', () => {
  test('filters, and goes on where the page ends', async () => {
    const ids: number[] = [];
    for (let index = 0; index < 52; index++) ids.push(await accept(`page-${index}`));
    const first = await open('/sagas?status=running&saga=&key=&stuck=');
    const [, next] = /rel="next" href="([^"]+)"/.exec(first.text) ?? [];
    expect(first.text).toContain(`id="saga-${ids.at(-1)}"`);
    expect(first.text).not.toContain(`id="saga-${ids[1]}"`);
    const second = await open(next!.replaceAll('&amp;', '&'));
    expect(second.text).toContain(`id="saga-${ids[1]}"`);
    expect(second.text).not.toContain(`id="saga-${ids.at(-1)}"`);
    const one = await open('/sagas?key=group:page-3');
    expect(one.text.match(/id="saga-\d+"/g)).toEqual([`id="saga-${ids[3]}"`]);
  });

  test('shows what fits the saga, the status and the flag, alone and together', async () => {
    const others = await Promise.all(['fits-1', 'fits-2', 'fits-3'].map(accept));
    const body = { saga: 'delete-group', input: { groupId: 'fits-4' } };
    const deleting = Number((await api.send('POST', '/v1/sagas', { body })).body.id);
    await api.sql`update saga.sagas set status = 'compensating', stuck = true where id in ${api.sql([others[0]!, deleting])}`;
    await api.sql`update saga.sagas set status = 'compensating' where id = ${others[1]!}`;
    const [first, second, third] = others;
    const expectFound = async (query: string, ...expected: unknown[]): Promise<void> => {
      const { text } = await open(`/sagas?${query}`);
      const found = [...text.matchAll(/id="saga-(\d+)"/g)].map(([, id]) => Number(id));
      const own = found.filter((id) => [...others, deleting].includes(id));
      expect([query, new Set(own)]).toEqual([query, new Set(expected)]);
    };
    await expectFound('saga=delete-group', deleting);
    await expectFound('stuck=true', first, deleting);
    await expectFound('status=compensating', first, second, deleting);
    await expectFound('status=compensating&stuck=false', second);
    await expectFound('saga=create-group&stuck=true', first);
    await expectFound('saga=create-group&status=running', third);
  });

  test('an id in the field leads to its saga', async () => {
    const id = await accept('by-id');
    const reply = await open(`/sagas?key=${id}`);
    expect([reply.status, reply.headers.get('location')]).toEqual([303, `/sagas/${id}`]);
  });

  test.each(['status=none', 'stuck=perhaps', 'before=-1', 'key=%00', `saga=${'x'.repeat(2_001)}`])(
    'a filter that makes no sense is refused, with a page: %s',
    async (query) => {
      const reply = await open(`/sagas?${query}`);
      expect(reply.status).toBe(400);
      expect(reply.text).toContain('role="alert"');
    },
  );
});

describe('operators', () => {
  test('are told what will happen, and what they do is in the history', async () => {
    const id = await accept('operated');
    const question = await open(`/sagas/${id}/cancel`);
    expect(question.text).toContain('under way: what has come of it will be taken back as well');
    const reply = await submit(`/sagas/${id}/cancel`, { by: 'Ada', note: '' });
    expect([reply.status, reply.headers.get('location')]).toEqual([
      303,
      `/sagas/${id}?said=cancel`,
    ]);
    const { body } = await api.send('GET', `/v1/sagas/${id}`);
    expect(body.history).toMatchObject([{ verb: 'cancel', by: 'Ada', note: null }]);
    expect((await open(`/sagas/${id}?said=cancel`)).text).toContain(
      'Cancelled, or on its way to it.',
    );
    expect((await open(`/sagas/${id}?said=constructor`)).text).not.toContain('class="said"');
  });

  test('read the reason where it makes no sense, and nothing is changed', async () => {
    const id = await accept('refused');
    const reply = await submit(`/sagas/${id}/resolve`, { note: 'done by hand' });
    expect(reply.status).toBe(409);
    expect(reply.text).toContain('is running: cancel it first');
    expect((await api.send('GET', `/v1/sagas/${id}`)).body.history).toEqual([]);
  });

  test('must say why they vouch for a saga', async () => {
    const id = await accept('vouched');
    const reply = await submit(`/sagas/${id}/resolve`, { note: ' ' });
    expect(reply.status).toBe(400);
    expect(reply.text).toContain('say why');
  });

  test('pause and resume a node', async () => {
    expect((await open('/nodes/node02/pause')).text).toContain('No attempt is begun on node02');
    const paused = await submit('/nodes/node02/pause', { by: 'Ada' });
    expect(paused.headers.get('location')).toBe('/nodes?said=pause#node02');
    expect((await open('/nodes')).text).toContain('By Ada');
    await submit('/nodes/node02/resume', {});
    expect(await api.log.readPauses()).toEqual([]);
  });

  test('whose cluster does not answer read that, and it is no bug', async () => {
    const reply = await submit('/nodes/node01/faults', { error: '50' });
    expect(reply.status).toBe(503);
    expect(reply.text).toContain('the node API does not answer');
    expect((await open('/nodes')).text).toContain('does not say which faults it makes');
  });

  test.each([
    '/sagas/1/cancel',
    '/nodes/node01/pause',
    '/nodes/node01/faults',
    '/login',
    '/logout',
  ])('no page of another site sends a form in their name: %s', async (path) => {
    const body = 'by=evil';
    const type = { 'content-type': asForm['content-type'] };
    for (const headers of [
      { ...type, origin: 'http://evil.example' },
      { ...type, origin: 'null' },
      { ...type, 'sec-fetch-site': 'cross-site' },
      { ...type },
      { ...type, 'sec-fetch-site': 'same-site' },
    ]) {
      const reply = await api.send('POST', path, { headers, body });
      expect(reply.status).toBe(403);
    }
    // A form that pretends to be text needs no permission of ours to be sent.
    const plain = { origin: 'http://localhost:3000', 'content-type': 'text/plain' };
    expect((await api.send('POST', path, { headers: plain, body })).status).toBe(415);
  });
});

test('from a job of many commands one finds each saga, and from the saga the job', async () => {
  const inputs = ['many-1', 'many-2', 'many-3'].map((groupId) => ({ groupId }));
  const body = { saga: 'create-group', inputs };
  await api.send('POST', '/v1/sagas/batch', { body });
  const { body: page } = await api.send('GET', '/v1/sagas?limit=3');
  const ids = page.sagas.map(({ id }: { id: string }) => id);
  const jobs = await open(`/sagas/${ids[1]}/jobs`);
  const [, jobId] = /\/queues\/queue\/stages\/([\w-]+)/.exec(jobs.text) ?? [];
  expect(jobs.text).toContain('owed');
  expect(jobs.text.match(/\/queues\/queue\//g)).toHaveLength(1);
  await until(async () => (await open(`/jobs/stages/${jobId}`)).status === 200);
  const { text } = await open(`/jobs/stages/${jobId}`);
  for (const id of ids) expect(text).toContain(`href="/sagas/${id}"`);
});

test('what is not there is a page that says so', async () => {
  for (const path of ['/sagas/987654', '/nodes/node09/pause', '/jobs/node01/none', '/jobs/x/1']) {
    const reply = await open(path);
    expect(reply.status).toBe(404);
    expect(reply.text).toContain('There is nothing here');
  }
});

test('while Postgres is away there is a page that says so, and is asked for again', async () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  const log = { ...api.log, listSagas: () => Promise.reject(refused) };
  await using away = startApi(backends, { log });
  const reply = await open('/', away);
  expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '1']);
  expect(reply.text).toContain('Postgres does not answer');
  expect(reply.text).toContain('data-refresh-ms');
});

describe('everything is our own, and nothing is written into the page', () => {
  test('pages, programs and errors have the strict policy', async () => {
    const policy = /^default-src 'none'; script-src 'self'; style-src 'self';/;
    for (const reply of [
      await open('/'),
      await open('/sagas/0'),
      await api.send('GET', '/nothing'),
    ]) {
      expect(reply.headers.get('content-security-policy')).toMatch(policy);
      expect(reply.headers.get('content-security-policy')).not.toContain('unsafe');
    }
  });

  test('no page has a style, a script or an address that the policy would refuse', async () => {
    const id = await accept('clean');
    for (const path of ['/', '/sagas', `/sagas/${id}`, '/nodes', `/sagas/${id}/cancel`]) {
      const { text } = await open(path);
      expect(text).not.toMatch(/\sstyle="|<style|\son\w+="|javascript:|https?:\/\//);
      for (const [, content] of text.matchAll(/<script[^>]*>([^]*?)<\/script>/g))
        expect(content).toBe('');
    }
  });

  test('what pages load is there, and may be kept for ever', async () => {
    const { text } = await open('/');
    const found = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
    expect(found.length).toBeGreaterThan(4);
    for (const path of found) {
      const asset = await api.send('GET', path);
      expect(asset.status).toBe(200);
      expect(asset.headers.get('cache-control')).toContain('immutable');
    }
    expect((await api.send('GET', '/assets/console.css?v=old')).headers.get('cache-control')).toBe(
      'no-cache',
    );
    expect((await api.send('GET', '/assets/..%2Fassets.ts')).status).toBe(404);
  });

  test('Bull Board has its own policy, and asks nobody else for its fonts', async () => {
    const reply = await open('/queues');
    expect(reply.headers.get('content-security-policy')).toContain(
      "style-src 'self' 'unsafe-inline'",
    );
    expect(reply.text).not.toContain('googleapis');
    expect(reply.text).toContain('main.');
  });
});

describe('with tokens', () => {
  let guarded: Api;
  beforeAll(() => {
    guarded = startApi(backends, { tokens: ['first-token', 'second-token'] });
  });
  afterAll(() => guarded[Symbol.asyncDispose]());
  const login = (fields: Record<string, string>, headers = {}): Promise<Reply> =>
    guarded.send('POST', '/login', {
      headers: { ...asForm, ...headers },
      body: new URLSearchParams(fields).toString(),
    });
  const cookieOf = ({ headers }: Reply): string => headers.get('set-cookie')!.split(';')[0]!;

  test('a browser is asked for one, and comes back to where it wanted to go', async () => {
    const sent = await open('/sagas?status=queued', guarded);
    expect(sent.status).toBe(303);
    const to = sent.headers.get('location')!;
    expect(to).toBe('/login?to=%2Fsagas%3Fstatus%3Dqueued');
    const form = await open(to, guarded);
    expect(form.text).toContain('name="to" value="/sagas?status=queued"');
    const reply = await login({ token: 'second-token', to: '/sagas?status=queued' });
    expect([reply.status, reply.headers.get('location')]).toEqual([303, '/sagas?status=queued']);
    const attributes = reply.headers.get('set-cookie')!;
    for (const part of ['HttpOnly', 'SameSite=Strict', 'Path=/'])
      expect(attributes).toContain(part);
    expect(attributes).not.toContain('second-token');
    expect(attributes).not.toContain('Secure');
    const headers = { ...asPage, cookie: cookieOf(reply) };
    for (const path of ['/sagas', '/queues', '/v1/sagas'])
      expect((await guarded.send('GET', path, { headers })).status).toBe(200);
    expect((await guarded.send('GET', '/sagas', { headers })).text).toContain('Sign out');
  });

  test('over TLS its cookie is for TLS only', async () => {
    const headers = { origin: 'https://localhost:3000' };
    expect((await login({ token: 'first-token' }, headers)).headers.get('set-cookie')).toContain(
      'Secure',
    );
  });

  test('a wrong one opens nothing, and nobody leads it elsewhere', async () => {
    const wrong = await login({ token: 'guess' });
    expect([wrong.status, wrong.headers.get('set-cookie')]).toEqual([401, null]);
    for (const to of [
      '//evil.example',
      '/\\evil.example',
      'https://evil.example',
      'x',
      '/\t/evil.example',
    ])
      expect((await login({ token: 'first-token', to })).headers.get('location')).toBe('/');
  });

  test.each([
    '',
    '9999999999999.',
    `9999999999999.${'a'.repeat(43)}`,
    `9999999999999.${'a'.repeat(43)}; rops_session=x`,
    'first-token',
  ])('a made-up session is none: %s', async (value) => {
    const headers = { cookie: `rops_session=${value}` };
    expect((await guarded.send('GET', '/v1/sagas', { headers })).status).toBe(401);
  });

  test('signing out takes the cookie away; the page that follows events is refused, not sent elsewhere', async () => {
    const reply = await guarded.send('POST', '/logout', {
      headers: { ...asForm, cookie: cookieOf(await login({ token: 'first-token' })) },
      body: '',
    });
    expect(reply.headers.get('set-cookie')).toMatch(/^rops_session=;.*Max-Age=0/);
    const stream = { headers: { accept: 'text/event-stream' } };
    expect((await guarded.send('GET', '/v1/events', stream)).status).toBe(401);
  });
});

test('numbers over time come from sagas that end', async () => {
  await using worker = api.work(willing);
  expect(worker).toBeDefined();
  await accept('sampled');
  await until(async () => (await open('/')).text.includes('data-series'));
  await until(() => api.sampler.samples().some(({ completed }) => completed > 0));
  const sample = api.sampler.samples().find(({ completed }) => completed > 0)!;
  expect(sample.latenciesMs.length).toBeGreaterThan(0);
  expect(Object.keys(sample.attempts).sort()).toEqual(['node01', 'node02', 'node03']);
});
