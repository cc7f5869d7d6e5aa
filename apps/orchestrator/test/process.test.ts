import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { problem } from '@reliable-ops/contracts';
import { create, startApi, until } from './fixture.ts';
import { spawnOrchestrator } from './process.ts';
import { startProxy } from './proxy.ts';
import { useBackends } from './use-api.ts';

const backends = useBackends();
let environment: Record<string, string>;
beforeAll(async () => {
  environment = { DATABASE_URL: backends.databaseUrl, REDIS_URL: backends.redisUrl };
});

describe('what a person got wrong is one line, and exit 1', () => {
  const refused = async (given: Record<string, string>): Promise<string> => {
    await using orchestrator = spawnOrchestrator({ ...environment, ...given });
    expect(await orchestrator.ended).toBe(1);
    expect(orchestrator.log()).toEqual([]);
    return orchestrator.stderr();
  };

  test.each(['0.0.0.0', '::', '192.0.2.1'])('HOST=%s without API_TOKENS', async (HOST) => {
    expect(await refused({ HOST })).toMatch(/^HOST=\S+: .*API_TOKENS.*\n$/);
  });
  test('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    expect(await refused({ ORCHESTRATOR_PORT: String(port) })).toMatch(
      new RegExp(`^ORCHESTRATOR_PORT=${port}: the port is in use.*\\n$`),
    );
    other.close();
  });
  test('an address that this machine does not have', async () => {
    expect(await refused({ HOST: '192.0.2.1', API_TOKENS: 't' })).toMatch(
      /^HOST=192\.0\.2\.1: .*\n$/,
    );
  });
  test('a variable that makes no sense', async () => {
    expect(await refused({ NODES: 'node 01' })).toMatch(/^NODES=node 01: .*\n$/);
  });
});

test('it listens on all addresses once there is a token', async () => {
  await using orchestrator = spawnOrchestrator({
    ...environment,
    HOST: '0.0.0.0',
    API_TOKENS: 'a,b',
  });
  const { port } = new URL(await orchestrator.listening());
  const status = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}/v1/sagas`, { headers })).status;
  expect(await status({})).toBe(401);
  expect(await status({ authorization: 'Bearer b' })).toBe(200);
});

test('it serves before Postgres and Redis are there, and takes up work when they come', async () => {
  await using postgres = await startProxy(backends.databaseUrl);
  await using redis = await startProxy(backends.redisUrl);
  await Promise.all([postgres.close(), redis.close()]);
  await using orchestrator = spawnOrchestrator({
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
  });
  expect((await orchestrator.send('GET', '/healthz')).status).toBe(200);
  expect((await orchestrator.send('GET', '/readyz')).status).toBe(503);
  expect((await orchestrator.send('POST', '/v1/sagas', { body: create('early') })).status).toBe(
    503,
  );
  await Promise.all([postgres.open(), redis.open()]);
  await until(async () => {
    const { status, body } = await orchestrator.send('GET', '/readyz');
    return status === 200 && body.redis === 'connected';
  });
  expect((await orchestrator.send('POST', '/v1/sagas', { body: create('early') })).status).toBe(
    202,
  );
});

test('a name that is not ours is refused whatever the form of the request', async () => {
  await using orchestrator = spawnOrchestrator(environment);
  const { port } = new URL(await orchestrator.listening());
  for (const [path, host] of [
    ['/v1/sagas', 'evil.example'],
    [`http://localhost:${port}/v1/sagas`, 'evil.example'],
    ['/queues/api/queues', 'evil.example'],
  ] as const) {
    const request = get({ host: '127.0.0.1', port, path, headers: { host } });
    const [response] = await once(request, 'response');
    expect([path, response.statusCode]).toEqual([path, 403]);
    response.resume();
  }
});

