import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { VerifyLog } from '@reliable-ops/saga';
import { startLoggedCluster, type LoggedCluster, type Verified } from './logged-cluster.ts';

let cluster: LoggedCluster;
beforeAll(async () => {
  cluster = await startLoggedCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await Promise.all(['node01', 'node02', 'node03'].map((node) => cluster.setFaults(node, {})));
  await cluster.wipe();
});

const told = ({ findings }: Verified): string[] =>
  findings.map(
    ({ promise, key, node, expected, found }) => `${promise} ${key} ${node}: ${expected}, ${found}`,
  );
/** Puts a group onto a node as a plain client does. */
const put = (node: string, ...ids: string[]) => cluster.sql`
  insert into ${cluster.sql(node)}.groups (group_id, present, version)
  select id, true, 1 from unnest(${ids}::text[]) as id
  on conflict (group_id) do update set present = true, version = groups.version + 1`;
const drop = (node: string, ...ids: string[]) =>
  cluster.sql`delete from ${cluster.sql(node)}.groups where group_id = any(${ids}::text[])`;

describe('a cluster that is what the log says', () => {
  test('is consistent, and counted', async () => {
    expect(await cluster.verify()).toMatchObject({ findings: [], groups: 0, sagas: 0 });
    await cluster.change('create', ['a', 'b', 'c']);
    await cluster.change('delete', ['b', 'never']);
    await cluster.change('create', ['b']);
    await cluster.change('delete', ['c']);
    expect(await cluster.verify()).toEqual({
      findings: [],
      divergences: [],
      groups: 4,
      sagas: 7,
      inFlight: 0,
      unreachable: [],
    });
  });

  test('also where a saga was taken back: what was before it stands', async () => {
    await cluster.change('create', ['a']);
    await cluster.setFaults('node02', { error: 1 });
    const [deleting] = await cluster.accept('delete', ['a']);
    await cluster.accept('create', ['b']);
    // Its attempts run out, and then the node mends.
    for (let tries = 0; tries < 3; tries++) await runWaiting();
    await cluster.setFaults('node02', {});
    await cluster.drain();
    const rows = await cluster.sql`select status from saga.sagas where id >= ${deleting!}`;
    expect(rows.map(({ status }) => status)).toEqual(['compensated', 'compensated']);
    expect(await cluster.verify()).toMatchObject({ findings: [], inFlight: 0 });
  });
  /** One round of what is owed. */
  const runWaiting = async (): Promise<void> => {
    await cluster.engine.idle();
    const entries = await cluster.sql<never[]>`
      select id, participant, kind, step, phase, attempt, items, 0 as "dueAt" from saga.outbox`;
    await Promise.all(entries.map((entry) => cluster.engine.runJob([entry])));
  };

  test('groups that a saga is changing are told apart', async () => {
    await cluster.change('create', ['a', 'b']);
    await cluster.accept('delete', ['a']);
    await cluster.accept('create', ['c', 'c']);
    expect(await cluster.verify()).toMatchObject({ findings: [], groups: 3, inFlight: 2 });
    await put('node02', 'c'); // it may be half done
    expect(await cluster.verify()).toMatchObject({ findings: [], inFlight: 2 });
  });

  test('ids merge right, whatever they are made of', async () => {
    const ids = [
      '',
      '\n',
      ' ',
      '"',
      '%',
      '+',
      '.',
      '..',
      '007',
      '7',
      'a',
      'é',
      '\ue000',
      '\uffff',
      '😀',
      '😀😀',
    ];
    await cluster.change('create', ids);
    expect(await cluster.verify()).toMatchObject({ findings: [], groups: ids.length });
    for (const id of ids) {
      await drop('node02', id);
      expect(told(await cluster.verify())).toEqual([`P1 group:${id} node02: present, absent`]);
      await put('node02', id);
    }
  });

  test('also over several pages of each', async () => {
    const ids = Array.from({ length: 2_500 }, (_, n) => `${(n * 7_919) % 2_500} 😀`);
    await cluster.change('create', ids);
    await drop('node01', ids[17]!, ids[2_400]!);
    await put('node03', 'z', '\ue000');
    const { findings, groups } = await cluster.verify();
    expect(groups).toBe(2_502);
    expect(new Set(findings.map(({ key }) => key))).toEqual(
      new Set([`group:${ids[17]}`, `group:${ids[2_400]}`, 'group:z', 'group:\ue000']),
    );
  });
});

