import { beforeEach, describe, expect, test } from '@jest/globals';
import type { VerifyFinding } from '@reliable-ops/contracts';
import {
  compensationsOf,
  createPostgresVerifyLog,
  createRegistry,
  readLanes,
  type LaneState,
  type VerifyLog,
} from '../src/index.ts';
import { useEngine } from './engine-fixture.ts';
import { FencedStore } from './fenced-store.ts';
import { defineChange } from './sagas.ts';

const create = defineChange(
  'create',
  ['n1', 'n2'],
  // Nothing to take back.
  [{ name: 'mail', participant: 'n1', action: 'create' }],
);
const registry = createRegistry([create]);
/** Refuses what is called "bad". */
class Node extends FencedStore {
  override async run(...[kind, commands]: Parameters<FencedStore['run']>) {
    const outcomes = await super.run(kind, commands);
    return outcomes.map((outcome, index) =>
      kind === 'create' && commands[index]!.key.startsWith('bad')
        ? { result: 'rejected' as const, error: 'no' }
        : outcome,
    );
  }
}

const fixture = useEngine({
  definitions: [create],
  policy: { stepAttempts: 1 },
  createStore: (name) => (name === 'n1' ? new Node() : new FencedStore()),
});
const { accept, drain } = fixture;
let verifyLog: VerifyLog;
beforeEach(() => {
  verifyLog = createPostgresVerifyLog(fixture.sql);
});

/** Everything that can be found in the log alone, and its lanes. */
async function read(log = verifyLog): Promise<{ findings: VerifyFinding[]; lanes: LaneState[] }> {
  const findings = await log.findBrokenLinks(100);
  const lanes: LaneState[] = [];
  for await (const page of readLanes(log, compensationsOf(registry))) {
    findings.push(...page.findings);
    lanes.push(...page.lanes);
  }
  return { findings, lanes };
}
const found = async () =>
  (await read()).findings.map(
    ({ promise, key, expected, found: is }) => `${promise} ${key}: ${expected}; ${is}`,
  );

describe('a log that is as it must be', () => {
  test('has no findings, at any stage of its sagas', async () => {
    await accept('a', 'b', 'bad', 'a', 'bad', 'c');
    const [cancelled] = await accept('a');
    await fixture.engine.cancel([cancelled!], { by: 'test', note: null });
    for (let left = 1; left > 0;) {
      expect(await found()).toEqual([]);
      await fixture.engine.idle();
      const jobs = fixture.queue.take(1);
      for (const job of jobs) await fixture.engine.runJob([job]);
      left = fixture.queue.jobs.size + jobs.length;
    }
    expect(await found()).toEqual([]);
  });

  test.each([1, 2, 3, 100])('tells its lanes in byte order, by pages of %i', async (limit) => {
    const keys = ['', '\n', 'a', 'a\u0001', 'é', '\ue000', '😀'];
    await accept(...keys.toReversed(), ...keys);
    await drain();
    const lanes: LaneState[] = [];
    let sagas = 0;
    for await (const page of readLanes(verifyLog, compensationsOf(registry), limit)) {
      expect(page.findings).toEqual([]);
      lanes.push(...page.lanes);
      sagas += page.sagas;
    }
    expect(sagas).toBe(2 * keys.length);
    expect(lanes.map(({ key }) => key)).toEqual(keys);
    expect(await verifyLog.readLaneStates(keys)).toEqual(
      new Map(lanes.map((lane) => [lane.key, lane])),
    );
  });

  test('a lane ends with the last of its sagas: what decides is the greatest fence, not what was taken back', async () => {
    const [first] = await accept('a');
    await drain();
    await accept('bad');
    const [running] = await accept('b', 'b');
    await fixture.sql`update saga.sagas set key = 'a' where key = 'bad'`;
    await fixture.sql`update saga.lanes set key = 'a' where key = 'bad'`;
    await fixture.sql`update saga.outbox set items = replace(items::text, '"bad"', '"a"')::json`;
    const { lanes } = await read();
    expect(lanes).toEqual([
      {
        key: 'a',
        lastSagaId: first! + 1,
        active: 1,
        decisive: { sagaId: first, name: 'create-thing', status: 'completed' },
      },
      { key: 'b', lastSagaId: running! + 1, active: 2, decisive: null },
    ]);
    expect(await verifyLog.readLaneStates(['a', 'b', 'c'])).toEqual(
      new Map(lanes.map((lane) => [lane.key, lane])),
    );
  });
});