test('what is no request is refused in the shape of every error', async () => {
  await using orchestrator = spawnOrchestrator(environment);
  const port = Number(new URL(await orchestrator.listening()).port);
  const refusals = [
    ['FOO\r\n\r\n', 400, 'HTTP'],
    ['POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n', 400, 'HTTP'],
    [`GET / HTTP/1.1\r\nhost: a\r\na: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'HTTP'],
    ['GET / HTTP/1.1\r\nhost: [\r\nconnection: close\r\n\r\n', 400, 'HTTP'],
    ['GET / HTTP/1.1\r\nhost: a\r\nexpect: x\r\n\r\n', 417, 'HTTP'],
    ['GET / HTTP/1.1\r\nconnection: close\r\n\r\n', 403, 'FOREIGN_HOST'],
  ] as const;
  for (const [bytes, status, code] of refusals) {
    const socket = connect(port, '127.0.0.1');
    socket.write(bytes);
    const chunks: Buffer[] = await socket.toArray();
    const [head, body] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(head).toMatch(/content-type: application\/problem\+json/i);
    expect(problem.parse(JSON.parse(body!))).toMatchObject({ status, code });
  }
});

test('a body that is too large is refused without being read', async () => {
  await using orchestrator = spawnOrchestrator(environment);
  const body = 'x'.repeat(20_000_000);
  expect((await orchestrator.send('POST', '/v1/sagas', { body })).status).toBe(413);
  // In pieces, without saying its length. Many times: it is a race whether an answer outlives the end of its connection.
  const piece = new TextEncoder().encode('x'.repeat(65_536));
  for (let sent = 0; sent < 20; sent++) {
    let pieces = 0;
    const pieceByPiece = new ReadableStream({
      pull: (controller) => (++pieces > 300 ? controller.close() : controller.enqueue(piece)),
    });
    const response = await fetch(`${await orchestrator.listening()}/v1/sagas`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: pieceByPiece,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
    await response.text();
  }
});

test('answers carry the same headers for browsers as in front of no server', async () => {
  await using orchestrator = spawnOrchestrator(environment);
  await using api = startApi(backends);
  const forBrowsers = (headers: Headers) =>
    [...headers].filter(([name]) => /^(x-|cross-origin-|origin-agent|referrer-)/.test(name));
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/queues'],
    ['GET', '/nothing'],
    ['DELETE', '/v1/sagas'],
    ['POST', '/v1/sagas'],
  ] as const) {
    const served = await orchestrator.send(method, path);
    expect(served.headers.get('x-frame-options')).toBe('DENY');
    expect(forBrowsers(served.headers)).toEqual(
      forBrowsers((await api.send(method, path)).headers),
    );
  }
});

test('a client that hangs up no longer waits', async () => {
  await using orchestrator = spawnOrchestrator({ ...environment, LOG_LEVEL: 'debug' });
  const client = new AbortController();
  const reply = orchestrator.send('POST', '/v1/sagas', {
    body: create('hangs-up'),
    headers: { prefer: 'wait=60' },
    signal: client.signal,
  });
  reply.catch(() => {});
  await until(async () => {
    const { body } = await orchestrator.send('GET', '/v1/sagas?key=group:hangs-up');
    return body.sagas.length === 1;
  });
  client.abort();
  await until(() => orchestrator.log().some(({ method }) => method === 'POST'));
});

test('SIGTERM lets those who wait have their answer, and ends with 0 beside idle connections', async () => {
  await using orchestrator = spawnOrchestrator(environment);
  const url = await orchestrator.listening();
  const agent = new Agent({ keepAlive: true });
  const [idle] = await once(get(`${url}/healthz`, { agent }), 'response');
  idle.resume();
  await once(idle, 'end');
  const waiting = orchestrator.send('POST', '/v1/sagas', {
    body: create('stopped'),
    headers: { prefer: 'wait=60' },
  });
  await until(async () => {
    const { body } = await orchestrator.send('GET', '/v1/sagas?key=group:stopped');
    return body.sagas.length === 1;
  });
  orchestrator.kill('SIGTERM');
  const reply = await waiting;
  expect([reply.status, reply.body.status]).toEqual([202, 'running']);
  expect(await orchestrator.ended).toBe(0);
  expect(orchestrator.stderr()).toBe('');
  agent.destroy();
});
