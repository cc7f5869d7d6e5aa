import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { listenNodeApi, type NodeApiServer } from '@reliable-ops/node-api';
import { createTestDatabase, type TestDatabase } from '@reliable-ops/testkit';
import { createParticipants, createPruner } from '../src/index.ts';

const nodes = (['node01', 'node02'] as const).map((name) => ({
  name,
  protocol: 'fenced' as const,
}));
const unable: string[] = [];
const prunerAt = (url: string) =>
  createPruner({ url, nodes, timeoutMs: 2_000, onUnable: (node) => unable.push(node) });
const { signal } = new AbortController();
const nothing = { removed: 0, cleared: 0, error: null };

describe('on the reference nodes', () => {
  let database: TestDatabase;
  let sql: Sql;
  let api: NodeApiServer;
  beforeAll(async () => {
    database = await createTestDatabase();
    sql = connect(database.url, { applicationName: 'prune-test' });
    api = await listenNodeApi({ sql });
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await sql.end();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(() => sql`truncate node01.groups, node02.groups`);
  const setFaults = (faults: object) =>
    fetch(`${api.url}/v1/faults/node01`, { method: 'PUT', body: JSON.stringify(faults) });

  test('every page of every node is pruned, and a late command is stale', async () => {
    await sql`
      insert into node01.groups (group_id, present, version, fence, phase, op, outcome)
      select 'g' || n, n % 2 = 0, 1, 5, 0, 'create', 'created' from generate_series(1, 12000) as n`;
    expect(await prunerAt(api.url)(5, signal)).toEqual([
      { participant: 'node01', removed: 6_000, cleared: 6_000, error: null },
      { participant: 'node02', ...nothing },
    ]);
    const node = createParticipants({ url: api.url, nodes, timeoutMs: 2_000 })['node01']!;
    const late = { sagaId: 1, key: 'k', step: 'node01', phase: 'action', attempt: 1 } as const;
    const data = { groupId: 'g1', change: 'create' };
    expect(await node.run('create', [{ ...late, token: [5, 0], data }])).toEqual([
      { result: 'unknown', broken: true, error: expect.stringContaining('stale') },
    ]);
  });

  test('a node that fails is named, and does not hold up the others', async () => {
    await setFaults({ down: true });
    expect(await prunerAt(api.url)(6, signal)).toEqual([
      { participant: 'node01', ...nothing, error: expect.stringMatching(/./) },
      { participant: 'node02', ...nothing },
    ]);
    await setFaults({});
  });
});

describe('on other nodes', () => {
  const answer = async (
    reply: (request: IncomingMessage) => { status: number; body: unknown },
    work: (url: string) => Promise<void>,
  ): Promise<void> => {
    const server = createServer((request, response) => {
      const { status, body } = reply(request);
      response.writeHead(status, { connection: 'close' }).end(JSON.stringify(body));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.close();
    }
  };

  test.each([404, 405])(
    'one that answers %d does not know how, is told of once, and left alone',
    async (status) => {
      unable.length = 0;
      await answer(
        () => ({ status, body: {} }),
        async (url) => {
          const prune = prunerAt(url);
          for (let pass = 0; pass < 2; pass++)
            expect(await prune(1, signal)).toEqual(
              nodes.map(({ name }) => ({ participant: name, ...nothing })),
            );
        },
      );
      expect(unable).toEqual(['node01', 'node02']);
    },
  );

  test('one that still runs older statements is asked again', async () => {
    let asked = 0;
    await answer(
      () => ({
        status: 200,
        body: { floor: 1, removed: 1, cleared: 0, isDone: ++asked % 3 === 0, after: null },
      }),
      async (url) => {
        const [first] = await prunerAt(url)(1, signal);
        expect(first).toEqual({ participant: 'node01', removed: 3, cleared: 0, error: null });
      },
    );
  });

  test('what cannot be read is an error, and a stop ends it', async () => {
    await answer(
      () => ({ status: 200, body: { isDone: 'perhaps' } }),
      async (url) => {
        const [first] = await prunerAt(url)(1, signal);
        expect(first!.error).toMatch(/floor/);
      },
    );
    const stop = new AbortController();
    await answer(
      () => {
        stop.abort();
        return {
          status: 200,
          body: { floor: 1, removed: 0, cleared: 0, isDone: false, after: null },
        };
      },
      async (url) =>
        expect(await prunerAt(url)(1, stop.signal)).toEqual([
          { participant: 'node01', ...nothing, error: 'this process stops' },
        ]),
    );
  });
});
