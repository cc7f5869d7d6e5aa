import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { GroupPage, ListedGroup } from '@reliable-ops/contracts';
import { error, startCluster, type Cluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(async () => {
  await cluster.sql`truncate node01.groups, node02.groups, node03.groups`;
  await setFaults({});
});

const setFaults = (faults: object) => cluster.call('PUT', '/v1/faults/node01', { body: faults });

let fence = 1;
const operate = async (op: 'create' | 'delete', ids: string[]): Promise<void> => {
  fence++;
  await cluster.operate(
    'node01',
    ids.map((groupId) => ({ op, groupId, timestamp: fence, token: [fence, 0] })),
  );
};
const list = (query: string, node = 'node01') =>
  cluster.call('GET', `/v1/groups${query}`, { node });
const lookUp = (body: unknown, node = 'node01') =>
  cluster.call('POST', '/v1/groups/lookup', { node, body });

async function listAll(limit: number): Promise<string[]> {
  const ids: string[] = [];
  for (let after = ''; ;) {
    const { body } = await list(`?limit=${limit}${after}`);
    const { groups, next } = body as GroupPage;
    ids.push(...groups.map(({ groupId }) => groupId));
    if (next === null) return ids;
    after = `&after=${encodeURIComponent(next)}`;
  }
}

/** In byte order: what lies above U+FFFF comes last, not before U+E000 as in UTF-16. */
const oddIds = [
  '',
  '\n',
  ' ',
  '"',
  "%2e'",
  '+',
  '.',
  '..',
  '/',
  '007',
  '7',
  'a&b=c',
  'é',
  '\ue000',
  '\uffff',
  '😀',
  '😀😀',
];

describe('GET /v1/groups', () => {
  test.each([1, 2, 3, 1_000])(
    'tells every id once, in byte order, by pages of %i',
    async (limit) => {
      await operate('create', oddIds.toReversed());
      expect(await listAll(limit)).toEqual(oddIds);
    },
  );

  test('an empty `after` is an id, none is the beginning', async () => {
    await operate('create', ['', 'a']);
    expect((await list('')).body).toEqual({
      groups: [
        { groupId: '', timestamp: fence },
        { groupId: 'a', timestamp: fence },
      ],
      next: null,
    });
    expect((await list('?after=')).body).toEqual({
      groups: [{ groupId: 'a', timestamp: fence }],
      next: null,
    });
  });

  test('tombstones are not told, but a page of them leads on', async () => {
    await operate('create', ['a', 'b', 'c', 'd']);
    await operate('delete', ['a', 'b']);
    expect((await list('?limit=2')).body).toEqual({ groups: [], next: 'b' });
    expect(await listAll(2)).toEqual(['c', 'd']);
  });

  test('each node has its own', async () => {
    await operate('create', ['a']);
    expect((await list('', 'node02')).body).toEqual({ groups: [], next: null });
  });

  test.each([
    ['?limit=0', 'limit must be a whole number from 1 to 1000'],
    ['?limit=1001', 'limit must be a whole number from 1 to 1000'],
    ['?limit=1e2', 'limit must be a whole number from 1 to 1000'],
    ['?limit=', 'limit must be a whole number from 1 to 1000'],
    ['?after=%00', 'after must not hold a NUL character'],
    ['?from=5', 'from: no such parameter; there are after and limit'],
  ])('%s is refused with the fix', async (query, message) => {
    expect(await list(query)).toMatchObject(error(400, message));
  });

  test('it names its node, and is disturbed as any call', async () => {
    expect(await cluster.call('GET', '/v1/groups')).toMatchObject({ status: 406 });
    expect(await cluster.call('DELETE', '/v1/groups', { node: 'node01' })).toMatchObject({
      status: 405,
    });
    await setFaults({ error: 1 });
    expect(await list('')).toMatchObject({ status: 500 });
    expect(await lookUp(['a'])).toMatchObject({ status: 500 });
    await setFaults({ down: true });
    await expect(list('')).rejects.toThrow();
    await expect(lookUp([])).rejects.toThrow();
  });
});

describe('POST /v1/groups/lookup', () => {
  test('answers those of the ids that are there', async () => {
    await operate('create', [...oddIds, 'gone']);
    await operate('delete', ['gone']);
    const { body } = await lookUp([...oddIds, 'gone', 'never']);
    const found = (body as { groups: ListedGroup[] }).groups.map(({ groupId }) => groupId);
    expect(new Set(found)).toEqual(new Set(oddIds));
    expect((await lookUp([])).body).toEqual({ groups: [] });
  });

  test('what is no list of ids is refused', async () => {
    for (const body of [
      {},
      'no JSON',
      [5],
      ['\0'],
      ['\ud800'],
      Array.from({ length: 1_001 }, String),
    ])
      expect(await lookUp(body)).toMatchObject({ status: 400 });
  });
});
