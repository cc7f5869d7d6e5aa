import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { Redis } from 'ioredis';
import { createAppProcess, type AppProcess } from '../src/app-process.ts';
import { describeApps } from '../src/apps.ts';
import {
  argumentsOf,
  clientOf,
  createTestDatabase,
  nodeNames,
  readPresentIds,
  startTestRedis,
  waitFor,
  type SystemClient,
} from '../src/index.ts';

/** docs/operations.md, "Restore" and "Restore a node", step by step, on nodes that keep their records elsewhere than the log. */

const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
const disposables: AsyncDisposable[] = [];
let client: SystemClient;
let orchestratorUrl: string;
let redisUrl: string;
/** Of the log, and of the nodes. */
let logUrl: string;
let nodesUrl: string;
let orchestrator: AppProcess;
let worker: AppProcess;

async function start(): Promise<void> {
  const [log, nodes, redis] = await Promise.all([
    createTestDatabase(),
    createTestDatabase(),
    startTestRedis(),
  ]);
  [logUrl, nodesUrl, redisUrl] = [log.url, nodes.url, redis.url];
  const env = { STEP_ATTEMPTS: '2', STUCK_AFTER: '2' };
  const apps = await describeApps({ databaseUrl: logUrl, redisUrl, workers: 1, env });
  const nodeApi = createAppProcess({
    ...apps.nodeApi,
    env: { ...apps.nodeApi.env, DATABASE_URL: nodesUrl },
  });
  orchestrator = createAppProcess(apps.orchestrator);
  worker = createAppProcess(apps.workers[0]!);
  disposables.push(log, nodes, redis, {
    async [Symbol.asyncDispose]() {
      const running = [nodeApi, orchestrator, worker].filter(({ pid }) => pid !== undefined);
      await Promise.all(running.map((one) => one.kill('SIGKILL')));
    },
  });
  await Promise.all([nodeApi, orchestrator, worker].map((one) => one.start()));
  orchestratorUrl = apps.orchestratorUrl;
  client = clientOf(apps);
}
afterEach(async () => {
  for (const one of disposables.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

const rops = (...argv: string[]): Promise<{ code: number; stdout: string }> =>
  new Promise((resolve) => {
    const env = { ...process.env, ROPS_URL: orchestratorUrl, NODE_OPTIONS: '' };
    execFile(process.execPath, [...argumentsOf('cli'), ...argv], { env }, (error, stdout) =>
      resolve({ code: Number(error?.code ?? 0), stdout }),
    );
  });
const change = async (saga: string, ids: string[]): Promise<void> => {
  const batch = await client.post(saga, ids);
  await client.untilEnded([batch]);
};
async function on<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connect(url, { applicationName: 'test', max: 1 });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}
const name = (text: string, count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => `${text}${from + n}`);

/** Any consistent copy is a backup; nobody may be connected to either. */
const copyDatabase = (from: string, to: string): Promise<void> => {
  const server = new URL(logUrl);
  server.pathname = '/postgres';
  return on(server.href, async (sql) => {
    await sql`drop database if exists ${sql(to)} with (force)`;
    await sql`create database ${sql(to)} template ${sql(from)} strategy file_copy`;
  });
};
const stop = async (): Promise<void> => {
  await Promise.all([orchestrator, worker].map((one) => one.kill('SIGTERM')));
};
const startAgain = async (): Promise<void> => {
  await Promise.all([orchestrator, worker].map((one) => one.start()));
};
/** The statement that the page tells to make, as it stands there. */
const fencesAhead = /^ +(select setval\('saga\.fences'.*);$/m.exec(page)![1]!;
const alarms = (): number =>
  worker
    .output()
    .split('\n')
    .filter((line) => line.includes('broken invariant')).length;

/**
 * A backup with sagas under way; then what was under way ends, sagas change its keys and others, and the log is lost.
 * Restored, with the fences set ahead unless told otherwise.
 */
async function loseTheLog({ setFences = true } = {}): Promise<void> {
  await start();
  await change('create-group', name('kept', 5));
  expect((await rops('pause', 'node03', '--note', 'maintenance')).code).toBe(0);
  const underWay = await client.post('create-group', name('under-way', 6));
  await waitFor('node03 alone to be owed something', () =>
    on(logUrl, async (sql) => {
      const owed = await sql<{ participant: string }[]>`select participant from saga.outbox`;
      return owed.length > 0 && owed.every(({ participant }) => participant === 'node03');
    }),
  );
  const log = new URL(logUrl).pathname.slice(1);
  const backup = `${log}_backup`;
  await stop();
  await copyDatabase(log, backup);
  await startAgain();

  expect((await rops('resume', 'node03')).code).toBe(0);
  await client.untilEnded([underWay]);
  await change('delete-group', [...name('kept', 2), ...name('under-way', 3)]);
  await change('create-group', name('new', 2));

  await stop();
  await copyDatabase(backup, log);
  if (setFences) await on(logUrl, (sql) => sql.unsafe(fencesAhead));
  const redis = new Redis(redisUrl);
  await redis.flushdb();
  redis.disconnect();
  await startAgain();
  // The pause is in the backup as well.
  expect((await rops('resume', 'node03')).code).toBe(0);
}
const statusOf = async (key: string): Promise<string> => (await rops('list', '--key', key)).stdout;

/** The ids of those that are stuck, once there are so many. */
const seeStuck = (count: number): Promise<string[]> =>
  waitFor(
    `${count} stuck sagas`,
    async () => {
      const { stdout } = await rops('list', '--stuck', '--json');
      const found = [...new Set([...stdout.matchAll(/"id": ?"(\d+)"/g)].map(([, id]) => id!))];
      return found.length === count ? found : undefined;
    },
    { explain: () => worker.output() },
  );
const resolveThem = async (sagas: string[]): Promise<void> => {
  expect((await rops('resolve', ...sagas, '--note', 'restored')).code).toBe(0);
};

test('a log that was restored: what has to be done by hand is what the page says, and then log and nodes agree', async () => {
  await loseTheLog();
  // Whose key nobody has touched since goes on; the others cannot, and say so.
  await waitFor('what was under way at the backup', async () =>
    (await Promise.all(name('under-way', 3, 3).map((id) => statusOf(`group:${id}`)))).every(
      (text) => text.includes('completed'),
    ),
  );
  const stuck = await seeStuck(3);
  expect((await rops('list', '--stuck')).stdout).toContain('stale');
  expect(alarms()).toBeGreaterThan(0);
  await resolveThem(stuck);

  const { code, stdout } = await rops('verify');
  expect(code).toBe(1);
  expect(stdout).toMatch(/group:kept0/);
  expect(stdout).not.toMatch(/group:(?:new|under-way)/);
  expect((await rops('reconcile', '--apply')).code).toBe(0);
  expect((await rops('verify')).code).toBe(0);
  const groups = [...name('kept', 5), ...name('new', 2), ...name('under-way', 3, 3)].sort();
  expect(await readPresentIds(nodesUrl)).toEqual(
    Object.fromEntries(nodeNames.map((node) => [node, groups])),
  );
  // New ones are above all that the nodes have seen.
  const before = alarms();
  await change('delete-group', [...name('new', 2), ...name('under-way', 6)]);
  expect((await rops('verify')).code).toBe(0);
  expect(alarms()).toBe(before);
}, 120_000);

test('without the fences set ahead a new saga on a key that was changed since draws a token that its node has seen: that is told', async () => {
  await loseTheLog({ setFences: false });
  const batch = await client.post('create-group', name('new', 2));
  await waitFor('the alarm', () => worker.output().includes('"key":"group:new0"') && alarms() > 0);
  expect(await client.count([batch])).toMatchObject({ completed: 0 });

  // What the page tells to do then.
  await worker.kill('SIGTERM');
  await on(logUrl, (sql) => sql.unsafe(fencesAhead));
  await worker.start();
  await resolveThem(await seeStuck(5));
  const before = alarms();
  await change('create-group', name('new', 2));
  expect((await rops('reconcile', '--apply')).code).toBe(0);
  expect((await rops('verify')).code).toBe(0);
  expect(alarms()).toBe(before);
}, 120_000);

test('a node that was restored: verify lists what it lacks, reconcile mends it', async () => {
  await start();
  await change('create-group', name('old', 5));
  await on(nodesUrl, (sql) => sql`create table backup as select * from node02.groups`);
  await change('create-group', name('since', 5));
  await change('delete-group', name('old', 2));

  expect((await rops('pause', 'node02', '--note', 'restore')).code).toBe(0);
  const underWay = await client.post('create-group', name('under-way', 3));
  await on(nodesUrl, (sql) =>
    sql.begin((tx) => [
      tx`truncate node02.groups`,
      tx`insert into node02.groups select * from backup`,
    ]),
  );
  expect((await rops('resume', 'node02')).code).toBe(0);
  await client.untilEnded([underWay]);
  const { code, stdout } = await rops('verify');
  expect(code).toBe(1);
  expect(stdout.match(/group:since\d/g)).toHaveLength(5);
  expect(stdout.match(/group:old[01]/g)).toHaveLength(2);
  expect((await rops('reconcile', '--apply')).code).toBe(0);
  expect((await rops('verify')).code).toBe(0);
  const groups = [...name('old', 3, 2), ...name('since', 5), ...name('under-way', 3)].sort();
  expect(await readPresentIds(nodesUrl)).toEqual(
    Object.fromEntries(nodeNames.map((node) => [node, groups])),
  );
  expect(alarms()).toBe(0);
}, 120_000);
