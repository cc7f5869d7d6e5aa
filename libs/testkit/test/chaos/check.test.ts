import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { check, type Finding } from '../../src/chaos/check.ts';
import { runClient, type RequestRecord } from '../../src/chaos/client.ts';
import { planLoad } from '../../src/chaos/load.ts';
import { readState } from '../../src/chaos/state.ts';
import { nodeNames, startSystem, waitFor, type System } from '../../src/index.ts';

/** One good run, on nodes that fail often enough for some sagas to be taken back; each test spoils something and sees it found. */
let system: System;
let sql: postgres.Sql;
let record: RequestRecord[];

beforeAll(async () => {
  system = await startSystem({ env: { RANDOM_BEHAVIOR: '0.3', STEP_ATTEMPTS: '3' } });
  sql = postgres(system.databaseUrl, { max: 1, onnotice: () => {} });
  const since = performance.now();
  record = await runClient({
    orchestratorUrl: system.orchestratorUrl,
    requests: planLoad({ seed: 11, seconds: 2, sagas: 400 }),
    clock: () => performance.now() - since,
    giveUp: AbortSignal.timeout(30_000),
  });
  await waitFor(
    'every saga to end',
    async () => {
      const [left] = await sql`select count(*)::int as n from saga.sagas where ended_at is null`;
      return left!['n'] === 0;
    },
    { timeoutMs: 40_000, explain: () => system.output() },
  );
});
afterAll(async () => {
  await sql.end();
  await system[Symbol.asyncDispose]();
});

const rollback = new Error('only to see what it does');

/** What the checker says of the tables once `spoil` has run; they are as before afterwards. */
async function findingsAfter(
  spoil: (tx: postgres.TransactionSql) => Promise<unknown>,
  told = record,
): Promise<Finding[]> {
  let findings: Finding[] = [];
  await sql
    .begin(async (tx) => {
      await spoil(tx);
      findings = check(await readState(tx, nodeNames), told);
      throw rollback;
    })
    .catch((error: unknown) => {
      if (error !== rollback) throw error;
    });
  return findings;
}
const promisesOf = (findings: Finding[]): string[] =>
  [...new Set(findings.map(({ promise }) => promise))].sort();