describe('of a cluster that somebody has changed by hand it tells', () => {
  test('P1: what lacks, and what should be gone, and on which node', async () => {
    await cluster.change('create', ['a', 'b', 'c']);
    await cluster.change('delete', ['b']);
    const [row] = await cluster.sql`select id from saga.sagas where key = 'group:c'`;
    await drop('node02', 'a');
    await put('node01', 'b');
    await cluster.sql`delete from node01.groups where group_id = 'c'`;
    await cluster.sql`update node03.groups set present = false where group_id = 'c'`;
    const verified = await cluster.verify();
    expect(told(verified)).toEqual([
      'P1 group:a node02: present, absent',
      'P1 group:b node01: absent, present',
      'P1 group:c node01: present, absent',
      'P1 group:c node03: present, absent',
    ]);
    expect(verified.findings.at(-1)!.sagaId).toBe(String(row!['id']));
  });

  test('P1: a group that no saga made and that the nodes do not share', async () => {
    await put('node01', 'x', 'y');
    await put('node03', 'x', 'y');
    await put('node02', 'y');
    expect(told(await cluster.verify())).toEqual([
      'P1 group:x null: the same on all nodes, on node01, node03, not on node02',
    ]);
  });

  test('the same where the log knows it no more, or an operator has vouched for it since', async () => {
    await cluster.change('create', ['a', 'b']);
    await cluster.change('delete', ['b']);
    for (const node of ['node01', 'node02', 'node03']) await put(node, 'b');
    expect(await cluster.verify()).toMatchObject({ findings: { length: 3 } });
    await cluster.sql`update saga.sagas set status = 'resolved' where name = 'delete-group'`;
    expect(await cluster.verify()).toMatchObject({ findings: [] });
    await cluster.sql`truncate saga.sagas`;
    expect(await cluster.verify()).toMatchObject({ findings: [], groups: 2, sagas: 0 });
    await drop('node02', 'a');
    expect(told(await cluster.verify())).toEqual([
      'P1 group:a null: the same on all nodes, on node01, node03, not on node02',
    ]);
  });

  test('what is wrong in the log itself, beside it', async () => {
    await cluster.change('create', ['a']);
    await cluster.sql`insert into saga.lanes select key, id from saga.sagas`;
    await cluster.sql`update saga.sagas set status = 'compensated'`;
    const { findings } = await cluster.verify();
    expect(findings.map(({ promise, key }) => `${promise} ${key}`)).toEqual([
      'P7 group:a',
      'P1 group:a',
    ]);
  });
});

describe('the second look', () => {
  /** The log as it was before `change` came: what a merge sees that began earlier. */
  async function readThen(change: () => Promise<unknown>): Promise<VerifyLog> {
    const old = await cluster.verifyLog.readSagasByKey({ after: undefined, limit: 2_000 });
    await change();
    return { ...cluster.verifyLog, readSagasByKey: async () => old };
  }

  test('finds nothing where a saga has ended between the two halves of the first one', async () => {
    await cluster.change('create', ['a', 'b']);
    const log = await readThen(async () => {
      await cluster.change('delete', ['a', 'b']);
      await cluster.change('create', ['b', 'c']);
      await cluster.change('delete', ['b']);
    });
    expect(await cluster.verify({ log })).toMatchObject({ findings: [], groups: 3 });
  });

  test('does not judge where a saga begins between its own looks', async () => {
    await cluster.change('create', ['a', 'b']);
    await drop('node02', 'a', 'b');
    let looks = 0;
    const log: VerifyLog = {
      ...cluster.verifyLog,
      async readLaneStates(keys) {
        if (++looks === 2) await cluster.change('delete', ['b']);
        return cluster.verifyLog.readLaneStates(keys);
      },
    };
    const verified = await cluster.verify({ log });
    expect(told(verified)).toEqual(['P1 group:a node02: present, absent']);
    expect(verified.inFlight).toBe(1);
  });

  test('says what it needs for a repair: the newest saga of the key', async () => {
    await cluster.change('create', ['a']);
    const [last] = await cluster.accept('create', ['a']);
    await cluster.drain();
    await drop('node02', 'a');
    await put('node02', 'x');
    const { divergences } = await cluster.verify();
    expect(divergences.map(({ groupId, lastSagaId }) => [groupId, lastSagaId])).toEqual([
      ['a', last],
      ['x', null],
    ]);
  });
});

describe('nodes that are not as one would like', () => {
  test('fail half of all calls: the calls are repeated', async () => {
    await cluster.change('create', ['a', 'b']);
    await drop('node03', 'a');
    for (const node of ['node01', 'node02', 'node03'])
      await cluster.setFaults(node, { error: 0.3, lostReply: 0.2, reset: 0.1 });
    for (let round = 0; round < 5; round++)
      expect(await cluster.verify({ patienceMs: 20_000 })).toMatchObject({
        findings: { length: 1 },
        unreachable: [],
      });
  });

  test('one that is down is named, and the others are compared without it', async () => {
    await cluster.change('create', ['a', 'b']);
    await drop('node01', 'a');
    await drop('node02', 'b');
    await cluster.setFaults('node02', { down: true });
    const verified = await cluster.verify();
    expect(verified.unreachable).toEqual([{ node: 'node02', reason: expect.any(String) }]);
    expect(told(verified)).toEqual(['P1 group:a node01: present, absent']);
  });

  test('all of them down: the log is still looked at', async () => {
    await cluster.change('create', ['a']);
    await cluster.sql`update saga.sagas set fence = null`;
    for (const node of ['node01', 'node02', 'node03'])
      await cluster.setFaults(node, { down: true });
    const verified = await cluster.verify();
    expect(verified.unreachable.map(({ node }) => node).sort()).toEqual([
      'node01',
      'node02',
      'node03',
    ]);
    expect(verified.findings.map(({ promise }) => promise)).toEqual(['P4']);
  });
});