describe('of a log that somebody has tampered with it tells', () => {
  test('P2: a step under way whose command is not in the outbox', async () => {
    await accept('a');
    await fixture.sql`delete from saga.outbox where participant = 'n2'`;
    expect(await found()).toEqual([
      'P2 a: one command in the outbox for the action of step n2; 0 commands',
    ]);
  });

  test('P2: a command that is owed twice', async () => {
    await accept('a');
    await fixture.sql`
      insert into saga.outbox (id, participant, kind, step, phase, attempt, items, due_at)
      select gen_random_uuid(), participant, kind, step, phase, attempt, items, due_at
      from saga.outbox where participant = 'n1'`;
    expect(await found()).toEqual([
      'P2 a: one command in the outbox for the action of step n1; 2 commands',
    ]);
  });

  test('P5: a command of a saga that has ended, or that nobody knows', async () => {
    await accept('a');
    await fixture.engine.idle();
    const [row] = await fixture.sql`select * from saga.outbox where participant = 'n1'`;
    await drain();
    await fixture.sql`insert into saga.outbox ${fixture.sql({ ...row, items: fixture.sql.json(row!['items']) } as never)}`;
    expect(await found()).toEqual([
      'P5 a: no command in the outbox for the action of step n1; one, and the saga is completed',
    ]);
    await fixture.sql`truncate saga.sagas`;
    expect(await found()).toEqual([
      'P5 a: no command in the outbox for the action of step n1; one, and the saga is not in the log',
    ]);
  });

  test('P7: a lane that is held by a saga that has ended', async () => {
    const [id] = await accept('a');
    await drain();
    await fixture.sql`insert into saga.lanes values ('a', ${id!}), ('b', ${id!}), ('c', 7)`;
    expect(await found()).toEqual([
      `P7 a: a lane is held by a saga of its key that is at work; saga ${id} is completed`,
      `P7 b: a lane is held by a saga of its key that is at work; saga ${id} is of the key a`,
      'P7 c: a lane is held by a saga of its key that is at work; saga 7 is not in the log',
    ]);
  });

  test('P4, P7: a lane that its saga does not hold, and who waits in it', async () => {
    const [holder] = await accept('a', 'a');
    await fixture.sql`delete from saga.lanes`;
    expect(await found()).toEqual([
      'P4 a: the lane is held by the saga, which is running; there is no lane',
      'P7 a: a queued saga waits in a lane that a saga at work holds; there is no lane',
    ]);
    await fixture.sql`insert into saga.lanes values ('a', ${holder! + 1})`;
    expect(await found()).toEqual([
      `P4 a: the lane is held by the saga, which is running; it is held by saga ${holder! + 1}`,
      `P7 a: a queued saga waits in a lane that a saga at work holds; it is held by saga ${holder! + 1}`,
      `P7 a: a lane is held by a saga of its key that is at work; saga ${holder! + 1} is queued`,
    ]);
  });

  test('P7: a saga that is at work but has nothing under way', async () => {
    await accept('a');
    await drain();
    await fixture.sql`update saga.sagas set status = 'running', ended_at = null`;
    await fixture.sql`insert into saga.lanes select key, id from saga.sagas`;
    expect(await found()).toEqual(['P7 a: a step under way: the saga is running; none']);
  });

  test('P1: a status that was flipped, either way', async () => {
    await accept('a', 'bad');
    await drain();
    await fixture.sql`update saga.sagas set status = case status when 'completed' then 'compensated' else 'completed' end`;
    expect(await found()).toEqual([
      'P1 a: steps of a saga that is compensated; n1 is applied, n2 is applied',
      'P1 bad: steps of a saga that is completed; n1 is failed, n2 is compensated, mail is skipped',
    ]);
  });

  test('P1: a step that says something else than its saga', async () => {
    await accept('a', 'bad');
    await drain();
    await fixture.sql`update saga.sagas set steps = jsonb_set(steps::jsonb, '{1,state}', '"failed"') where key = 'a'`;
    await fixture.sql`update saga.sagas set steps = jsonb_set(steps::jsonb, '{0,uncertain}', 'true') where key = 'bad'`;
    expect(await found()).toEqual([
      'P1 a: steps of a saga that is completed; n2 is failed',
      'P1 bad: steps of a saga that is compensated; n1 is failed',
    ]);
  });

  test('P4: fences that were swapped, or are missing', async () => {
    const [first, second] = await accept('a', 'a', 'b');
    await drain();
    await fixture.sql`
      update saga.sagas s set fence = o.fence from saga.sagas o where s.key = 'a' and o.key = 'a' and s.id <> o.id`;
    await fixture.sql`update saga.sagas set fence = null where key = 'b'`;
    const [row] = await fixture.sql`select fence from saga.sagas where id = ${first!}`;
    const [later] = await fixture.sql`select fence from saga.sagas where id = ${second!}`;
    expect(await found()).toEqual([
      `P4 a: a fence above ${row!['fence']}, that of saga ${first} before it; ${later!['fence']}`,
      'P4 b: a fence: the saga is completed; none',
    ]);
  });

  test('P4: two sagas at work in one lane', async () => {
    const [first, second] = await accept('a', 'b');
    await fixture.sql`update saga.sagas set key = 'a'`;
    const all = await found();
    expect(all).toContain(
      `P4 a: one saga at work in the lane, which is ${first}; saga ${second} is running beside it`,
    );
  });

  test('P7: an end time without an end, and an end without a time', async () => {
    await accept('a');
    await drain();
    await fixture.sql`update saga.sagas set ended_at = null`;
    expect(await found()).toEqual(['P7 a: an end time; none, and it is completed']);
  });

  test('what an operator has resolved is his word: its steps are not held against it', async () => {
    await accept('bad');
    await drain();
    await fixture.sql`update saga.sagas set status = 'resolved', steps = jsonb_set(steps::jsonb, '{1,state}', '"compensating"')`;
    expect(await found()).toEqual([]);
  });
});

test('a suspect whose sagas were read at two moments is not one: a second look reads them at once', async () => {
  // The page before was read when the first was still at work, this one when its successor was.
  const stale: VerifyLog = {
    ...verifyLog,
    async readSagasByKey(query) {
      const sagas = await verifyLog.readSagasByKey(query);
      return sagas.map((saga, index) =>
        index === 0 ? { ...saga, status: 'running', hasEndTime: false } : saga,
      );
    },
  };
  const [first] = await accept('a', 'a');
  await fixture.engine.idle();
  const before = fixture.queue.take();
  for (const job of before) await fixture.engine.runJob([job]);
  await fixture.engine.idle();
  for (const job of fixture.queue.take()) await fixture.engine.runJob([job]); // its second stage: the next one begins
  const [row] = await fixture.sql`select status from saga.sagas where id = ${first!}`;
  expect(row).toEqual({ status: 'completed' });
  expect((await read(stale)).findings).toEqual([]);
});
