import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkExposure } from '../src/security/exposure.ts';
import { create, problemOf, startApi, type Api } from './fixture.ts';
import { useBackends } from './use-api.ts';

const backends = useBackends();

/** Every kind of door: what reads, what writes, Bull Board, the probes, and what is not there. */
const doors = [
  ['GET', '/v1/sagas'],
  ['POST', '/v1/sagas'],
  ['POST', '/v1/sagas/batch'],
  ['GET', '/v1/cluster'],
  ['GET', '/v1/status'],
  ['GET', '/'],
  ['GET', '/nothing'],
  ['DELETE', '/v1/sagas'],
  ['OPTIONS', '/v1/sagas'],
  ['GET', '/queues'],
  ['GET', '/queues/api/queues'],
  ['PUT', '/queues/api/queues/node01/pause'],
] as const;
const probes = [
  ['GET', '/healthz'],
  ['GET', '/readyz'],
] as const;

describe('on loopback', () => {
  let api: Api;
  beforeAll(() => {
    api = startApi(backends, { allowedHosts: ['rops.example'] });
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const statusWith = async (
    headers: Record<string, string>,
    method = 'GET',
    path = '/healthz',
  ): Promise<number> => (await api.send(method, path, { headers })).status;

  test.each([...doors, ...probes])(
    'a Host that is not ours is refused: %s %s',
    async (method, path) => {
      const reply = await api.send(method, path, { headers: { host: 'evil.example' } });
      expect(problemOf(reply)).toMatchObject({ status: 403, field: 'Host' });
    },
  );

  test.each([
    '',
    'localhost.evil.example',
    'evil.example:3000',
    '10.0.0.1',
    '0.0.0.0',
    'localhost@evil',
    '[::2]',
    'a b',
  ])('Host "%s" is not ours', async (host) => {
    expect(await statusWith({ host })).toBe(403);
  });
  test.each([
    'localhost',
    'LOCALHOST:1',
    '127.0.0.1:3000',
    '[::1]:3000',
    'rops.example',
    'Rops.Example:80',
  ])('Host "%s" is ours', async (host) => {
    expect(await statusWith({ host })).toBe(200);
  });

  test.each([...doors, ...probes])(
    'a cross-site Origin is refused: %s %s',
    async (method, path) => {
      for (const origin of ['http://evil.example', 'null']) {
        const reply = await api.send(method, path, { headers: { origin } });
        expect(problemOf(reply)).toMatchObject({ status: 403, field: 'Origin' });
      }
    },
  );

  test.each([
    'http://localhost:3001',
    'http://127.0.0.1:3000',
    'http://localhost',
    'file://',
    'x',
    '',
  ])('Origin "%s" is another site than localhost:3000', async (origin) => {
    expect(await statusWith({ origin })).toBe(403);
  });
  test.each([
    ['localhost:3000', 'http://localhost:3000'],
    ['localhost:80', 'http://localhost'],
    ['rops.example', 'https://rops.example'],
    ['rops.example:443', 'https://rops.example'],
    ['localhost:3000', 'https://rops.example'],
  ])('at Host %s, Origin %s may come', async (host, origin) => {
    expect(await statusWith({ host, origin })).toBe(200);
  });

  test('what the browser calls cross-site is refused, unless somebody follows a link', async () => {
    const link = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    const site = { 'sec-fetch-site': 'cross-site' };
    expect(await statusWith({ ...site, 'sec-fetch-mode': 'no-cors' })).toBe(403);
    expect(await statusWith({ ...site, ...link, 'sec-fetch-dest': 'iframe' })).toBe(403);
    expect(await statusWith({ ...site, ...link }, 'POST', '/v1/sagas')).toBe(403);
    expect(await statusWith({ ...site, ...link }, 'GET', '/queues')).toBe(200);
    expect(await statusWith({ ...site, origin: 'https://rops.example' })).toBe(200);
    expect(await statusWith({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await statusWith({ 'sec-fetch-site': 'none', ...link })).toBe(200);
  });

  test('a refused request starts nothing', async () => {
    for (const headers of [{ host: 'evil.example' }, { origin: 'null' }] as Record<
      string,
      string
    >[])
      await api.send('POST', '/v1/sagas', { body: create('refused'), headers });
    const { body } = await api.send('GET', '/v1/sagas?key=group:refused');
    expect(body.sagas).toEqual([]);
  });

  test('no answer may be framed, or read by another origin', async () => {
    for (const path of ['/', '/queues', '/v1/sagas', '/nothing']) {
      const { headers } = await api.send('GET', path);
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

describe('on all addresses', () => {
  test.each([
    ['192.168.1.5:3000', 200],
    ['[fe80::1]:3000', 200],
    ['localhost:3000', 200],
    ['rops.internal', 403],
  ])('Host %s: %i', async (host, status) => {
    await using api = startApi(backends, { host: '0.0.0.0', tokens: ['t'] });
    const reply = await api.send('GET', '/healthz', { headers: { host } });
    expect(reply.status).toBe(status);
  });
});

describe('with tokens', () => {
  let api: Api;
  beforeAll(() => {
    api = startApi(backends, { tokens: ['first-token', 'second:token'] });
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const basic = (user: string, password: string): string =>
    `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

  test.each(doors)('nobody comes in without: %s %s', async (method, path) => {
    for (const authorization of [undefined, 'Bearer wrong']) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const reply = await api.send(method, path, { headers });
      expect(problemOf(reply)).toMatchObject({ status: 401 });
      expect(reply.headers.get('www-authenticate')).toMatch(/^Basic realm=.*, Bearer realm=/);
    }
  });
  test.each(probes)('%s %s is open', async (method, path) => {
    expect((await api.send(method, path)).status).toBe(200);
  });

  test.each([
    ['Bearer first-token', 200],
    ['bearer second:token', 200],
    [basic('', 'first-token'), 200],
    [basic('anybody', 'second:token'), 200],
    ['Bearer first-toke', 401],
    ['Bearer first-token2', 401],
    ['Bearer', 401],
    ['Bearer ', 401],
    ['first-token', 401],
    ['Digest first-token', 401],
    [basic('first-token', ''), 401],
    [`Basic ${Buffer.from('first-token').toString('base64')}`, 401],
    ['Basic !!!', 401],
  ])('Authorization: %s answers %i', async (authorization, status) => {
    for (const path of ['/v1/sagas', '/queues'])
      expect((await api.send('GET', path, { headers: { authorization } })).status).toBe(status);
  });
});

describe('what the configuration may expose', () => {
  const config = (given: Partial<Parameters<typeof checkExposure>[0]>) => () =>
    checkExposure({ HOST: '127.0.0.1', API_TOKENS: [], ALLOWED_HOSTS: [], ...given });

  test.each(['127.0.0.1', '127.0.0.2', '::1', 'localhost'])('%s needs no token', (HOST) => {
    expect(config({ HOST })).not.toThrow();
  });
  test.each(['0.0.0.0', '::', '192.168.1.5', 'rops.example', '127.0.0.1.evil.example'])(
    '%s needs one',
    (HOST) => {
      expect(config({ HOST })).toThrow(/API_TOKENS/);
      expect(config({ HOST, API_TOKENS: ['t'] })).not.toThrow();
    },
  );
  test.each(['http://rops.example', 'rops.example:80', '*'])(
    'ALLOWED_HOSTS=%s is no name',
    (name) => {
      expect(config({ ALLOWED_HOSTS: [name] })).toThrow(/host name/);
    },
  );
  test('a token that no header can carry is refused, without showing it', () => {
    expect(config({ API_TOKENS: ['geheim ß'] })).toThrow(/^API_TOKENS: a token must be printable/);
  });
});
