import { once } from 'node:events';
import { request } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { NodeFaults, Operation } from '@reliable-ops/contracts';
import { waitFor } from '@reliable-ops/testkit';
import { createDraw } from '@reliable-ops/runtime/seeded-draw';
import { error, startCluster, type Cluster } from './cluster.ts';

const node = 'node01';
const create = (groupId: string, fence = 1): Operation => ({
  op: 'create',
  groupId,
  timestamp: fence,
  token: [fence, 0],
});
const creates = (count: number): Operation[] =>
  Array.from({ length: count }, (_, index) => create(`g${index}`));
const post = (cluster: Cluster, groupId: string) =>
  cluster.call('POST', '/v1/group', { node, body: { groupId } });
const countGroups = async ({ sql }: Cluster): Promise<number> => {
  const [row] = await sql<
    { n: number }[]
  >`select count(*)::int as n from node01.groups where present`;
  return row?.n ?? 0;
};
const setFaults = async (cluster: Cluster, faults: Partial<NodeFaults>, name = node) => {
  const reply = await cluster.call('PUT', `/v1/faults/${name}`, { body: faults });
  expect(reply.status).toBe(200);
};
const untouched = async (cluster: Cluster) => {
  expect((await cluster.call('GET', '/ping')).status).toBe(200);
  expect((await cluster.call('GET', '/v1/stats', { node })).status).toBe(200);
  expect((await cluster.call('GET', '/v1/faults', { node })).status).toBe(200);
};

const timeout = 'Timeout due to Random Behavior';
const failure = 'InternalServerError due to Random Behavior';

describe('random behaviour', () => {
  test('comes before anything is looked at, and spares what only reads the state of the cluster', async () => {
    await using cluster = await startCluster({ randomBehavior: 1 });
    for (const [method, path] of [
      ['GET', '/v1/group/%00'],
      ['GET', '/v1/group/'],
      ['POST', '/v1/group'],
      ['DELETE', '/v1/group'],
    ] as const) {
      const reply = await cluster.call(method, path, { timestamp: 'no number' });
      expect([error(408, timeout), error(500, failure)]).toContainEqual({
        status: reply.status,
        body: reply.body,
      });
    }
    await untouched(cluster);
    expect((await cluster.call('GET', '/v1/summary', { node })).status).toBe(200);
  });

  test('strikes each fenced operation by itself, at its probability, 408 and 500 at even odds', async () => {
    await using cluster = await startCluster({ randomBehavior: 0.2, draw: createDraw(7) });
    const results = await cluster.operate(node, creates(1000));
    const struck = (message: string) =>
      results.filter((result) => 'message' in result && result.message === message).length;
    expect(struck(timeout)).toBeGreaterThan(60);
    expect(struck(failure)).toBeGreaterThan(60);
    expect(struck(timeout) + struck(failure)).toBeLessThan(260);
    const done = results.filter(({ status }) => status === 200).length;
    expect(done + struck(timeout) + struck(failure)).toBe(1000);
    // What was struck was not applied, what was not, was.
    expect(await countGroups(cluster)).toBe(done);
  });
});

