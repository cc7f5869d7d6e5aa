import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { VerifyFinding, VerifySummary } from '@reliable-ops/contracts';
import { connect, type Sql } from '@reliable-ops/database';
import {
  clientOf,
  nodeNames,
  readPresentIds,
  startSystem,
  waitFor,
  type System,
  type SystemClient,
} from '@reliable-ops/testkit';
import { runCli, type Ended } from './run-cli.ts';

let system: System;
let client: SystemClient;
let sql: Sql;

beforeAll(async () => {
  // Few attempts: of the sagas under load some are taken back.
  system = await startSystem({ workers: 2, env: { STEP_ATTEMPTS: '3' } });
  client = clientOf(system);
  sql = connect(system.databaseUrl, { applicationName: 'test', max: 2 });
});
afterAll(async () => {
  await sql?.end();
  await system?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await Promise.all(nodeNames.map((node) => client.setFaults(node, {})));
  await sql`truncate saga.sagas, saga.lanes, saga.outbox, node01.groups, node02.groups, node03.groups`;
});

const rops = (...argv: string[]): Promise<Ended> => runCli(argv, { url: system.orchestratorUrl });
const ids = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => String(from + n));
type Document = Omit<VerifySummary, 'findings'> & { findings: VerifyFinding[] };
const verifyJson = async (): Promise<Document> =>
  JSON.parse((await rops('verify', '--json')).stdout) as Document;

async function change(saga: 'create-group' | 'delete-group', groupIds: string[]): Promise<void> {
  await client.untilEnded([await client.post(saga, groupIds)]);
}

test('P1-P7 under load: verify, again and again while sagas run, are taken back and overtake it, finds nothing', async () => {
  // Listings fail as well, and are slow enough for sagas to end within one.
  for (const node of nodeNames)
    await client.setFaults(node, { error: 0.2, lostReply: 0.1, delayMs: 10 });
  const batches: string[] = [];
  const done = new AbortController();
  const load = async (offset: number): Promise<void> => {
    for (let round = 0; !done.signal.aborted; round++) {
      const saga = (round + offset) % 2 === 0 ? 'create-group' : 'delete-group';
      batches.push(await client.post(saga, ids(40, ((round * 17 + offset * 40) % 8) * 25)));
      await waitFor('the backlog to shrink', async () => {
        const { queued } = await client.count(batches.slice(-20));
        return done.signal.aborted || queued < 150;
      });
    }
  };
  const loads = [load(0), load(1), load(2)];
  await waitFor('load', () => batches.length >= 6);

  try {
    let inFlight = 0;
    for (let look = 0; look < 20; look++) {
      const document = await verifyJson();
      expect(document).toMatchObject({ consistent: true, findings: [], unreachable: [] });
      inFlight += document.inFlight;
    }
    expect(inFlight).toBeGreaterThan(0);
  } finally {
    done.abort();
    await Promise.all(loads);
  }
  for (const node of nodeNames) await client.setFaults(node, {});
  await client.untilEnded(batches);
  const { completed, compensated } = await client.count(batches);
  expect(compensated).toBeGreaterThan(0);
  expect(completed).toBeGreaterThan(0);
  const { exitCode, stdout } = await rops('verify');
  expect(stdout).toMatch(
    /^consistent \([\d,]+ groups, [\d,]+ sagas in the log, 0 in flight, .* s\)\n$/,
  );
  expect(exitCode).toBe(0);
});

