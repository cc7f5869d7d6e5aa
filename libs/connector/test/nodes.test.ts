import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { NodeFaults } from '@reliable-ops/contracts';
import { connect, type Sql } from '@reliable-ops/database';
import { listenNodeApi } from '@reliable-ops/node-api';
import type { Command, Outcome, Participant } from '@reliable-ops/saga';
import { createTestDatabase, type TestDatabase } from '@reliable-ops/testkit';
import { createClusterReader, createGroupSagas, createParticipants } from '../src/index.ts';

let database: TestDatabase;
let own: Sql;
let sql: Sql;
let api: Awaited<ReturnType<typeof listenNodeApi>>;
let plain: Participant;
let fenced: Participant;

beforeAll(async () => {
  database = await createTestDatabase();
  own = connect(database.url, { applicationName: 'node-api' });
  sql = connect(database.url, { applicationName: 'test' });
  api = await listenNodeApi({ sql: own, host: '127.0.0.1', port: 0, randomBehavior: 0 });
  plain = participantAt(api.url, 'plain');
  fenced = participantAt(api.url, 'fenced');
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await Promise.all([own.end(), sql.end()]);
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await setFaults({});
  await sql`truncate node01.groups`;
});

const participantAt = (url: string, protocol: 'plain' | 'fenced', timeoutMs = 2_000): Participant =>
  createParticipants({ url, nodes: [{ name: 'node01', protocol }], timeoutMs })['node01']!;

async function setFaults(faults: Partial<NodeFaults>): Promise<void> {
  await fetch(`${api.url}/v1/faults/node01`, { method: 'PUT', body: JSON.stringify(faults) });
}
const commandFor = (
  groupId: string,
  {
    fence = 1_795_000_000_000_000,
    change = 'create',
    before,
    phase = 0,
  }: Partial<{
    fence: number;
    change: 'create' | 'delete';
    before: { present: boolean };
    phase: 0 | 1;
  }> = {},
): Command => ({
  sagaId: 1,
  key: `group:${groupId}`,
  step: 'node01',
  phase: phase === 0 ? 'action' : 'compensation',
  attempt: 1,
  token: [fence, phase],
  data: { groupId, change, ...(before ? { before } : {}) },
});
const one = async (node: Participant, kind: string, command: Command): Promise<Outcome> =>
  (await node.run(kind, [command]))[0]!;
const present = async (): Promise<{ id: string; timestamp: number | null }[]> =>
  sql<{ id: string; timestamp: number | null }[]>`
    select group_id as id, timestamp from node01.groups where present order by group_id`;
const foreign = (id: string, timestamp: string): Promise<Response> =>
  fetch(`${api.url}/v1/group`, {
    method: 'POST',
    headers: { node: 'node01', timestamp },
    body: JSON.stringify({ groupId: id }),
  });

describe('the plain protocol', () => {
  test.each(['5', '', 'a/b', 'ü ?#%', '007'])(
    'the before-image of %j is read without changing anything',
    async (id) => {
      expect(await one(plain, 'look', commandFor(id))).toEqual({
        result: 'applied',
        output: { present: false },
      });
      await foreign(id, '');
      expect(await one(plain, 'look', commandFor(id))).toEqual({
        result: 'applied',
        output: { present: true },
      });
    },
  );

  test('a create whose reply was lost is applied when it is sent again, and is still ours', async () => {
    const command = commandFor('5');
    await setFaults({ lostReply: 1 });
    expect(await one(plain, 'create', command)).toMatchObject({ result: 'unknown' });
    await setFaults({});
    expect(await one(plain, 'create', command)).toEqual({ result: 'applied', output: 'exists' });
    expect(await one(plain, 'undo', commandFor('5', { phase: 1 }))).toEqual({
      result: 'applied',
      output: 'restored',
    });
    expect(await present()).toEqual([]);
  });

  test('P1: an undo of a create leaves a record alone that is not ours', async () => {
    await foreign('5', '12.5');
    const command = commandFor('5');
    expect(await one(plain, 'create', command)).toEqual({ result: 'applied', output: 'exists' });
    expect(await one(plain, 'undo', { ...command, token: [command.token[0], 1] })).toEqual({
      result: 'applied',
      output: 'nothing',
    });
    expect(await present()).toEqual([{ id: '5', timestamp: 12.5 }]);
  });

  test('P1: an undo of a delete puts back what was there, under a timestamp of its own, and only then', async () => {
    await foreign('5', '12.5');
    const there = commandFor('5', { change: 'delete', before: { present: true } });
    expect(await one(plain, 'delete', there)).toEqual({ result: 'applied', output: 'deleted' });
    expect(await one(plain, 'delete', there)).toEqual({ result: 'applied', output: 'deleted' });
    expect(await one(plain, 'undo', there)).toEqual({ result: 'applied', output: 'restored' });
    expect(await one(plain, 'undo', there)).toEqual({ result: 'applied', output: 'nothing' });
    const [restored] = await present();
    expect(restored?.id).toBe('5');
    expect(restored?.timestamp).not.toBe(12.5);
    const notThere = commandFor('6', { change: 'delete', before: { present: false } });
    expect(await one(plain, 'delete', notThere)).toEqual({ result: 'applied', output: 'absent' });
    expect(await one(plain, 'undo', notThere)).toEqual({ result: 'applied', output: 'nothing' });
    expect(await present()).toHaveLength(1);
  });

  test('ownership timestamps of neighbouring sagas, and of what they restore, are different doubles', () => {
    const fence = 1_795_507_649_220_660;
    const stamps = [fence / 1e6, (fence + 0.5) / 1e6, (fence + 1) / 1e6, (fence + 1.5) / 1e6];
    expect(new Set(stamps).size).toBe(4);
  });

  test('a delete looks first, a create need not; one of version 1 that is in flight goes on as it began', () => {
    const preparesOf = (protocol: 'plain' | 'fenced') =>
      createGroupSagas([{ name: 'node01', protocol }]).map(
        ({ name, version, steps }) => [name, version, steps[0]!.prepare] as const,
      );
    expect(preparesOf('plain')).toEqual([
      ['create-group', 2, undefined],
      ['delete-group', 1, 'look'],
      ['create-group', 1, 'look'],
    ]);
    expect(preparesOf('fenced')).toEqual([
      ['create-group', 1, undefined],
      ['delete-group', 1, undefined],
    ]);
  });

  test('ids that a path cannot carry are refused before anything is accepted', () => {
    const [saga] = createGroupSagas([{ name: 'node01', protocol: 'plain' }]);
    expect(saga!.input.safeParse({ groupId: '..' }).success).toBe(false);
    expect(saga!.input.safeParse({ groupId: '...' }).success).toBe(true);
    const [onFenced] = createGroupSagas([{ name: 'node01', protocol: 'fenced' }]);
    expect(onFenced!.input.safeParse({ groupId: '..' }).success).toBe(true);
  });
});

