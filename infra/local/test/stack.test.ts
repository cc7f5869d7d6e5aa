import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findFreePort } from '@reliable-ops/local';
import { createTestDatabase, startTestRedis, waitFor } from '@reliable-ops/testkit';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { offerPorts } from '../src/stack/ports.ts';
import { createPlace, isRunning, type Place, type Run } from './run-stack.ts';

const lines = (text: string) => text.trim().split('\n');
const statsOf = async (place: Place) =>
  (await fetch(`http://127.0.0.1:${place.ports.ORCHESTRATOR_PORT}/v1/cluster`)).json();
const create = async (place: Place, groupId: string) => {
  const url = `http://127.0.0.1:${place.ports.ORCHESTRATOR_PORT}/v1/sagas`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=20' },
    body: JSON.stringify({ saga: 'create-group', input: { groupId } }),
  });
  expect(response.status).toBe(200);
};
const counts = (n: number) => ({ consistent: true, nodes: { node01: n, node02: n, node03: n } });

describe('a running stack', () => {
  let place: Place;
  let stack: Run;
  let metricsPort: number;
  beforeAll(async () => {
    place = await createPlace();
    metricsPort = await findFreePort();
    stack = await place.start(['start', '--workers', '2'], {
      METRICS_PORT: String(metricsPort),
      JOB_LOCK: '2s',
      RECOVERY_INTERVAL: '1s',
    });
  });
  afterAll(async () => place[Symbol.asyncDispose]());

  test('stack.json names every process, its number and its address', async () => {
    const { ORCHESTRATOR_PORT, NODE_API_PORT } = place.ports;
    expect(place.read()).toEqual([
      { name: 'postgres', pid: expect.any(Number), url: expect.stringMatching(/^postgres:/) },
      { name: 'redis', pid: expect.any(Number), url: expect.stringMatching(/^redis:/) },
      { name: 'node-api', pid: expect.any(Number), url: `http://127.0.0.1:${NODE_API_PORT}` },
      {
        name: 'orchestrator',
        pid: expect.any(Number),
        url: `http://127.0.0.1:${ORCHESTRATOR_PORT}`,
      },
      { name: 'worker-1', pid: expect.any(Number), url: null },
      { name: 'worker-2', pid: expect.any(Number), url: null },
    ]);
    expect(place.read()?.every(({ pid }) => isRunning(pid))).toBe(true);
  });

  test("the first worker's metrics are where Prometheus is told to look", async () => {
    const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    expect(await response.text()).toMatch(/^rops_commit_commands_count /m);
  });

  test('a second one is refused in one line, and harms nothing', async () => {
    const before = place.read();
    const second = place.run(['start', '--fresh']);
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stdout()).toBe('');
    expect(lines(second.stderr())).toEqual([
      `a stack runs here already (process ${stack.pid}): use it, or stop it first`,
    ]);
    expect(place.read()).toEqual(before);
  });

  test('another one on its ports is refused in one line that says who is there', async () => {
    await using other = await createPlace();
    const run = other.run(['start'], place.ports);
    expect(await run.exited).toEqual({ code: 1, signal: null });
    expect(lines(run.stderr())).toEqual([
      expect.stringMatching(
        new RegExp(
          `^port ${place.ports.ORCHESTRATOR_PORT} on 127.0.0.1 is in use.*ORCHESTRATOR_PORT$`,
        ),
      ),
    ]);
    expect(readdirSync(other.folder)).toEqual([]);
  });

  test.each(['worker-1', 'node-api', 'redis', 'postgres'])(
    '%s is started again after a kill -9, and the work goes on',
    async (name) => {
      const before = place.pidOf(name)!;
      process.kill(before, 'SIGKILL');
      await waitFor(
        `another ${name}`,
        () => isRunning(place.pidOf(name)) && place.pidOf(name) !== before,
      );
      expect(stack.stdout()).toMatch(new RegExp(`${name} +\\| was ended by SIGKILL`));
      await waitFor('the orchestrator to answer', () => statsOf(place).then(() => true));
      await waitFor('a saga to complete', () => create(place, `after-${name}`).then(() => true), {
        timeoutMs: 40_000,
      });
    },
  );

  test('a stop ends every process, in reverse order, and takes stack.json along', async () => {
    const pids = place.read()!.map(({ pid }) => pid);
    stack.kill('SIGINT');
    await waitFor('the stop to begin', () => stack.stdout().includes('stopping'));
    stack.kill('SIGINT'); // npm passes on what the terminal has sent already: no reason to lose patience
    expect(await stack.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(join(place.folder, 'postgres', 'postmaster.pid'))).toBe(false);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(readdirSync(place.folder).sort()).toEqual(['postgres', 'redis']);
  });

  test('the next start keeps the data', async () => {
    stack = await place.start();
    expect(await statsOf(place)).toMatchObject(counts(4));
    await create(place, 'kept');
  });

  test('a kill -9 of the supervisor leaves nothing running, and the next start keeps the data', async () => {
    const pids = place.read()!.map(({ pid }) => pid);
    stack.kill('SIGKILL');
    await waitFor('its processes to end', () => !pids.some(isRunning));
    stack = await place.start();
    expect(await statsOf(place)).toMatchObject(counts(5));
  });

  test('--fresh discards it', async () => {
    stack.kill('SIGTERM');
    expect((await stack.exited).code).toBe(0);
    stack = await place.start(['start', '--fresh']);
    expect(await statsOf(place)).toMatchObject(counts(0));
    await create(place, 'one');
  });
});