describe('the checker', () => {
  test('finds nothing after a good run, in which sagas completed and were taken back', async () => {
    expect(await findingsAfter(async () => {})).toEqual([]);
    const { sagas } = await readState(sql, nodeNames);
    const statuses = new Set(sagas.map(({ status }) => status));
    expect(statuses).toEqual(new Set(['completed', 'compensated']));
  });

  const someGroup = `(select group_id from node02.groups where present order by group_id limit 1)`;
  const someSaga = `(select max(id) from saga.sagas where status = 'completed')`;
  test.each<[string, string, string, RegExp]>([
    [
      'P1',
      'a group missing on one node',
      `update node02.groups set present = false, version = version + 2 where group_id = ${someGroup}`,
      /on node02: is not there/,
    ],
    [
      'P1',
      'a record gone from one node',
      `delete from node02.groups where group_id = ${someGroup}`,
      /on node02: is not there/,
    ],
    [
      'P1',
      'a group that no saga created',
      `insert into node03.groups (group_id, present, version) values ('stranger', true, 1)`,
      /stranger on node03: is there/,
    ],
    [
      'P1',
      'a completed saga with a step that was not applied',
      `update saga.sagas set steps = jsonb_set(steps::jsonb, '{0,state}', '"running"') where id = ${someSaga}`,
      /is completed, its step node01 running/,
    ],
    [
      'P1',
      'a compensated saga with a step that may have happened',
      `update saga.sagas set steps = jsonb_set(steps::jsonb, '{0}', '{"name":"node01","state":"failed","uncertain":true,"log":[]}') where id = (select max(id) from saga.sagas where status = 'compensated')`,
      /is compensated, its step node01 failed/,
    ],
    [
      'P2',
      'an acknowledged saga that is lost',
      `delete from saga.sagas where id = ${someSaga}`,
      /holds \d+ sagas|is lost/,
    ],
    [
      'P2',
      'an acknowledged batch that is lost',
      `delete from saga.sagas where batch_id = (select batch_id from saga.sagas group by 1 having count(*) > 1 limit 1)`,
      /its batch \S+ is lost/,
    ],
    [
      'P3',
      'an Idempotency-Key that stands for another batch',
      `update saga.requests set batch_id = gen_random_uuid() where key = (select min(key) from saga.requests)`,
      /its key stands for batch/,
    ],
    [
      'P3',
      'a batch that nobody asked for',
      `update saga.sagas set batch_id = gen_random_uuid() where id = (select max(id) from saga.sagas)`,
      /no request that was made, or one made twice/,
    ],
    [
      'P3',
      'a step that took effect twice more',
      `update node02.groups set version = version + 100 where group_id = ${someGroup}`,
      /on node02: was changed/,
    ],
    [
      'P4',
      'fences that fall along a key',
      `update saga.sagas set fence = fence - 1000000000 where id = (select max(id) from saga.sagas where key = (select key from saga.sagas where fence is not null group by key having count(*) > 2 limit 1))`,
      /has fence/,
    ],
    [
      'P4',
      'a saga that met what the one before it did not leave',
      `update saga.sagas set steps = jsonb_set(steps::jsonb, '{0,output}', '"absent"') where id = ${someSaga}`,
      /met "absent"/,
    ],
    [
      'P5',
      'a token on a node that is newer than the log',
      `update node01.groups set fence = fence + 1000000000 where group_id = ${someGroup}`,
      /which the log never drew/,
    ],
    [
      'P5',
      'an action that came after its undo',
      `update node01.groups set phase = 0 where phase = 1`,
      /by its newest saga/,
    ],
    [
      'P7',
      'a saga that has not ended',
      `update saga.sagas set status = 'running', ended_at = null where id = ${someSaga}`,
      /is running/,
    ],
    [
      'P7',
      'an outbox row',
      `insert into saga.outbox (id, participant, kind, step, phase, attempt, items, due_at)
       values (gen_random_uuid(), 'node01', 'create', 'node01', 'action', 1, '[]', now())`,
      /outbox row/,
    ],
    ['P7', 'a lane', `insert into saga.lanes values ('group:x', 1)`, /lane group:x/],
  ])('%s: finds %s', async (promise, _what, statement, text) => {
    const findings = await findingsAfter((tx) => tx.unsafe(statement));
    expect(promisesOf(findings)).toContain(promise);
    expect(findings.map((finding) => finding.text).join('\n')).toMatch(text);
  });

  test('P2: finds an unanswered request that was accepted in part', async () => {
    const request = record.find(
      ({ groupIds, idempotencyKey }) => groupIds.length > 1 && idempotencyKey,
    )!;
    const told = record.map((one) =>
      one === request ? { ...one, batchIds: [], sagaIds: [] } : one,
    );
    expect(await findingsAfter(async () => {}, told)).toEqual([]);
    const [batchId] = request.batchIds;
    const findings = await findingsAfter(
      (tx) =>
        tx`delete from saga.sagas where id = (select max(id) from saga.sagas where batch_id = ${batchId!}::uuid)`,
      told,
    );
    expect(findings.map(({ text }) => text).join('\n')).toMatch(
      /never answered, was accepted in part/,
    );
  });

  test('P2, P3: an unanswered request without a key is one batch or none, never two', async () => {
    const request = record.find(({ idempotencyKey }) => idempotencyKey === null)!;
    const [batchId] = request.batchIds;
    const told = record.map((one) =>
      one === request ? { ...one, batchIds: [], sagaIds: [] } : one,
    );
    expect(await findingsAfter(async () => {}, told)).toEqual([]);
    const twice = await findingsAfter(
      (
        tx,
      ) => tx`insert into saga.sagas (id, batch_id, name, version, key, input, status, fence, steps, accepted_at)
        select id + 1000000, 'f0000000-0000-4000-8000-000000000000', name, version, key, input, status, fence + 1, steps, accepted_at
        from saga.sagas where batch_id = ${batchId!}::uuid`,
      told,
    );
    expect(twice.map(({ text }) => text).join('\n')).toMatch(/or one made twice/);
  });

  test('P2, P3: finds a refusal, and two batches of one key', async () => {
    const [first, ...others] = record;
    const told = [
      { ...first!, batchIds: [...first!.batchIds, 'another'], refusals: ['422 {}'] },
      ...others,
    ];
    const texts = (await findingsAfter(async () => {}, told)).map(({ text }) => text).join('\n');
    expect(texts).toMatch(/was refused: 422/);
    expect(texts).toMatch(/became batches/);
  });
});
