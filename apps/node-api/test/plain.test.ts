import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { error, startCluster, type Cluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(() => cluster.sql`truncate node01.groups, node02.groups, node03.groups`);

const node = 'node01';
const post = (body: unknown, timestamp?: string) =>
  cluster.call('POST', '/v1/group', {
    node,
    body,
    ...(timestamp === undefined ? {} : { timestamp }),
  });
const remove = (body: unknown, timestamp?: string) =>
  cluster.call('DELETE', '/v1/group', {
    node,
    body,
    ...(timestamp === undefined ? {} : { timestamp }),
  });
const get = (id: string) => cluster.call('GET', `/v1/group/${encodeURIComponent(id)}`, { node });
const getRaw = (path: string) => cluster.callRaw('GET', path, { node });
const unknown = (name: string) =>
  error(406, `node ${name} is not configured. Available nodes ['node01', 'node02', 'node03']`);
const created = { status: 201, body: 'CREATED\n' };
const removed = { status: 200, body: 'OK\n' };
const exists = error(400, 'Perhaps the object exists.');

describe('ids', () => {
  test.each([
    ['a number is the string of its digits', '12345678901234567890', '12345678901234567890'],
    ['minus zero is an integer like zero', '-0', '0'],
    ['a negative number keeps its sign', '-7', '-7'],
    ['an exponent makes it a float', '1e3', '1000.0'],
    ['a fraction makes it a float', '1.50', '1.5'],
    ['a large float has an exponent', '1e22', '1e+22'],
    ['an integral float keeps its point', '41.0', '41.0'],
  ])('%s', async (_, typed, id) => {
    expect(await post(`{"groupId": ${typed}}`)).toMatchObject(created);
    expect(await post({ groupId: id })).toMatchObject(exists);
    expect(await get(id)).toMatchObject({ status: 200, body: { groupId: id } });
    expect(await remove(`{"groupId": ${typed}}`)).toMatchObject(removed);
  });

  test.each([
    '',
    ' ',
    ' a',
    'a ',
    'A',
    'a/b',
    'a//b',
    '%',
    '%2F',
    '?',
    '#',
    '+',
    'é',
    'é',
    '世界',
    '🙂',
    '.',
    "'",
    '"',
    '\\',
    '\n',
    '__proto__',
    '007',
  ])('%j is an id like any other, and no other one', async (id) => {
    await post({ groupId: 'a' });
    expect(await post({ groupId: id })).toMatchObject(created);
    // fetch resolves dot segments; clients that do not reach these ids too (below)
    if (id !== '.') expect(await get(id)).toMatchObject({ status: 200, body: { groupId: id } });
    expect(await cluster.sql`select group_id from node01.groups where group_id <> 'a'`).toEqual([
      { group_id: id },
    ]);
    expect(await remove({ groupId: id })).toMatchObject(removed);
    expect(await remove({ groupId: id })).toMatchObject(
      error(404, `No group record found with id '${id}'`),
    );
    expect(await get('a')).toMatchObject({ status: 200 });
  });

  test.each(['.', '..'])('%j is asked for by a client that leaves its path alone', async (id) => {
    await post({ groupId: id });
    expect(await getRaw(`/v1/group/${id}`)).toMatchObject({ status: 200, body: { groupId: id } });
    expect(await getRaw(`/v1/group/${id.replaceAll('.', '%2e')}?x=1`)).toMatchObject({
      status: 200,
      body: { groupId: id },
    });
  });

  test('the longest id is kept, one longer is refused', async () => {
    const longest = '世'.repeat(512);
    expect(await post({ groupId: longest })).toMatchObject(created);
    expect(await get(longest)).toMatchObject({ status: 200 });
    const refused = error(400, 'groupId must have at most 512 characters');
    expect(await post({ groupId: `${longest}x` })).toMatchObject(refused);
    expect(await remove({ groupId: `${longest}x` })).toMatchObject(refused);
    expect(await get('x'.repeat(513))).toMatchObject(refused);
    expect(await post(`{"groupId": ${'9'.repeat(600)}}`)).toMatchObject(refused);
  });

  test('what Postgres cannot keep is refused', async () => {
    const nul = error(400, 'groupId must not hold a NUL character');
    const half = error(400, 'groupId must not hold half of a surrogate pair');
    expect(await post('{"groupId": "a\\u0000b"}')).toMatchObject(nul);
    expect(await get('a\0b')).toMatchObject(nul);
    expect(await post('{"groupId": "\\ud800"}')).toMatchObject(half);
    expect(await remove('{"groupId": "a\\udc00b"}')).toMatchObject(half);
  });

  test('bytes that are no UTF-8 do not hurt', async () => {
    expect(await cluster.call('GET', '/v1/group/%ff', { node })).toMatchObject({ status: 404 });
    expect(await cluster.callRaw('GET', '/v1/group/%zz', { node })).toMatchObject(
      error(404, "No group record found with id '%zz'"),
    );
  });
});

describe('bodies', () => {
  const unreadable = error(
    400,
    'The browser (or proxy) sent a request that this server could not understand.',
  );
  const missing = error(406, 'Invalid Request, missing groupId in body');

  test.each([
    ['', unreadable],
    ['{"groupId": "a"', unreadable],
    ['{"groupId": "a"} x', unreadable],
    ["{'groupId': 'a'}", unreadable],
    ['{"groupId": "a",}', unreadable],
    ['{"groupId": 01}', unreadable],
    ['{"groupId": NaN}', unreadable],
    ['groupId=a', unreadable],
    [new Uint8Array([0x22, 0xff, 0x22]), unreadable],
    ['['.repeat(60_000), unreadable],
    ['null', error(406, 'Invalid Request, Please provide body')],
    [' null\n', error(406, 'Invalid Request, Please provide body')],
    ['[]', missing],
    ['["groupId"]', missing],
    ['[{"groupId": "a"}]', missing],
    ['""', missing],
    ['"groupId"', missing],
    ['{"groupid": "a"}', missing],
    ['{"__proto__": {"groupId": "a"}}', missing],
    ['5', error(400, 'Invalid Request, the body must be an object with a groupId, not a number')],
    ['0', error(400, 'Invalid Request, the body must be an object with a groupId, not a number')],
    [
      'true',
      error(400, 'Invalid Request, the body must be an object with a groupId, not a boolean'),
    ],
    [
      'false',
      error(400, 'Invalid Request, the body must be an object with a groupId, not a boolean'),
    ],
    ['{"groupId": null}', error(400, 'groupId must be a string or a number, not null')],
    ['{"groupId": true}', error(400, 'groupId must be a string or a number, not a boolean')],
    ['{"groupId": ["a"]}', error(400, 'groupId must be a string or a number, not an array')],
    ['{"groupId": {"a": 1}}', error(400, 'groupId must be a string or a number, not an object')],
  ])('%s is refused', async (body, refused) => {
    expect(await post(body)).toMatchObject(refused);
    expect(await remove(body)).toMatchObject(refused);
    expect(await cluster.sql`select 1 from node01.groups`).toHaveLength(0);
  });

  test('the last of two groupIds counts; other fields, a byte order mark and the Content-Type do not', async () => {
    expect(await post('{"groupId": "x", "groupId": "y", "more": [1]}')).toMatchObject(created);
    expect(await get('x')).toMatchObject({ status: 404 });
    expect(await get('y')).toMatchObject({ status: 200 });
    expect(await post('\uFEFF{"groupId": "z"}')).toMatchObject(created);
    for (const type of ['text/xml', 'multipart/form-data', 'application/json; charset=latin1', ''])
      expect(
        await cluster.call('POST', '/v1/group', {
          node,
          body: `{"groupId": "${type}"}`,
          headers: { 'Content-Type': type },
        }),
      ).toMatchObject(created);
  });

  test('a body too large is refused, announced or not', async () => {
    const body = `{"groupId": "a", "more": "${'x'.repeat(70_000)}"}`;
    const refused = error(413, 'The body is larger than 65536 bytes.');
    expect(await post(body)).toMatchObject(refused);
    const response = await fetch(`${cluster.url}/v1/group`, {
      method: 'POST',
      headers: { node },
      body: new Blob([body]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect({ status: response.status, body: await response.json() }).toEqual(refused);
  });
});

describe('timestamps', () => {
  test('are compared as doubles', async () => {
    await post({ groupId: 't' }, '1.50');
    expect(await remove({ groupId: 't' }, '1.5000001')).toMatchObject({ status: 404 });
    expect(await remove({ groupId: 't' }, '15e-1')).toMatchObject(removed);
    await post({ groupId: 't' }, '1633786070.8794541111111');
    expect(await remove({ groupId: 't' }, '1633786070.8794541')).toMatchObject(removed);
  });

  test.each(['', '0', '0.0', '-0', '0e7', '1e-400'])('%j counts as none', async (none) => {
    await post({ groupId: 'a' }, none);
    expect(await remove({ groupId: 'a' }, '5')).toMatchObject(
      error(404, "No group record found with id 'a' and timestamp '5.0'"),
    );
    expect(await remove({ groupId: 'a' }, none)).toMatchObject(removed);
    await post({ groupId: 'b' }, '5');
    expect(await remove({ groupId: 'b' }, none)).toMatchObject(removed);
    expect(await remove({ groupId: 'b' }, none)).toMatchObject(
      error(404, "No group record found with id 'b'"),
    );
  });

  test('a new record does not inherit the one of the record that was removed', async () => {
    await post({ groupId: 'a' }, '5');
    await remove({ groupId: 'a' }, '5');
    await post({ groupId: 'a' });
    expect(await remove({ groupId: 'a' }, '5')).toMatchObject({ status: 404 });
  });

  test('what is no number is refused, whatever else is wrong', async () => {
    const refused = error(400, "timestamp must be a number of seconds, not 'soon'");
    expect(await post({ groupId: 'a' }, 'soon')).toMatchObject(refused);
    expect(await remove({ groupId: 'a' }, 'soon')).toMatchObject(refused);
    expect(await cluster.call('GET', '/v1/group/a', { node, timestamp: 'soon' })).toMatchObject(
      refused,
    );
    expect(await cluster.call('POST', '/v1/group', { timestamp: 'soon' })).toMatchObject(refused);
  });
});

describe('nodes', () => {
  const missing = error(406, 'provide node parameter in request headers');

  test('are looked at before the body and the id', async () => {
    for (const [method, path, body] of [
      ['POST', '/v1/group', '{'],
      ['DELETE', '/v1/group', '{'],
      ['GET', '/v1/group/%00', undefined],
      ['GET', '/v1/group/', undefined],
    ] as const) {
      expect(await cluster.call(method, path, { body })).toMatchObject(missing);
      expect(await cluster.call(method, path, { body, node: 'node04' })).toMatchObject(
        unknown('node04'),
      );
    }
  });

  test.each(['', 'NODE01', 'node1', 'constructor', '__proto__', 'node01, node01'])(
    '%j is not configured',
    async (name) => {
      expect(await cluster.call('GET', '/v1/group/a', { node: name })).toMatchObject(unknown(name));
    },
  );

  test('keep their groups apart', async () => {
    for (const name of ['node01', 'node02', 'node03'])
      expect(
        await cluster.call('POST', '/v1/group', { node: name, body: { groupId: 'a' } }),
      ).toMatchObject(created);
  });
});

describe('routes', () => {
  test('/ping and /ping/ answer PONG, to HEAD as well', async () => {
    expect(await cluster.call('GET', '/ping')).toMatchObject({ status: 200, body: 'PONG\n' });
    expect(await cluster.call('GET', '/ping/')).toMatchObject({ status: 200, body: 'PONG\n' });
    expect(await cluster.call('HEAD', '/ping')).toMatchObject({ status: 200, body: '' });
  });

  test.each(['/', '/v1', '/v1/stats/', '/v1/group/a/b', '/v1/groupss', '/pings', '/v1//group'])(
    '%s is not found',
    async (path) => {
      expect(await cluster.call('GET', path, { node })).toMatchObject({
        status: 404,
        body: { status: 404, message: expect.stringContaining('not found') },
      });
    },
  );

  test.each([
    ['GET', '/v1/group', 'POST, DELETE'],
    ['PUT', '/v1/group', 'POST, DELETE'],
    ['POST', '/v1/group/', 'GET'],
    ['DELETE', '/v1/group/a', 'GET'],
    ['POST', '/v1/stats', 'GET'],
    ['POST', '/ping', 'GET'],
    ['GET', '/v1/operations', 'POST'],
    ['DELETE', '/v1/faults', 'GET'],
    ['GET', '/v1/faults/node01', 'PUT'],
  ])('%s %s is the wrong method', async (method, path, allowed) => {
    const reply = await cluster.call(method, path, { node });
    expect(reply).toMatchObject(error(405, 'The method is not allowed for the requested URL.'));
    expect(reply.headers.get('allow')).toBe(allowed);
  });

  test('a URL that makes no sense is refused in the same shape', async () => {
    expect(await cluster.callRaw('GET', '/v1\\group', { node })).toMatchObject({
      status: 400,
      body: { status: 400 },
    });
    expect(await cluster.callRaw('GET', '/ping', { host: 'a b' })).toMatchObject({
      status: 400,
      body: { status: 400 },
    });
  });
});

test('fifty creates of one id at once: one is created', async () => {
  const replies = await Promise.all(Array.from({ length: 50 }, () => post({ groupId: 'a' })));
  expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(replies.filter(({ status }) => status === 400)).toHaveLength(49);
});
