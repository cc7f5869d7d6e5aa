import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { connect } from '@reliable-ops/database';
import { argumentsOf, createTestDatabase, waitFor } from '@reliable-ops/testkit';
import { listenNodeApi } from '../src/index.ts';
import { error, startCluster } from './cluster.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(environment: Record<string, string>) {
  const child = spawn(process.execPath, argumentsOf('node-api'), {
    env: { PATH: process.env['PATH'], NODE_API_PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, output, ended };
}

/** A port where nobody listens. */
async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('the process', () => {
  test('serves, and ends with 0 on SIGTERM', async () => {
    await using database = await createTestDatabase();
    const { child, output, ended } = start({ DATABASE_URL: database.url });
    await waitFor('the server to listen', () => output.stdout.includes('"listening"'), {
      explain: () => output.stdout + output.stderr,
    });
    const url = /"url":"([^"]+)"/.exec(output.stdout)?.[1];
    expect(await (await fetch(`${url}/ping`)).text()).toBe('PONG\n'); // leaves a connection alive
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  test('says in one line that its port is in use, and ends with 1', async () => {
    await using database = await createTestDatabase();
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const { output, ended } = start({ DATABASE_URL: database.url, NODE_API_PORT: String(port) });
    expect(await ended).toBe(1);
    expect(output.stderr).toBe(
      `NODE_API_PORT=${port}: the port is in use on 127.0.0.1; stop what listens there or choose another\n`,
    );
    holder.close();
  });

  test('says in one line what is wrong with its configuration', async () => {
    const { output, ended } = start({ RANDOM_BEHAVIOR: '2' });
    expect(await ended).toBe(1);
    expect(output.stderr).toMatch(/^RANDOM_BEHAVIOR=2: .*\n$/);
  });

  test('waits for Postgres, and can be stopped while it waits', async () => {
    const { child, output, ended } = start({
      DATABASE_URL: `postgres://rops@127.0.0.1:${await unusedPort()}/rops`,
    });
    await waitFor('its word that it waits', () => output.stdout.includes('waiting for Postgres'));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

test('a server that stops finishes what is in hand', async () => {
  await using cluster = await startCluster();
  const watcher = connect(cluster.databaseUrl, { applicationName: 'watcher', max: 2 });
  let release: (() => void) | undefined;
  const locked = watcher.begin(async (tx) => {
    await tx`lock table node01.groups in exclusive mode`;
    await new Promise<void>((resolve) => (release = resolve));
  });
  await waitFor('the lock', () => release !== undefined);
  const inHand = cluster.call('POST', '/v1/group', { node: 'node01', body: { groupId: 'a' } });
  await waitFor(
    'the request to wait for the lock',
    async () =>
      (
        await watcher`
          select 1 from pg_locks where not granted and relation = 'node01.groups'::regclass
            and database = (select oid from pg_database where datname = current_database())`
      ).length > 0,
  );
  const closed = cluster.close();
  await expect(fetch(`${cluster.url}/ping`)).rejects.toThrow('fetch failed');
  release?.();
  expect(await inHand).toMatchObject({ status: 201 });
  await closed;
  await locked;
  await watcher.end({ timeout: 5 });
});

test('Postgres away: 503 and when to come back, and /ping still answers', async () => {
  const sql = connect(`postgres://rops@127.0.0.1:${await unusedPort()}/rops`, {
    applicationName: 'test',
  });
  await using server = await listenNodeApi({ sql });
  const away = error(503, 'Postgres is not reachable at the moment.').body;
  const headers = { node: 'node01' };
  const operation = { op: 'create', groupId: 'a', timestamp: 1, token: [1, 0] };
  for (const [path, request] of [
    ['/v1/group/a', { headers }],
    ['/v1/group', { headers, method: 'POST', body: '{"groupId": "a"}' }],
    ['/v1/group', { headers, method: 'DELETE', body: '{"groupId": "a"}' }],
    ['/v1/operations', { headers, method: 'POST', body: JSON.stringify([operation]) }],
    ['/v1/stats', {}],
    ['/v1/summary', { headers }],
  ] as const) {
    const response = await fetch(server.url + path, request);
    expect([response.status, await response.json(), response.headers.get('retry-after')]).toEqual([
      503,
      away,
      '1',
    ]);
  }
  expect((await fetch(`${server.url}/ping`)).status).toBe(200);
  await sql.end();
});
