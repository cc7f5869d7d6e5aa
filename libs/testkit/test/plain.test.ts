import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connect } from '@reliable-ops/database';
import {
  clientOf,
  nodeNames,
  readPresentIds,
  startSystem,
  waitFor,
  type System,
  type SystemClient,
} from '../src/index.ts';

let system: System;
let client: SystemClient;

/** One node that fences beside two that speak only the original contract. */
beforeEach(async () => {
  system = await startSystem({
    env: { NODES: 'node01,node02:plain,node03:plain', RANDOM_BEHAVIOR: '0.2', STEP_ATTEMPTS: '14' },
  });
  client = clientOf(system);
});
afterEach(async () => {
  await system[Symbol.asyncDispose]();
});

const ids = Array.from({ length: 100 }, (_, n) => String(n).padStart(3, '0'));
const everywhere = (present: string[]) =>
  Object.fromEntries(nodeNames.map((node) => [node, present]));

describe('over the plain protocol', () => {
  test('P1: 100 creates, then 100 deletes at 20 % errors, the worker killed half-way through each', async () => {
    for (const [saga, left] of [
      ['create-group', ids],
      ['delete-group', []],
    ] as const) {
      const batch = await client.post(saga, ids);
      await waitFor('some to end', async () => (await client.count([batch])).completed >= 5);
      await system.workers[0]!.kill('SIGKILL');
      await system.workers[0]!.start();
      await client.untilEnded([batch]);
      expect(await client.count([batch])).toMatchObject({ total: 100, completed: 100 });
      expect(await readPresentIds(system.databaseUrl)).toEqual(everywhere([...left]));
    }
  });

  test('P1: what is taken back is as it was: a group that was there stays, with its owner', async () => {
    const existing = ids.slice(0, 10);
    for (const node of nodeNames)
      for (const groupId of existing)
        await waitFor('a create by another client', async () => {
          const response = await fetch(`${system.nodeApiUrl}/v1/group`, {
            method: 'POST',
            headers: { node, timestamp: '12.5' },
            body: JSON.stringify({ groupId }),
          });
          return response.status === 201 || response.status === 400;
        });
    await system.workers[0]!.kill('SIGKILL');
    await client.setFaults('node01', { error: 1 });
    const batch = await client.post('create-group', ids.slice(0, 20));
    await system.workers[0]!.start();
    // node01 takes nothing, until the deadline of all of them has passed.
    const sql = connect(system.databaseUrl, { applicationName: 'test', max: 1 });
    await waitFor('the plain nodes to hold all 20', async () => {
      const { node02, node03 } = await readPresentIds(system.databaseUrl);
      return node02.length === 20 && node03.length === 20;
    });
    await sql.begin(async (tx) => {
      // As the engine does it: sagas change under the locks of their lanes, taken in the order of the keys.
      await tx`select from saga.lanes order by key for update`;
      await tx`update saga.sagas set deadline_at = now() where ended_at is null`;
    });
    await client.setFaults('node01', {});
    await client.untilEnded([batch]);
    const { compensated, completed } = await client.count([batch]);
    expect(compensated + completed).toBe(20);
    const rows = await sql<{ groupId: string }[]>`
      select substr(key, 7) as "groupId" from saga.sagas where status = 'completed'`;
    const owners = await sql<{ timestamp: number }[]>`
      select distinct timestamp from node02.groups where present and group_id < '010'`;
    await sql.end();
    const left = [...new Set([...existing, ...rows.map(({ groupId }) => groupId)])].sort();
    expect(await readPresentIds(system.databaseUrl)).toEqual(everywhere(left));
    expect(owners).toEqual([{ timestamp: 12.5 }]);
  });
});
