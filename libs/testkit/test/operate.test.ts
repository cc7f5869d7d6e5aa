import { execFile } from 'node:child_process';
import { afterEach, describe, expect, test } from '@jest/globals';
import { operatedViews, participantViews, type OperatedView } from '@reliable-ops/contracts';
import { connect } from '@reliable-ops/database';
import { Redis } from 'ioredis';
import ky from 'ky';
import {
  allEnded,
  argumentsOf,
  clientOf,
  nodeNames,
  startSystem,
  waitFor,
  type System,
  type SystemClient,
} from '../src/index.ts';
import { expectNodesToSayWhatTheLogSays } from './nodes-as-logged.ts';

let system: System;
let client: SystemClient;
const start = async (env: Record<string, string> = {}): Promise<void> => {
  system = await startSystem({ env });
  client = clientOf(system);
};
afterEach(async () => {
  await system[Symbol.asyncDispose]();
});

const ids = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => String(from + n).padStart(4, '0'));
const post = (path: string, json: object = {}) =>
  ky.post(`${system.orchestratorUrl}/v1/${path}`, { json, retry: 0, timeout: 20_000 });
const operate = async (verb: string, sagaIds: string[], note = 'test'): Promise<OperatedView[]> =>
  operatedViews.parse(await post(`sagas/${verb}`, { ids: sagaIds, note }).json()).sagas;
async function query<Row>(text: string): Promise<Row[]> {
  const sql = connect(system.databaseUrl, { applicationName: 'test', max: 1 });
  try {
    return (await sql.unsafe(text)) as unknown as Row[];
  } finally {
    await sql.end();
  }
}
const idsOf = async (batch: string): Promise<string[]> =>
  (
    await query<{ id: number }>(`select id from saga.sagas where batch_id = '${batch}' order by id`)
  ).map(({ id }) => String(id));
const attemptsOn = async (node: string): Promise<number> => {
  const [row] = await query<{ n: number }>(`
    select coalesce(sum(json_array_length(step -> 'log')), 0)::int as n
    from saga.sagas, json_array_elements(steps) as step where step ->> 'name' = '${node}'`);
  return row!.n;
};
const rops = (...argv: string[]): Promise<{ code: number; stdout: string }> =>
  new Promise((resolve) => {
    const env = { ...process.env, ROPS_URL: system.orchestratorUrl, NODE_OPTIONS: '' };
    execFile(process.execPath, [...argumentsOf('cli'), ...argv], { env }, (error, stdout) =>
      resolve({ code: Number(error?.code ?? 0), stdout }),
    );
  });
const participants = async () =>
  participantViews.parse(await ky.get(`${system.orchestratorUrl}/v1/participants`).json())
    .participants;
const isQuiet = async (node: string): Promise<boolean> =>
  (await participants()).find(({ name }) => name === node)?.jobs?.active === 0;

describe('cancel', () => {
  test('P1: 300 sagas in the middle of their run, at 20 % errors: each ends cancelled or otherwise, and the nodes agree', async () => {
    await start({ RANDOM_BEHAVIOR: '0.2' });
    for (const node of nodeNames) await client.setFaults(node, { delayMs: 30 });
    const first = await client.post('create-group', ids(150));
    await waitFor('the first to end', async () => (await client.count([first])).completed > 10);
    // Most of a batch ends in one commit: so that others are in the middle of their run, one of their nodes takes its time.
    await client.setFaults(nodeNames[0]!, { delayMs: 2_000 });
    const second = await client.post('create-group', ids(150, 150));
    const sagas = [...(await idsOf(first)), ...(await idsOf(second))];
    const answers = await Promise.all(
      [0, 100, 200].map((from) => operate('cancel', sagas.slice(from, from + 100))),
    );
    await client.setFaults(nodeNames[0]!, { delayMs: 30 });
    await client.untilEnded([first, second]);
    const statuses = new Map(
      (
        await query<{ id: number; status: string; n: number }>(
          `select id, status, json_array_length(history) as n from saga.sagas`,
        )
      ).map(({ id, status, n }) => [String(id), { status, n }]),
    );
    const results = answers.flat();
    expect(results.some(({ result }) => result === 'begun')).toBe(true);
    for (const { id, result, reason } of results) {
      const { status, n } = statuses.get(id)!;
      if (result === 'refused') {
        expect(['completed', 'compensated']).toContain(status);
        expect(reason).toContain(`saga ${id} `);
        expect(n).toBe(0);
      } else {
        expect([result, status]).toEqual([result, 'cancelled']);
        expect(n).toBe(1);
      }
    }
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });
});

