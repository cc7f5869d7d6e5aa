import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Operation } from '@reliable-ops/contracts';
import { error, startCluster, type Cluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const good: Operation = { op: 'create', groupId: 'a', timestamp: 1, token: [1, 0] };
const send = (body: unknown, node = 'node01') =>
  cluster.call('POST', '/v1/operations', { node, body });

describe('a request that is wrong is refused as a whole, and nothing of it is applied', () => {
  test.each([
    ['no JSON', '[', 'could not understand'],
    ['nothing', '', 'could not understand'],
    ['no array', good, 'body: '],
    ['null', 'null', 'body: '],
    ['an unknown op', [good, { ...good, op: 'upsert' }], '1.op: '],
    ['no id', [{ ...good, groupId: undefined }], '0.groupId: '],
    ['an id that is a number', [{ ...good, groupId: 5 }], '0.groupId: '],
    [
      'an id too long',
      [{ ...good, groupId: 'x'.repeat(513) }],
      '0.groupId: must have at most 512 characters',
    ],
    ['an id with NUL', [{ ...good, groupId: 'a\0' }], '0.groupId: must not hold a NUL character'],
    ['half a surrogate pair', [{ ...good, groupId: '\ud800' }], '0.groupId: must not hold half'],
    ['a timestamp that is text', [{ ...good, timestamp: '1' }], '0.timestamp: '],
    [
      'a timestamp beyond doubles',
      '[{"op":"create","groupId":"a","timestamp":1e400,"token":[1,0]}]',
      '0.timestamp: ',
    ],
    ['a fence of zero', [{ ...good, token: [0, 0] }], '0.token.0: '],
    [
      'a fence beyond 2^53',
      '[{"op":"create","groupId":"a","timestamp":1,"token":[9007199254740993,0]}]',
      '0.token.0: ',
    ],
    ['a third phase', [{ ...good, token: [1, 2] }], '0.token.1: '],
    ['a token too long', [{ ...good, token: [1, 0, 0] }], '0.token: '],
    ['a field too many', [{ ...good, note: 'x' }], '0: '],
  ])('%s', async (_, body, named) => {
    expect(await send(body)).toMatchObject({
      status: 400,
      body: { status: 400, message: expect.stringContaining(named) },
    });
    expect(await cluster.sql`select 1 from node01.groups`).toHaveLength(0);
  });

  test('too many, or too large', async () => {
    const many = Array.from({ length: 1001 }, (__, index) => ({ ...good, groupId: `${index}` }));
    expect(await send(many)).toMatchObject(
      error(413, 'At most 1000 operations in one request, not 1001'),
    );
    expect(await send(' '.repeat(4 * 1024 * 1024 + 1))).toMatchObject({ status: 413 });
    expect(await cluster.sql`select 1 from node01.groups`).toHaveLength(0);
  });

  test('no node, or none of ours, before the body', async () => {
    expect(await cluster.call('POST', '/v1/operations', { body: '[' })).toMatchObject(
      error(406, 'provide node parameter in request headers'),
    );
    expect(await send('[', 'node04')).toMatchObject({ status: 406 });
  });
});

test('no operations: no results', async () => {
  expect(await send([])).toMatchObject({ status: 200, body: [] });
});

test('the largest batch of the longest ids, each character escaped, fits', async () => {
  const escaped = '\\u4e16'.repeat(507);
  const body = Array.from(
    { length: 1000 },
    (__, index) =>
      `{"op":"create","groupId":"${escaped}${String(index).padStart(5, '0')}","timestamp":1633786070.879454,"token":[1633786070879454,0]}`,
  );
  const reply = await send(`[${body.join()}]`);
  expect(reply.status).toBe(200);
  expect(reply.body).toEqual(body.map(() => ({ status: 200, outcome: 'created' })));
});