describe('the fenced protocol', () => {
  test('a batch is one call with an outcome for each command', async () => {
    const commands = Array.from({ length: 50 }, (_, n) => commandFor(`g${n}`));
    const outcomes = await fenced.run('create', commands);
    expect(outcomes).toEqual(commands.map(() => ({ result: 'applied', output: 'created' })));
    expect(await present()).toHaveLength(50);
  });

  test('P3: sent again after a lost reply it repeats its outcome; P5: after its undo it changes nothing, loudly', async () => {
    await setFaults({ lostReply: 1 });
    expect(await one(fenced, 'create', commandFor('5'))).toMatchObject({ result: 'unknown' });
    await setFaults({});
    expect(await one(fenced, 'create', commandFor('5'))).toEqual({
      result: 'applied',
      output: 'created',
    });
    expect(await one(fenced, 'undo', commandFor('5', { phase: 1 }))).toEqual({
      result: 'applied',
      output: 'restored',
    });
    expect(await one(fenced, 'create', commandFor('5'))).toMatchObject({
      result: 'unknown',
      broken: true,
    });
    expect(await present()).toEqual([]);
  });
});

describe('what an answer means', () => {
  let server: Server;
  let url: string;
  let answer: RequestListener;
  beforeAll(async () => {
    server = createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const status = (code: number, body = '{"message":"m"}'): void => {
    answer = (_request, response) => response.writeHead(code).end(body);
  };
  const protocols = ['plain', 'fenced'] as const;

  test.each([200, 202, 302, 408, 429, 500, 502, 503])(
    '%d: the change may have happened',
    async (code) => {
      status(code);
      for (const protocol of protocols)
        expect(await one(participantAt(url, protocol), 'create', commandFor('5'))).toMatchObject({
          result: 'unknown',
        });
    },
  );

  test('another 4xx of a plain node is a refusal', async () => {
    for (const code of [400, 403, 404, 406, 409]) {
      status(code);
      expect(await one(participantAt(url, 'plain'), 'create', commandFor('5'))).toEqual({
        result: 'rejected',
        error: `${code} m`,
      });
    }
  });

  test('another 4xx of a whole fenced call was stored nowhere: unknown for one, halves for many', async () => {
    status(400);
    const node = participantAt(url, 'fenced');
    expect(await one(node, 'create', commandFor('5'))).toMatchObject({ result: 'unknown' });
    await expect(node.run('create', [commandFor('5'), commandFor('6')])).rejects.toThrow('400');
  });

  test.each(['', 'no JSON', '{}', '[]', '[{"status":"?"}]'])(
    'a fenced answer that cannot be read (%j) leaves it unknown',
    async (body) => {
      status(200, body);
      expect(await one(participantAt(url, 'fenced'), 'create', commandFor('5'))).toMatchObject({
        result: 'unknown',
      });
    },
  );

  test('no connection, a cut connection and no answer in time leave it unknown', async () => {
    for (const protocol of protocols) {
      answer = (request) => request.socket.destroy();
      expect(await one(participantAt(url, protocol), 'create', commandFor('5'))).toMatchObject({
        result: 'unknown',
      });
      answer = () => {};
      expect(await one(participantAt(url, protocol, 50), 'create', commandFor('5'))).toEqual({
        result: 'unknown',
        error: 'no answer within the time-out',
      });
      const refused = await one(
        participantAt('http://127.0.0.1:1', protocol),
        'create',
        commandFor('5'),
      );
      expect(refused).toMatchObject({
        result: 'unknown',
        error: expect.stringMatching(/ECONNREFUSED|bad port/),
      });
    }
  });
});

describe('the cluster', () => {
  const nodes = ['node01', 'node02', 'node03'].map((name) => ({
    name,
    protocol: 'fenced' as const,
  }));
  test('agrees, differs, or cannot be told while a node hides', async () => {
    const reader = createClusterReader({ url: api.url, nodes, timeoutMs: 2_000 });
    expect(await reader.read()).toEqual({
      consistent: true,
      nodes: { node01: 0, node02: 0, node03: 0 },
    });
    await setFaults({ down: true });
    expect(await reader.read()).toEqual({
      consistent: null,
      nodes: { node01: null, node02: 0, node03: 0 },
    });
    await setFaults({});
    await foreign('5', '');
    expect(await reader.read()).toEqual({
      consistent: false,
      nodes: { node01: 1, node02: 0, node03: 0 },
    });
  });
});