test('ports are offered one after the other; where one is taken it is any, and so are all beyond the last', async () => {
  await using taken = Object.assign(createServer().listen(0, '127.0.0.1'), {
    [Symbol.asyncDispose]: async () => void taken.close(),
  });
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  expect((await offerPorts('127.0.0.1', port - 1, 2)).at(1)).toBe(0);
  expect(await offerPorts('127.0.0.1', 65_535, 2)).toEqual([65_535, 0]);
  expect(await offerPorts('127.0.0.1', 0, 2)).toEqual([0, 0]);
});

test('a broken data folder is one line that says what to do', async () => {
  await using place = await createPlace();
  await mkdir(join(place.folder, 'postgres'), { recursive: true });
  await writeFile(join(place.folder, 'postgres', 'PG_VERSION'), '9.6\n');
  await writeFile(join(place.folder, 'postgres', 'rops.password'), 'x\n');
  const run = place.run(['start']);
  expect(await run.exited).toEqual({ code: 1, signal: null });
  expect(lines(run.stderr())).toEqual([
    expect.stringMatching(
      /was made by Postgres 9\.6, this is \d+: start with --fresh to discard it$/,
    ),
  ]);
  expect(existsSync(join(place.folder, 'stack.json'))).toBe(false);
  expect(existsSync(join(place.folder, 'stack.lock'))).toBe(false);
});

test('a process that does not stay up ends the start, with its own last word', async () => {
  await using place = await createPlace();
  const run = place.run(['start'], { HOST: '0.0.0.0' });
  expect(await run.exited).toEqual({ code: 1, signal: null });
  expect(lines(run.stderr())).toEqual([
    expect.stringMatching(/^orchestrator does not stay up: HOST=0\.0\.0\.0: .*API_TOKENS/),
  ]);
  expect(readdirSync(place.folder).sort()).toEqual(['postgres', 'redis']);
});

test('servers that the environment names are used, and never emptied', async () => {
  await using database = await createTestDatabase();
  await using redis = await startTestRedis();
  await using place = await createPlace();
  const sql = postgres(database.url, { max: 1 });
  const client = new Redis(redis.url);
  try {
    await sql`insert into node01.groups (group_id, present, version) values ('theirs', true, 1)`;
    await client.set('theirs', 'yes');
    await place.start(['start', '--fresh'], { DATABASE_URL: database.url, REDIS_URL: redis.url });
    expect(await statsOf(place)).toMatchObject({ nodes: { node01: 1, node02: 0 } });
    expect(await client.get('theirs')).toBe('yes');
    expect(place.pidOf('postgres')).toBeNull();
    const password = new URL(database.url).password;
    expect(JSON.stringify(place.read())).not.toContain(password);
  } finally {
    await sql.end();
    client.disconnect();
  }
});

test('the demo creates 100 groups on nodes that fail, shows that they agree, and ends', async () => {
  await using place = await createPlace();
  const run = place.run(['demo', '--exit']);
  expect(await run.exited).toEqual({ code: 0, signal: null });
  expect(run.stdout()).toMatch(/each call fails with probability 0\.2/);
  expect(run.stdout()).toMatch(/100 completed/);
  expect(run.stdout()).toMatch(/node03 +100/);
  expect(readdirSync(place.folder).sort()).toEqual(['postgres', 'redis']);
});

test.each([
  [['start', '--workers', '0'], '--workers 0: must be a number from 1 to 64'],
  [['start', '--exit'], '--exit is for demo only'],
  [['start', '--frehs'], "Unknown option '--frehs' (--help shows the options)"],
])('%j is one line and exit code 2', async (args, line) => {
  await using place = await createPlace();
  const run = place.run(args);
  expect(await run.exited).toEqual({ code: 2, signal: null });
  expect(lines(run.stderr())).toEqual([line]);
});