describe('cancel, resolve and retry against the worker', () => {
  test('P4: nothing is owed for what was resolved, and the next saga of each key takes effect', async () => {
    await start({ RANDOM_BEHAVIOR: '0.2', STUCK_AFTER: '2' });
    const first = await client.post('create-group', ids(100));
    const second = await client.post('delete-group', ids(100));
    await client.setFaults('node02', { error: 1 });
    const sagas = await idsOf(first);
    await operate('cancel', sagas);
    // Resolved and hurried at once, while the worker commits its attempts.
    for (let round = 0; round < 5; round++)
      await Promise.all([
        operate('retry', sagas),
        operate('resolve', sagas.slice(round * 20, round * 20 + 20)),
        operate('cancel', sagas.slice(50)),
      ]);
    await client.setFaults('node02', {});
    await client.untilEnded([first, second]);
    const rows = await query<{ status: string; n: number }>(`
      select status, count(*)::int as n from saga.sagas where batch_id = '${first}' group by status`);
    expect(rows.find(({ status }) => status === 'resolved')?.n ?? 0).toBeGreaterThan(0);
    const [left] = await query<object>(`
      select (select count(*) from saga.lanes)::int as lanes, (select count(*) from saga.outbox)::int as outbox`);
    expect(left).toEqual({ lanes: 0, outbox: 0 });
    expect(system.output()).not.toContain('broken invariant');
  });

  test('retry: a compensation that waits for an hour goes now', async () => {
    await start({ STEP_ATTEMPTS: '1' });
    await client.setFaults('node02', { error: 1 });
    const batch = await client.post('create-group', ids(20));
    const sagas = await idsOf(batch);
    await waitFor('all to be taken back', async () => {
      const { compensating } = await client.count([batch]);
      return compensating === 20;
    });
    await client.setFaults('node02', { down: true });
    const farAway = async () => {
      const rows = await query<{ id: string }>(`
        update saga.outbox set due_at = now() + interval '1 hour' where id in (
          select id from saga.outbox where due_at > now() order by id for update
        ) returning id`);
      return rows.length > 0;
    };
    await waitFor('all to wait', farAway);
    await client.setFaults('node02', {});
    await waitFor('all to be hurried', async () => {
      await operate('retry', sagas);
      return allEnded(await client.count([batch]));
    });
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });
});

describe('rops', () => {
  test('faults, list --stuck, retry --all-stuck, resolve and show, on the whole system', async () => {
    await start({ STEP_ATTEMPTS: '1', STUCK_AFTER: '1' });
    expect((await rops('faults', 'node02', '--down')).stdout).toMatch(/^node02 .*down/m);
    await rops('create', '1..5', '--no-wait');
    const stuck = await waitFor('all to be stuck', async () => {
      const shown = JSON.parse((await rops('list', '--stuck', '--json')).stdout);
      return shown.stuck === 5 && shown;
    });
    expect((await rops('list', '--stuck')).stdout).toMatch(/^\d sagas?: node02 \S+/);
    const [{ id }] = stuck.sagas;
    expect(await rops('cancel', id)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`saga ${id} is being taken back already`),
    });
    for (let time = 0; time < 2; time++)
      expect(await rops('resolve', id, '--note', 'by hand', '--by', 'ann')).toMatchObject({
        code: 0,
        stdout: '1 saga resolved\n',
      });
    expect((await rops('show', id)).stdout).toMatch(/^resolve +\S+ by ann: by hand$/m);
    // Paused, so that none makes its next attempt before we ask for it.
    await rops('pause', 'node02');
    await rops('faults', '--clear');
    expect((await rops('retry', '--all-stuck')).stdout).toMatch(/^4 sagas stuck: /);
    await rops('resume', 'node02');
    await waitFor('all to end', async () => {
      const sagas: { status: string }[] = JSON.parse((await rops('list', '--json')).stdout);
      return sagas.filter(({ status }) => status === 'compensated').length === 4;
    });
    expect(system.output()).toContain('sagas are stuck');
  });
});

describe('a maintenance window', () => {
  test('longer than the deadline of 500 sagas in the middle of their run: nothing fails, and nothing is tried there', async () => {
    await start({ SAGA_DEADLINE: '2s', STEP_ATTEMPTS: '50', RANDOM_BEHAVIOR: '0.1' });
    await client.setFaults('node02', { delayMs: 50 });
    const batch = await client.post('create-group', ids(300));
    await post('participants/node02/pause', { note: 'new disk' });
    await waitFor('node02 to be quiet', () => isQuiet('node02'));
    const attempts = await attemptsOn('node02');
    const more = await client.post('create-group', ids(200, 300));
    // As in a real one, the node is away.
    await client.setFaults('node02', { down: true });
    const startedAt = Date.now();
    await waitFor('the deadlines to pass', () => Date.now() - startedAt > 3_000);
    expect(await attemptsOn('node02')).toBe(attempts);
    await client.setFaults('node02', {});
    await post('participants/node02/resume');
    await client.untilEnded([batch, more]);
    const counts = await client.count([batch, more]);
    expect([counts.completed, counts.total]).toEqual([500, 500]);
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });

  test('a wipe of Redis does not end it, also not for what is accepted before anybody has noticed', async () => {
    await start();
    await post('participants/node02/pause');
    const before = await client.post('create-group', ids(50));
    await waitFor('the other nodes to be done', async () => (await attemptsOn('node03')) === 50);
    const redis = new Redis(system.redis.url);
    await redis.flushall();
    redis.disconnect();
    const after = await client.post('create-group', ids(50, 50));
    await waitFor('the other nodes to be done', async () => (await attemptsOn('node03')) === 100);
    expect(await attemptsOn('node02')).toBe(0);
    expect((await participants()).map(({ name, paused }) => [name, paused !== null])).toEqual([
      ['node01', false],
      ['node02', true],
      ['node03', false],
    ]);
    await post('participants/node02/resume');
    await client.untilEnded([before, after]);
    expect((await client.count([before, after])).completed).toBe(100);
    await expectNodesToSayWhatTheLogSays(system.databaseUrl);
  });
});