describe('rops verify', () => {
  test('prints a line a finding and exits 1', async () => {
    await change('create-group', ['a', 'b']);
    await sql`delete from node02.groups where group_id = 'a'`;
    await sql`insert into node01.groups (group_id, present, version) values ('x', true, 1)`;
    const [saga] = await sql`select max(id) as id from saga.sagas where key = 'group:a'`;
    const { exitCode, stdout } = await rops('verify');
    expect(stdout.split('\n')).toEqual([
      `P1  group:a  node02  expected present, found absent (saga ${saga!['id']})`,
      'P1  group:x  expected the same on all nodes, found on node01, not on node02, node03',
      expect.stringMatching(/^not consistent: 2 findings \(3 groups, /),
      '',
    ]);
    expect(exitCode).toBe(1);
  });

  test('a node that is down: exit 3, and what was found without it', async () => {
    await change('create-group', ['a']);
    await sql`delete from node01.groups`;
    await client.setFaults('node03', { down: true });
    const { exitCode, stdout, stderr } = await rops('verify');
    expect(stdout).toMatch(
      /^P1 {2}group:a {2}node01 .*\nnot consistent: 1 finding, without node03 /,
    );
    expect(stderr).toMatch(/^node03 is not reachable: /);
    expect(exitCode).toBe(3);
  });
});

describe('rops reconcile', () => {
  /** node02 as restored from an old backup, and what somebody did by hand. */
  async function damage(): Promise<void> {
    await change('create-group', ids(100));
    await change('delete-group', ids(30));
    await sql`delete from node02.groups where present and group_id::int % 3 = 0`;
    await sql`update node02.groups set present = true where not present and group_id::int < 10`;
    await sql`update node01.groups set present = false, version = version + 1 where group_id = '50'`;
    // Made by nobody's saga: two have it, one has it.
    await sql`insert into node01.groups (group_id, present, version) values ('most', true, 1), ('few', true, 1)`;
    await sql`insert into node03.groups (group_id, present, version) values ('most', true, 1)`;
  }
  const readAll = async (): Promise<unknown> => [
    await readPresentIds(system.databaseUrl),
    await sql`select count(*)::int from saga.sagas`,
  ];

  test('shows what it would do, and does nothing', async () => {
    await damage();
    const before = await readAll();
    const { exitCode, stdout, stderr } = await rops('reconcile');
    const lines = stdout.split('\n');
    expect(lines).toContain(
      'create   group:most  on node02: no saga says it; node01 and node03 have it',
    );
    expect(lines).toContain(
      'delete   group:few  on node01: no saga says it; node02 and node03 lack it',
    );
    expect(
      lines.filter((line) =>
        /^create {3}group:\d+ {2}on node0[12]: saga \d+ created it$/.test(line),
      ),
    ).toHaveLength(25);
    expect(
      lines.filter((line) => /^delete {3}group:\d {2}on node02: saga \d+ deleted it$/.test(line)),
    ).toHaveLength(10);
    expect(lines.at(-2)).toBe('37 repairs');
    expect(stderr).toBe('nothing was changed: rops reconcile --apply does it\n');
    expect(exitCode).toBe(1);
    expect(await rops('reconcile', '--dry-run')).toEqual({ exitCode, stdout, stderr });
    expect(await readAll()).toEqual(before);
  });

  test('--apply does it, by sagas, and tells how it went; then all is as the log says', async () => {
    await damage();
    const { exitCode, stdout } = await rops('reconcile', '--apply', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      applied: true,
      planned: { length: 37 },
      left: [],
      skipped: [],
      batches: [expect.any(String)],
      totals: { total: 37, completed: 37 },
    });
    expect(exitCode).toBe(0);
    expect(await verifyJson()).toMatchObject({ consistent: true, findings: [] });
    const present = [...ids(70, 30), 'most'].sort();
    expect(await readPresentIds(system.databaseUrl)).toEqual({
      node01: present,
      node02: present,
      node03: present,
    });
    expect(await rops('reconcile')).toMatchObject({ exitCode: 0, stdout: '0 repairs\n' });
  });

  test('a repair that does not succeed is taken back, and said', async () => {
    await change('create-group', ['a']);
    await sql`delete from node02.groups`;
    // Every write fails; the listing is read before.
    await client.setFaults('node02', { lostReply: 0.4, error: 0.4 });
    await waitFor('a repair to fail', async () => {
      const { exitCode, stdout } = await rops('reconcile', '--apply');
      if (exitCode === 0) await sql`delete from node02.groups`;
      return exitCode === 1 && stdout.endsWith('1 repair: 0 completed, 1 compensated\n');
    });
    await client.setFaults('node02', {});
    expect(await rops('reconcile', '--apply')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/\n1 repair: 1 completed\n$/),
    });
  });

  test('never touches a key with a saga in flight', async () => {
    await change('create-group', ['a', 'b']);
    await client.setFaults('node03', { error: 1 });
    const batch = await client.post('delete-group', ['a']);
    await sql`delete from node02.groups where group_id in ('a', 'b')`;
    // node03 answers nobody: its listing is what reconcile needs.
    await client.setFaults('node03', { delayMs: 3_000 });
    const { stdout } = await rops('reconcile', '--json');
    const { planned, inFlight } = JSON.parse(stdout);
    expect(planned.map(({ key }: { key: string }) => key)).toEqual(['group:b']);
    expect(inFlight).toBe(1);
    await client.setFaults('node03', {});
    await client.untilEnded([batch]);
  });

  test('leaves to the operator what lies in the log, and what nobody can decide', async () => {
    await change('create-group', ['a']);
    await sql`insert into saga.lanes select key, id from saga.sagas limit 1`;
    const { exitCode, stdout } = await rops('reconcile', '--apply');
    expect(stdout).toMatch(
      /^left {5}group:a {2}P7, expected a lane is held .* which no saga repairs\n0 repairs, 1 left to you\n$/,
    );
    expect(exitCode).toBe(1);
  });
});
