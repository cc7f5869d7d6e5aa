import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Operation, OperationResult } from '@reliable-ops/contracts';
import { createOperationStore } from '../src/fenced/operation-store.ts';
import { buildFencedStatement } from '../src/fenced/statement.ts';
import { startCluster, type Cluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(() => cluster.sql`truncate node01.groups, node02.groups, node03.groups`);

const node = 'node01';
type Send = (operation: Operation) => Promise<OperationResult>;
const send: Send = async (operation) => {
  const [result] = await cluster.operate(node, [operation]);
  return result as OperationResult;
};
const operate =
  (op: Operation['op']) =>
  (fence: number, phase: 0 | 1 = op === 'undo' ? 1 : 0, timestamp = fence): Operation => ({
    op,
    groupId: 'a',
    timestamp,
    token: [fence, phase],
  });
const create = operate('create');
const remove = operate('delete');
const undo = operate('undo');
const outcome = (name: string) => ({ status: 200, outcome: name });
const stale = { status: 409, message: expect.stringContaining('stale') };

const plain = (method: 'POST' | 'DELETE', timestamp?: string) =>
  cluster.call(method, '/v1/group', {
    node,
    body: { groupId: 'a' },
    ...(timestamp === undefined ? {} : { timestamp }),
  });
const record = async () => {
  const [row] = await cluster.sql`
    select present, timestamp, version, fence, phase, op, outcome from node01.groups where group_id = 'a'`;
  return row;
};

describe('a newer token', () => {
  test('create: creates what is not there, leaves what is', async () => {
    expect(await send(create(1))).toEqual(outcome('created'));
    expect(await record()).toMatchObject({ present: true, timestamp: 1, version: 1, fence: 1 });
    expect(await send(create(2))).toEqual(outcome('existed'));
    expect(await record()).toMatchObject({ present: true, timestamp: 1, version: 1, fence: 2 });
  });

  test('delete: deletes what is there, whoever owns it, leaves what is not', async () => {
    expect(await send(remove(1))).toEqual(outcome('absent'));
    expect(await record()).toMatchObject({ present: false, version: 0, fence: 1 });
    await send(create(2));
    expect(await send(remove(3))).toEqual(outcome('deleted'));
    expect(await record()).toMatchObject({ present: false, timestamp: null, fence: 3 });
  });

  test('undo of a create takes it away', async () => {
    await send(create(1));
    expect(await send(undo(1))).toEqual(outcome('restored'));
    expect(await record()).toMatchObject({ present: false, timestamp: null, fence: 1, phase: 1 });
    expect(await cluster.call('GET', '/v1/group/a', { node })).toMatchObject({ status: 404 });
  });

  test('undo of a delete brings the record back with its owner', async () => {
    await plain('POST', '7.5');
    await send(remove(1));
    expect(await send(undo(1))).toEqual(outcome('restored'));
    expect(await record()).toMatchObject({ present: true, timestamp: 7.5 });
    expect(await plain('DELETE', '7.5')).toMatchObject({ status: 200 });
  });

  test('undo of what existed or was absent has nothing to take back', async () => {
    await plain('POST', '7.5');
    expect(await send(create(1))).toEqual(outcome('existed'));
    expect(await send(undo(1))).toEqual(outcome('nothing'));
    expect(await record()).toMatchObject({ present: true, timestamp: 7.5, version: 1 });
    await plain('DELETE');
    expect(await send(remove(2))).toEqual(outcome('absent'));
    expect(await send(undo(2))).toEqual(outcome('nothing'));
    expect(await record()).toMatchObject({ present: false, version: 2 });
  });

  test('undo of an action that never came only stores the token', async () => {
    expect(await send(undo(1))).toEqual(outcome('nothing'));
    expect(await record()).toMatchObject({ present: false, version: 0, fence: 1, phase: 1 });
    await send(create(2));
    expect(await send(undo(3))).toEqual(outcome('nothing'));
    expect(await record()).toMatchObject({ present: true, timestamp: 2, version: 1, fence: 3 });
  });

  test('is any token where only plain clients came before', async () => {
    await plain('POST');
    expect(await send(remove(1))).toEqual(outcome('deleted'));
  });

  test('may be as large as JavaScript counts', async () => {
    const { MAX_SAFE_INTEGER } = Number;
    expect(await send(create(MAX_SAFE_INTEGER))).toEqual(outcome('created'));
    expect(await send(undo(MAX_SAFE_INTEGER))).toEqual(outcome('restored'));
  });
});

describe('an equal token changes nothing and repeats the outcome', () => {
  test.each([
    ['created', [create(1)], create(1)],
    ['existed', [create(1), create(2)], create(2)],
    ['deleted', [create(1), remove(2)], remove(2)],
    ['absent', [remove(1)], remove(1)],
    ['restored', [create(1), undo(1)], undo(1)],
    ['nothing', [undo(1)], undo(1)],
  ])('%s', async (name, before, again) => {
    for (const operation of before) await send(operation);
    const left = await record();
    for (let repeat = 0; repeat < 3; repeat++) expect(await send(again)).toEqual(outcome(name));
    expect(await record()).toEqual(left);
  });

  test('even where the record has been written since', async () => {
    await send(create(1));
    await plain('DELETE');
    expect(await send(create(1))).toEqual(outcome('created'));
    expect(await record()).toMatchObject({ present: false, version: 2 });
  });
});

describe('an older token changes nothing and is stale', () => {
  test.each([
    ['create after its undo', [create(1), undo(1)], create(1)],
    ['delete after its undo', [create(1), remove(2), undo(2)], remove(2)],
    ['create after an undo that came first', [undo(1)], create(1)],
    ['create before a later saga', [remove(2)], create(1)],
    ['undo before a later saga', [create(1), remove(2)], undo(1)],
    ['a much higher phase does not help', [create(2)], undo(1)],
  ])('%s', async (_, before, late) => {
    for (const operation of before) await send(operation);
    const left = await record();
    expect(await send(late)).toEqual({ status: 409, message: expect.stringContaining('stale') });
    expect(await record()).toEqual(left);
  });
});

describe('plain writes in between are respected', () => {
  test('a plain delete of what a saga created stays', async () => {
    await send(create(1));
    await plain('DELETE');
    expect(await send(undo(1))).toEqual(outcome('changed'));
    expect(await record()).toMatchObject({ present: false, version: 2 });
  });

  test('a plain delete and create of what a saga created stay', async () => {
    await send(create(1));
    await plain('DELETE');
    await plain('POST', '9');
    expect(await send(undo(1))).toEqual(outcome('changed'));
    expect(await record()).toMatchObject({ present: true, timestamp: 9, version: 3 });
  });

  test('a plain create and delete of what a saga deleted stay: it is not brought back', async () => {
    await plain('POST', '9');
    await send(remove(1));
    await plain('POST');
    await plain('DELETE');
    expect(await send(undo(1))).toEqual(outcome('changed'));
    expect(await record()).toMatchObject({ present: false, version: 4 });
  });

  test('refused plain writes do not count as writes', async () => {
    await send(create(1));
    expect(await plain('POST')).toMatchObject({ status: 400 });
    expect(await plain('DELETE', '99')).toMatchObject({ status: 404 });
    expect(await send(undo(1))).toEqual(outcome('restored'));
  });

  test('plain writes leave the tokens alone', async () => {
    await send(create(5));
    await plain('DELETE');
    await plain('POST');
    expect(await record()).toMatchObject({ fence: 5, phase: 0, op: 'create', outcome: 'created' });
    expect(await send(remove(4))).toEqual(stale);
  });
});

test('one id several times in a batch: one after another, in their order', async () => {
  const other = { ...create(1), groupId: 'b' };
  expect(
    await cluster.operate(node, [create(1), other, undo(1), create(1), remove(2), other]),
  ).toEqual([
    outcome('created'),
    outcome('created'),
    outcome('restored'),
    stale,
    outcome('absent'),
    outcome('created'),
  ]);
});

test('results come in the order of their operations, whatever that of the ids', async () => {
  await cluster.operate(node, [{ ...create(1), groupId: 'm' }]);
  const ids = ['z', 'm', 'a', 'é', 'B', ''];
  const results = await cluster.operate(
    node,
    ids.map((groupId) => ({ ...create(2), groupId })),
  );
  expect(results).toEqual(ids.map((id) => outcome(id === 'm' ? 'existed' : 'created')));
});

test('nodes keep their tokens apart', async () => {
  await cluster.operate('node01', [undo(1)]);
  expect(await cluster.operate('node02', [create(1)])).toEqual([outcome('created')]);
});

const sendToTwin = (whole: string, broken: string): Send => {
  const store = createOperationStore(cluster.sql, (...tables) => {
    const statement = buildFencedStatement(...tables);
    if (!statement.includes(whole)) throw new Error(`the statement no longer holds ${whole}`);
    return statement.replace(whole, broken);
  });
  return async (operation) => (await store.apply(node, [operation]))[0] as OperationResult;
};

/** Each row of the table, broken in the statement: the tests above would not survive it. */
describe('a broken twin is seen', () => {
  test('no fence: a late create comes back', async () => {
    const twin = sendToTwin(
      '(excluded.fence, excluded.phase) <= (held.fence, held.phase)',
      'false',
    );
    for (const operation of [create(1), undo(1), create(1)]) await twin(operation);
    expect(await record()).toMatchObject({ present: true });
  });

  test('equal counts as newer: a repeat forgets what it did', async () => {
    const twin = sendToTwin(') <= (held.fence', ') < (held.fence');
    await twin(create(1));
    expect(await twin(create(1))).toEqual(outcome('existed'));
  });

  test('no look at the version: an undo brings back what somebody deleted', async () => {
    const twin = sendToTwin('held.version = held.action_version', 'true');
    await plain('POST');
    await twin(remove(1));
    await plain('POST');
    await plain('DELETE');
    expect(await twin(undo(1))).toEqual(outcome('restored'));
    expect(await record()).toMatchObject({ present: true });
  });

  test('existed is undone like created: a record of somebody else goes', async () => {
    const twin = sendToTwin(
      "NOT IN ('created', 'deleted')",
      "NOT IN ('created', 'deleted', 'existed')",
    );
    await plain('POST');
    await twin(create(1));
    expect(await twin(undo(1))).toEqual(outcome('restored'));
  });

  test('any action held counts as the own one: a later saga is undone', async () => {
    const twin = sendToTwin('held.fence IS DISTINCT FROM excluded.fence', 'false');
    await twin(create(1));
    expect(await twin(undo(2))).toEqual(outcome('restored'));
  });

  test('the undo of what never came stores no token: the late action takes effect', async () => {
    const twin = sendToTwin(
      '::int, fence, phase, op,',
      "::int, CASE WHEN op <> 'undo' THEN fence END, phase, op,",
    );
    await twin(undo(1));
    expect(await twin(create(1))).toEqual(outcome('created'));
  });
});