describe('faults', () => {
  test('are all off at first, replaced as a whole, and told per node', async () => {
    await using cluster = await startCluster();
    const off = { error: 0, lostReply: 0, delayMs: 0, reset: 0, down: false, seed: null };
    expect((await cluster.call('GET', '/v1/faults')).body).toEqual({
      node01: off,
      node02: off,
      node03: off,
    });
    await setFaults(cluster, { error: 0.5, seed: 3 });
    await setFaults(cluster, { lostReply: 0.25 }, 'node03');
    await setFaults(cluster, { delayMs: 1 });
    expect((await cluster.call('GET', '/v1/faults')).body).toEqual({
      node01: { ...off, delayMs: 1 },
      node02: off,
      node03: { ...off, lostReply: 0.25 },
    });
  });

  test.each([
    [{ error: 2 }, 'error: '],
    [{ error: '0.5' }, 'error: '],
    [{ lostReply: -0.1 }, 'lostReply: '],
    [{ delayMs: 1.5 }, 'delayMs: '],
    [{ delayMs: 600_001 }, 'delayMs: '],
    [{ reset: null }, 'reset: '],
    [{ down: 1 }, 'down: '],
    [{ seed: 'a' }, 'seed: '],
    [{ eror: 1 }, 'eror'],
    [[], 'body: '],
    ['{', 'could not understand'],
  ])('%j is refused and changes nothing', async (body, named) => {
    await using cluster = await startCluster();
    const before = (await cluster.call('GET', '/v1/faults')).body;
    expect(await cluster.call('PUT', '/v1/faults/node01', { body })).toMatchObject({
      status: 400,
      body: { status: 400, message: expect.stringContaining(named) },
    });
    expect((await cluster.call('GET', '/v1/faults')).body).toEqual(before);
    expect(await cluster.call('PUT', '/v1/faults/node09', { body })).toMatchObject({ status: 404 });
  });

  test('error: nothing is applied', async () => {
    await using cluster = await startCluster();
    await setFaults(cluster, { error: 1 });
    expect(await post(cluster, 'a')).toMatchObject({ status: 500, body: { status: 500 } });
    expect((await cluster.operate(node, creates(5))).map(({ status }) => status)).toEqual([
      500, 500, 500, 500, 500,
    ]);
    expect(await countGroups(cluster)).toBe(0);
    await untouched(cluster);
    expect(
      await cluster.call('POST', '/v1/group', { node: 'node02', body: { groupId: 'a' } }),
    ).toMatchObject({ status: 201 });
  });

  test('lostReply: all is applied, and the same token brings the lost answer', async () => {
    await using cluster = await startCluster();
    await setFaults(cluster, { lostReply: 1 });
    expect(await post(cluster, 'a')).toMatchObject({ status: 500 });
    expect(await post(cluster, 'a')).toMatchObject({ status: 500 });
    expect((await cluster.operate(node, creates(3))).map(({ status }) => status)).toEqual([
      500, 500, 500,
    ]);
    expect(await countGroups(cluster)).toBe(4);
    await setFaults(cluster, {});
    expect(await cluster.operate(node, creates(3))).toEqual(
      creates(3).map(() => ({ status: 200, outcome: 'created' })),
    );
  });

  test('reset and down cut the connection before anything is done', async () => {
    await using cluster = await startCluster();
    for (const faults of [{ reset: 1 }, { down: true }]) {
      await setFaults(cluster, faults);
      await expect(post(cluster, 'a')).rejects.toThrow('fetch failed');
      await expect(cluster.operate(node, creates(1))).rejects.toThrow('fetch failed');
      await expect(cluster.call('GET', '/v1/summary', { node })).rejects.toThrow('fetch failed');
      await expect(cluster.callRaw('GET', '/v1/group/a', { node })).rejects.toMatchObject({
        code: 'ECONNRESET',
      });
      await untouched(cluster);
      expect(await cluster.call('GET', '/v1/summary', { node: 'node02' })).toMatchObject({
        status: 200,
      });
    }
    expect(await countGroups(cluster)).toBe(0);
    await setFaults(cluster, {});
    expect(await post(cluster, 'a')).toMatchObject({ status: 201 });
  });

  test('delayMs: a request takes effect even after its client has given up', async () => {
    await using cluster = await startCluster();
    await setFaults(cluster, { delayMs: 200 });
    const sent = request({
      host: '127.0.0.1',
      port: cluster.port,
      method: 'POST',
      path: '/v1/operations',
      headers: { node },
      agent: false,
    });
    sent.on('error', () => {});
    sent.end(JSON.stringify(creates(3)));
    await once(sent, 'finish');
    sent.destroy();
    await waitFor(
      'the late request to take effect',
      async () => (await countGroups(cluster)) === 3,
    );
  });

  test('delayMs: a node that goes down meanwhile does nothing; a stopping server does not wait', async () => {
    await using cluster = await startCluster();
    await setFaults(cluster, { delayMs: 600_000 });
    const early = expect(post(cluster, 'a')).rejects.toThrow('fetch failed');
    await setFaults(cluster, { down: true });
    await early;
    await setFaults(cluster, { delayMs: 600_000 });
    const held = expect(post(cluster, 'a')).rejects.toThrow('fetch failed');
    await cluster.close();
    await held;
    expect(await countGroups(cluster)).toBe(0);
  });

  test('spare nobody by being half: each operation has its own draw, and a seed repeats them', async () => {
    await using cluster = await startCluster();
    const draws: number[][] = [];
    for (const fence of [1, 2, 3]) {
      await setFaults(cluster, { error: 0.3, lostReply: 0.3, seed: fence < 3 ? 42 : 43 });
      const operations = Array.from({ length: 200 }, (_, index) => create(`g${index}`, fence));
      draws.push((await cluster.operate(node, operations)).map(({ status }) => status));
    }
    expect(draws[0]).toEqual(draws[1]);
    expect(draws[0]).not.toEqual(draws[2]);
    expect(new Set(draws[0])).toEqual(new Set([200, 500]));
  });
});

const numbers = (seed: number) => Array.from({ length: 10_000 }, createDraw(seed));

describe('the seeded generator', () => {
  test('is even, in [0, 1), and repeats itself for the same seed only', () => {
    const first = numbers(1);
    expect(first).toEqual(numbers(1));
    expect(first).not.toEqual(numbers(2));
    expect(first.every((number) => number >= 0 && number < 1)).toBe(true);
    const mean = first.reduce((sum, number) => sum + number, 0) / first.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
  });
});
