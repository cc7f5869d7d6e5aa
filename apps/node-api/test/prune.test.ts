import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Operation, PruneResult } from '@reliable-ops/contracts';
import { waitFor } from '@reliable-ops/testkit';
import { sql as build } from 'drizzle-orm';
import { createOperationStore } from '../src/fenced/operation-store.ts';
import { buildFencedStatement } from '../src/fenced/statement.ts';
import { createPruner, type Pruner } from '../src/prune/pruner.ts';
import { startCluster, type Cluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(async () => {
  await cluster.sql`truncate node01.groups`;
  await cluster.sql`update node01.floor set fence = 0`;
});

const node = 'node01';
const operate =
  (op: Operation['op']) =>
  (fence: number, groupId = 'a'): Operation => ({
    op,
    groupId,
    timestamp: fence,
    token: [fence, op === 'undo' ? 1 : 0],
  });
const create = operate('create');
const remove = operate('delete');
const undo = operate('undo');
const send = (...operations: Operation[]) => cluster.operate(node, operations);
const outcome = (name: string) => ({ status: 200, outcome: name });
const stale = { status: 409, message: expect.stringContaining('stale') };

/** As the worker does: page after page, until it is done. */
async function prune(floor: number): Promise<PruneResult> {
  const sum = { removed: 0, cleared: 0 };
  let after: string | null = null;
  return waitFor('the node to have pruned', async () => {
    for (;;) {
      const body: object = { floor, after };
      const reply = await cluster.call('POST', '/v1/prune', { node, body });
      expect(reply.status).toBe(200);
      const result = reply.body as PruneResult;
      sum.removed += result.removed;
      sum.cleared += result.cleared;
      if (result.isDone) return { ...result, ...sum };
      if (result.after === after) return undefined; // a statement of somebody else still runs
      after = result.after;
    }
  });
}
const rows = () =>
  cluster.sql<{ group_id: string }[]>`select * from node01.groups order by group_id`;
const plain = (method: 'POST' | 'DELETE', groupId = 'a') =>
  cluster.call(method, '/v1/group', { node, body: { groupId } });

describe('what leaves', () => {
  test('tombstones with a token up to the floor, and those that plain clients left; newer ones stay', async () => {
    await send(create(1, 'a'), create(2, 'b'), create(3, 'c'), undo(4, 'd'));
    await send(remove(5, 'a'), undo(2, 'b'), remove(6, 'c'));
    await plain('POST', 'e');
    await plain('DELETE', 'e');
    expect(await prune(5)).toMatchObject({ floor: 5, removed: 4, cleared: 0 });
    expect(await rows()).toEqual([expect.objectContaining({ group_id: 'c', fence: 6 })]);
  });

  test('of records that are present, the token: what stays is as a plain client would have left it', async () => {
    await plain('POST', 'p');
    const [written] = await rows();
    await send(create(1, 'a'), create(7, 'b'));
    expect(await prune(5)).toMatchObject({ removed: 0, cleared: 1 });
    const [a, b, p] = await rows();
    expect(a).toEqual({ ...written, group_id: 'a', timestamp: 1 });
    expect(b).toMatchObject({ fence: 7 });
    expect(p).toEqual(written);
    expect(await prune(5)).toMatchObject({ removed: 0, cleared: 0 });
  });

  test('on every page, whatever the ids: none is skipped', async () => {
    const ids = Array.from({ length: 5_000 }, (_, n) => `g${n}`);
    await cluster.sql`
      insert into node01.groups (group_id, present, version, fence, phase, op, outcome)
      select id, false, 1, 1, 0, 'delete', 'deleted' from unnest(${['', ...ids, '\u{1f600}', 'Z']}::text[]) as id`;
    expect(await prune(1)).toMatchObject({ removed: 5_003 });
    expect(await rows()).toEqual([]);
  });
});

test('the floor never goes down', async () => {
  await prune(7);
  expect(await prune(3)).toMatchObject({ floor: 7 });
  expect(await send(create(7))).toEqual([stale]);
});

describe('P5: a token up to the floor is stale for ever and changes nothing', () => {
  test.each([
    ['where the record has left', [create(1), remove(2)], []],
    ['where it never was', [], []],
    ['where it stays without its token', [create(1)], [expect.objectContaining({ fence: null })]],
  ])('%s', async (_, before, left) => {
    await send(...before);
    await prune(3);
    for (const late of [create(1), undo(1), remove(2), undo(2), create(3), undo(3)])
      expect(await send(late)).toEqual([stale]);
    expect(await rows()).toEqual(left);
  });

  test('in a batch with newer ones, which take effect', async () => {
    await prune(3);
    expect(await send(create(1, 'a'), create(4, 'b'), create(2, 'c'))).toEqual([
      stale,
      outcome('created'),
      stale,
    ]);
  });

  test('and newer ones find what they should', async () => {
    await send(create(1), undo(1));
    await prune(1);
    expect(await send(create(2))).toEqual([outcome('created')]);
    await prune(2);
    expect(await send(undo(3))).toEqual([outcome('nothing')]);
    expect(await send(remove(4), undo(4))).toEqual([outcome('deleted'), outcome('restored')]);
    expect(await rows()).toEqual([expect.objectContaining({ present: true, timestamp: 2 })]);
  });

  test('a broken twin whose statement does not look at the floor brings back what was deleted', async () => {
    await send(create(1), remove(2));
    await prune(3);
    const twin = createOperationStore(cluster.sql, (...tables) => {
      const statement = buildFencedStatement(...tables);
      const broken = statement.replace(/WHERE fence > .*/, '');
      if (broken === statement) throw new Error('the statement no longer looks at the floor');
      return broken;
    });
    expect(await twin.apply(node, [create(1)])).toEqual([outcome('created')]);
  });
});

/**
 * A batch that began before the floor was raised, and waits for the lock of a record in front of the one that matters:
 * its snapshot has the old floor for as long as it runs.
 */
async function pruneAroundOldStatement(pruner: Pruner): Promise<void> {
  await send(create(1, 'b'), remove(2, 'b'), create(1, 'a'));
  const other = cluster.sql;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const holding = other.begin(async (tx) => {
    await tx`select from node01.groups where group_id = 'a' for update`;
    await released;
  });
  const isWaiting = async (): Promise<boolean> => {
    const [row] = await cluster.sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    return row !== undefined;
  };
  await waitFor('the record to be locked', async () => {
    const [row] =
      await cluster.sql`select from node01.groups where group_id = 'a' for update skip locked`;
    return row === undefined;
  });
  const late = createOperationStore(cluster.sql).apply(node, [create(2, 'a'), create(1, 'b')]);
  await waitFor('the batch to wait', isWaiting);
  await pruner.prune(node, { floor: 3, after: null });
  release();
  await Promise.all([holding, late]);
}
const isThere = async (id: string): Promise<boolean> =>
  (await cluster.call('GET', `/v1/group/${id}`, { node })).status === 200;

describe('P5: nothing leaves as long as a statement runs that does not know the floor', () => {
  test('so what it carries late finds the newer token', async () => {
    await pruneAroundOldStatement(createPruner(cluster.sql));
    expect(await isThere('b')).toBe(false);
    expect(await prune(3)).toMatchObject({ removed: 1 });
  });

  test('a broken twin that does not wait lets a late create come back', async () => {
    const twin = createPruner(
      cluster.sql,
      (floor) => build`SELECT fence, true AS "isKnown" FROM ${floor}`,
    );
    await pruneAroundOldStatement(twin);
    expect(await isThere('b')).toBe(true);
  });
});

describe('a request that is wrong is refused, and the floor stays', () => {
  test.each([
    ['no JSON', '['],
    ['no floor', {}],
    ['a floor below zero', { floor: -1 }],
    ['a floor that is no whole number', { floor: 1.5 }],
    ['a floor beyond 2^53', '{"floor":9007199254740993}'],
    ['a cursor that cannot be an id', { floor: 1, after: 'a\0' }],
    ['a field too many', { floor: 1, fence: 1 }],
  ])('%s', async (_, body) => {
    expect(await cluster.call('POST', '/v1/prune', { node, body })).toMatchObject({ status: 400 });
    expect(await cluster.sql`select fence from node01.floor`).toEqual([{ fence: 0 }]);
  });

  test('no node, or another method', async () => {
    const body = { floor: 1 };
    expect(await cluster.call('POST', '/v1/prune', { body })).toMatchObject({ status: 406 });
    expect(await cluster.call('PUT', '/v1/prune', { node, body })).toMatchObject({ status: 405 });
  });
});
