import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { NodeSummary, Operation } from '@reliable-ops/contracts';
import { startCluster, type Cluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(() => cluster.sql`truncate node01.groups, node02.groups, node03.groups`);

const fill = (node: string, op: Operation['op'], ids: string[], fence = 1) =>
  cluster.operate(
    node,
    ids.map((groupId) => ({ op, groupId, timestamp: fence, token: [fence, 0] })),
  );
const stats = async () => (await cluster.call('GET', '/v1/stats')).body;
const summary = async (node: string) =>
  (await cluster.call('GET', '/v1/summary', { node })).body as NodeSummary;

test('stats compare ids, not counts', async () => {
  for (const node of ['node01', 'node02', 'node03']) await fill(node, 'create', ['a', 'b']);
  expect(await stats()).toEqual([true, { node01: 2, node02: 2, node03: 2 }]);
  await fill('node03', 'delete', ['b'], 2);
  expect(await stats()).toEqual([false, { node01: 2, node02: 2, node03: 1 }]);
  await fill('node03', 'create', ['c'], 3);
  expect(await stats()).toEqual([false, { node01: 2, node02: 2, node03: 2 }]);
  await fill('node01', 'create', ['c']);
  await fill('node02', 'create', ['c']);
  await fill('node03', 'create', ['b'], 4);
  expect(await stats()).toEqual([true, { node01: 3, node02: 3, node03: 3 }]);
});

test('what was deleted, or undone, or never came, counts nowhere', async () => {
  const empty = await summary('node01');
  expect(empty.groups).toBe(0);
  await fill('node01', 'delete', ['a']);
  await fill('node01', 'undo', ['b']);
  await fill('node01', 'create', ['c']);
  await fill('node01', 'delete', ['c'], 2);
  expect(await summary('node01')).toEqual(empty);
  expect(await stats()).toEqual([true, { node01: 0, node02: 0, node03: 0 }]);
});

test('equal ids have equal digests, in whatever order they came and whoever owns them', async () => {
  const ids = Array.from({ length: 200 }, (_, index) => `g${index}`);
  await fill('node01', 'create', ids);
  await fill('node02', 'create', ids.toReversed(), 9);
  await fill('node03', 'create', [...ids.slice(1), 'g200']);
  const [first, second, third] = await Promise.all(['node01', 'node02', 'node03'].map(summary));
  expect(first).toEqual({ groups: 200, digest: expect.any(String) });
  expect(second).toEqual(first);
  expect(third?.groups).toBe(200);
  expect(third?.digest).not.toBe(first?.digest);
});

test('a summary names its node', async () => {
  expect(await cluster.call('GET', '/v1/summary')).toMatchObject({ status: 406 });
  expect(await cluster.call('GET', '/v1/summary', { node: 'node04' })).toMatchObject({
    status: 406,
  });
});
