import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import {
  clientOf,
  nodeNames,
  readPresentIds,
  startSystem,
  waitFor,
  type System,
} from '../src/index.ts';

let system: System;
let sql: Sql;
/** When all processes were there. */
let readyAt: number;
beforeAll(async () => {
  system = await startSystem({
    workers: 2,
    env: {
      RANDOM_BEHAVIOR: '0.2',
      RETENTION_DAYS: '0.00002', // 1.7 s
      TOMBSTONE_DAYS: '0.00001',
      MAINTENANCE_INTERVAL: '300ms',
    },
  });
  readyAt = Date.now();
  sql = connect(system.databaseUrl, { applicationName: 'growth-test', max: 2 });
});
afterAll(async () => {
  await sql.end();
  await system[Symbol.asyncDispose]();
});

/** Rows that nobody needs any more: sagas, keys, lanes, outbox, and on the nodes tombstones and tokens. */
const leftovers = async (): Promise<number> => {
  const [row] = await sql<{ n: number }[]>`
    select (select count(*) from saga.sagas) + (select count(*) from saga.requests)
      + (select count(*) from saga.lanes) + (select count(*) from saga.outbox)
      + (select count(*) from node01.groups where not present or fence is not null)
      + (select count(*) from node02.groups where not present or fence is not null)
      + (select count(*) from node03.groups where not present or fence is not null) as n`;
  return row!.n;
};

test('growth is bounded: sagas come and go, and what stays is the groups', async () => {
  const client = clientOf(system);
  const ids = Array.from({ length: 150 }, (_, n) => `g${String(n).padStart(3, '0')}`);
  for (let round = 0; round < 2; round++) {
    await client.post('create-group', ids);
    await client.post('delete-group', ids.slice(50));
  }
  await waitFor('all that has ended to leave', async () => (await leftovers()) === 0, {
    timeoutMs: 45_000,
    explain: () => system.output(),
  });
  expect(await readPresentIds(system.databaseUrl)).toEqual(
    Object.fromEntries(nodeNames.map((node) => [node, ids.slice(0, 50)])),
  );
  const [watermarks] = await sql<{ n: number }[]>`select count(*) as n from saga.watermarks`;
  expect(watermarks!.n).toBeLessThan(100);

  // P5, long after the record has left: the floor says that it is late.
  const [floor] = await sql<{ fence: number }[]>`select fence from node01.floor`;
  const late = await fetch(`${system.nodeApiUrl}/v1/operations`, {
    method: 'POST',
    headers: { node: 'node01' },
    body: JSON.stringify(
      Array.from({ length: 20 }, () => ({
        op: 'create',
        groupId: 'g149',
        timestamp: 1,
        token: [floor!.fence, 0],
      })),
    ),
  });
  expect(JSON.stringify(await late.json())).not.toContain('created');
  // Not every warning: a worker that comes up after the first request finds a queue that was never filled, and says so; one that comes up
  // before the nodes do finds nobody there.
  const isOfStart = (line: string): boolean => Number(/"time":(\d+)/.exec(line)?.[1]) <= readyAt;
  const said = system
    .output()
    .split('\n')
    .filter((line) => !(line.includes('ECONNREFUSED') && isOfStart(line)));
  expect(said.join('\n')).not.toMatch(/"level":(50|60)|maintenance failed|was not pruned/);
});
