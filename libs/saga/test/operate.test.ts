import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { createTestDatabase, waitFor } from '@reliable-ops/testkit';
import { z } from 'zod';
import {
  createEngine,
  createPostgresLog,
  createRecovery,
  createRegistry,
  defineSaga,
  type Engine,
  type Entry,
  type SagaLog,
} from '../src/index.ts';
import { FencedStore } from './fenced-store.ts';
import { MemoryQueue } from './memory-queue.ts';

const nodes = ['n1', 'n2', 'n3'];
const create = defineSaga({
  name: 'create-thing',
  version: 1,
  input: z.object({ id: z.string() }),
  key: ({ id }) => id,
  stages: [
    nodes.map((name) => ({ name, participant: name, action: 'create', compensation: 'undo' })),
  ],
});
const deadlineMs = 60_000;
const registry = createRegistry([create], { stepAttempts: 3, stuckAfter: 4, deadlineMs });
const ann = { by: 'ann@desk', note: null };

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let sql: Sql;
let log: SagaLog;
let queue: MemoryQueue;
let stores: FencedStore[];
let engine: Engine;
let nowMs: number;
let reported: string[];
let warned: { details: object; message: string }[];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { applicationName: 'operate-test', max: 12 });
  log = createPostgresLog(sql);
});
afterAll(async () => {
  await sql.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await sql`truncate saga.sagas, saga.lanes, saga.outbox, saga.requests, saga.leases, saga.pauses`;
  queue = new MemoryQueue();
  stores = nodes.map(() => new FencedStore());
  nowMs = Date.now();
  reported = [];
  warned = [];
  engine = createEngine({
    log,
    registry,
    queue,
    participants: Object.fromEntries(nodes.map((name, index) => [name, stores[index]!])),
    clock: () => nowMs,
    report: (_details, message) => reported.push(message),
    warn: (details, message) => warned.push({ details, message }),
  });
});
afterEach(async () => {
  await engine.idle();
  expect(reported).toEqual([]);
});

const accept = async (...ids: string[]): Promise<number[]> => {
  const { sagaIds } = await engine.accept({
    batchId: randomUUID(),
    idempotency: null,
    sagas: ids.map((id) => ({ definition: create, input: { id } })),
  });
  await engine.idle();
  return sagaIds;
};
const run = async (jobs: Entry[]): Promise<void> => {
  await Promise.all(jobs.map((job) => engine.runEntry(job)));
  await engine.idle();
};
/** Runs what is due by the clock; time itself stands. */
const runDue = async (): Promise<void> => {
  const due = [...queue.jobs.values()].filter(
    ({ dueAt, participant }) => dueAt <= nowMs && !queue.paused.has(participant),
  );
  for (const { id } of due) queue.jobs.delete(id);
  await run(due);
};
const drain = async (): Promise<void> => {
  for (let jobs = queue.take(); jobs.length > 0; jobs = queue.take()) await run(jobs);
};
const saga = async (id: number) => (await log.getSagas([id]))[0]!;
const status = async (...ids: number[]) => (await log.getSagas(ids)).map((one) => one.status);
const outbox = () =>
  sql<{ id: string; participant: string; due: Date; ids: number[] }[]>`
    select id, participant, due_at as due, array(select (item ->> 0)::int from jsonb_array_elements(items) item) as ids
    from saga.outbox order by due_at, participant`;
const lanes = async () => (await sql`select 1 from saga.lanes`).length;

/** Sagas whose compensation on n2 fails, so that it waits for its next attempt. */
async function compensating(...ids: string[]): Promise<number[]> {
  stores[1]!.fault = () => 'error';
  const sagaIds = await accept(...ids);
  for (let turn = 0; turn < 8; turn++) await run(queue.take());
  return sagaIds;
}

describe('cancel', () => {
  test('a queued saga ends at once while the holder of its lane runs; the next in line is not held up', async () => {
    const [holder, queued, next] = await accept('x', 'x', 'x');
    expect(await engine.cancel([queued!], ann)).toEqual(new Map([[queued, { result: 'done' }]]));
    expect(await status(holder!, queued!, next!)).toEqual(['running', 'cancelled', 'queued']);
    await drain();
    expect(await status(holder!, queued!, next!)).toEqual(['completed', 'cancelled', 'completed']);
  });

  test('who, when and why stay in the history; the same again has the same answer and leaves no trace', async () => {
    const [id] = await accept('x');
    const why = { by: 'ann@desk', note: 'wrong list' };
    const first = await engine.cancel([id!], why);
    expect(first.get(id!)).toEqual({ result: 'begun' });
    expect(await engine.cancel([id!], { by: 'bob', note: null })).toEqual(first);
    expect((await saga(id!)).history).toEqual([{ at: nowMs, verb: 'cancel', ...why }]);
    await drain();
    expect(await status(id!)).toEqual(['cancelled']);
    expect((await engine.cancel([id!], why)).get(id!)).toEqual({ result: 'done' });
    expect((await saga(id!)).history).toHaveLength(1);
    for (const store of stores) expect(store.present()).toEqual([]);
    expect(await lanes()).toBe(0);
  });

  test('what makes no sense is refused with its reason, and changes nothing', async () => {
    const [completed] = await accept('a');
    await drain();
    const [turned] = await compensating('b');
    const before = await log.getSagas([completed!, turned!]);
    const answers = await engine.cancel([completed!, turned!, 999_999], ann);
    expect([...answers.values()]).toEqual([
      { result: 'refused', reason: `saga ${completed} has completed: nothing is left to cancel` },
      {
        result: 'refused',
        reason: expect.stringMatching(/^saga \d+ is being taken back already \(n2: /),
      },
      { result: 'unknown' },
    ]);
    expect(await log.getSagas([completed!, turned!])).toEqual(before);
  });

  test('answers are of the state under the lock, not of a moment before', async () => {
    const [id] = await accept('x');
    const jobs = queue.take();
    // Between the look for the lanes and their lock the saga completes.
    const racing = createEngine({
      log: {
        ...log,
        getSagas: async (ids) => {
          const found = await log.getSagas(ids);
          await run(jobs.splice(0));
          return found;
        },
      },
      registry,
      queue,
    });
    const answer = (await racing.cancel([id!], ann)).get(id!);
    expect(answer).toEqual({
      result: 'refused',
      reason: `saga ${id} has completed: nothing is left to cancel`,
    });
    expect((await saga(id!)).history).toEqual([]);
  });
});

describe('resolve', () => {
  test('nothing of the saga is owed any more when the next of its key goes on; others in its batch go on', async () => {
    const [stuck, other] = await compensating('x', 'y');
    const [next] = await accept('x');
    const why = { by: 'ann', note: 'cleaned by hand' };
    expect((await engine.resolve([stuck!], why)).get(stuck!)).toEqual({ result: 'done' });
    await engine.idle();
    expect(await status(stuck!, other!, next!)).toEqual(['resolved', 'compensating', 'running']);
    const rows = await outbox();
    expect(rows.flatMap(({ ids }) => ids)).not.toContain(stuck);
    // Nor does the queue hold a job that would still do it.
    expect([...queue.jobs.keys()].sort()).toEqual(rows.map(({ id }) => id).sort());
    expect((await engine.resolve([stuck!], why)).get(stuck!)).toEqual({ result: 'done' });
    expect((await saga(stuck!)).history).toEqual([{ at: nowMs, verb: 'resolve', ...why }]);
    stores[1]!.fault = () => 'none';
    await drain();
    expect(await status(other!, next!)).toEqual(['compensated', 'completed']);
    expect(await lanes()).toBe(0);
  });

  test('P5: a job of a resolved saga that the queue still holds does nothing', async () => {
    const [stuck, other] = await compensating('x', 'y');
    const held = [...queue.jobs.values()];
    queue.away = true;
    await engine.resolve([stuck!], { by: 'ann', note: 'done by hand' });
    await engine.idle();
    queue.away = false;
    stores[1]!.fault = () => 'none';
    const changesBefore = stores[1]!.changes.length;
    expect(await Promise.all(held.map((job) => engine.runEntry(job)))).toEqual(
      held.map(() => 'no longer owed: its row is gone'),
    );
    expect(stores[1]!.changes).toHaveLength(changesBefore);
    // The rest of its batch is owed under a new row, which recovery publishes.
    queue.wipe();
    await createRecovery({ log, queue, holder: 'one', intervalMs: 5_000 })();
    await drain();
    expect(await status(other!)).toEqual(['compensated']);
  });

  test('a commit that goes between the taking of commands and the lock of the lane leaves no command behind', async () => {
    const [stuck] = await compensating('x');
    const jobs = queue.take();
    let taken = 0;
    const racing = createEngine({
      log: {
        ...log,
        transaction: (work) =>
          log.transaction((tx) =>
            work({
              ...tx,
              // As when the row was being committed: taken away before, written anew after.
              takeCommands: async (ids) => {
                if (taken++ > 0) return tx.takeCommands(ids);
                await run(jobs);
                return { taken: [], rest: [] };
              },
            }),
          ),
      },
      registry,
      queue,
    });
    expect((await racing.resolve([stuck!], { by: 'ann', note: 'by hand' })).get(stuck!)).toEqual({
      result: 'done',
    });
    expect(taken).toBe(2);
    expect(await outbox()).toEqual([]);
    expect(await lanes()).toBe(0);
  });

  test('what is not being taken back is refused with what to do instead', async () => {
    const [running, queued] = await accept('x', 'x');
    const reasons = [...(await engine.resolve([running!, queued!], ann)).values()];
    expect(reasons).toEqual([
      { result: 'refused', reason: expect.stringContaining('is running: cancel it first') },
      { result: 'refused', reason: expect.stringContaining('is queued') },
    ]);
    await drain();
    expect((await engine.resolve([running!], ann)).get(running!)).toMatchObject({
      reason: `saga ${running} has completed: nothing is left to resolve`,
    });
  });
});

describe('retry', () => {
  test('a step that waits is tried now, and no other saga is hurried', async () => {
    const [one, other] = await compensating('x', 'y');
    nowMs -= 1; // a delay may be drawn as 0
    await sql`update saga.outbox set due_at = ${new Date(nowMs + 60_000)}`;
    expect((await engine.retry([one!], ann)).get(one!)).toEqual({ result: 'begun' });
    await engine.idle();
    const rows = await outbox();
    expect(rows.map(({ due, ids }) => [due.getTime() - nowMs, ids])).toEqual([
      [0, [one]],
      [60_000, [other]],
    ]);
    expect([...queue.jobs.keys()].sort()).toEqual(rows.map(({ id }) => id).sort());
    stores[1]!.fault = () => 'none';
    await runDue();
    expect(await status(one!, other!)).toEqual(['compensated', 'compensating']);
    expect((await saga(one!)).history).toEqual([{ at: nowMs, verb: 'retry', ...ann }]);
  });

  test('again before the attempt has been made: the same answer, one entry; after it: a new one', async () => {
    const [id] = await compensating('x');
    const wait = () => sql`update saga.outbox set due_at = ${new Date(nowMs + 60_000)}`;
    await wait();
    for (let time = 0; time < 3; time++)
      expect((await engine.retry([id!], ann)).get(id!)).toEqual({ result: 'begun' });
    expect((await saga(id!)).history).toHaveLength(1);
    await engine.idle();
    nowMs += 1;
    await runDue();
    await wait();
    expect((await engine.retry([id!], ann)).get(id!)).toEqual({ result: 'begun' });
    expect((await saga(id!)).history).toHaveLength(2);
  });

  test('a saga none of whose steps waits is refused with what it does', async () => {
    const [ended] = await accept('a');
    await drain();
    const [running, queued] = await accept('x', 'x');
    expect([...(await engine.retry([ended!, running!, queued!, 999_999], ann)).values()]).toEqual([
      { result: 'refused', reason: `saga ${ended} has ended (completed): nothing of it waits` },
      { result: 'refused', reason: `saga ${running} does not wait: its steps are under way` },
      { result: 'refused', reason: `saga ${queued} is queued: the saga before it on x goes first` },
      { result: 'unknown' },
    ]);
  });

  test('with the queue away it is accepted all the same, and recovery makes it so', async () => {
    const [id] = await compensating('x');
    await sql`update saga.outbox set due_at = ${new Date(nowMs + 60_000)}`;
    queue.marker = await log.incarnation();
    queue.away = true;
    expect((await engine.retry([id!], ann)).get(id!)).toEqual({ result: 'begun' });
    await engine.idle();
    queue.away = false;
    stores[1]!.fault = () => 'none';
    nowMs += 5_001;
    const recover = createRecovery({
      log,
      queue,
      holder: 'one',
      intervalMs: 5_000,
      clock: () => nowMs,
    });
    expect((await recover()).added).toBe(1);
    await runDue();
    expect(await status(id!)).toEqual(['compensated']);
  });

  test('all stuck ones come forward as a ramp: no more than so many a second, none later than it was due', async () => {
    const ids = Array.from({ length: 25 }, (_, n) => `g${n}`);
    const sagaIds = await compensating(...ids);
    await sql`update saga.outbox set due_at = ${new Date(nowMs + 3_500)}`;
    expect((await log.listSagas({ stuck: true, limit: 100 })).length).toBe(25);
    expect(await engine.retryStuck(ann, 5)).toEqual({ sagas: 25, hastened: 20, next: null });
    await engine.idle();
    const rows = await outbox();
    expect(rows.map(({ due, ids: own }) => [due.getTime() - nowMs, own.length])).toEqual([
      [0, 5],
      [1_000, 5],
      [2_000, 5],
      [3_000, 5],
      [3_500, 5],
    ]);
    expect(rows.flatMap(({ ids: own }) => own).sort((a, b) => a - b)).toEqual(sagaIds);
    const traces = async () =>
      (await log.getSagas(sagaIds)).reduce((sum, { history }) => sum + history.length, 0);
    expect(await traces()).toBe(20);
    // Again: as it was.
    expect(await engine.retryStuck(ann, 5)).toEqual({ sagas: 25, hastened: 0, next: null });
    expect(await traces()).toBe(20);
    expect((await outbox()).map(({ due }) => due.getTime() - nowMs)).toEqual([
      0, 1_000, 2_000, 3_000, 3_500,
    ]);
  });
});

describe('stuck', () => {
  test('a batch that becomes stuck is one line with how many and some of them, said once', async () => {
    await compensating(...Array.from({ length: 12 }, (_, n) => `g${n}`));
    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatchObject({
      details: {
        sagas: 12,
        some: [
          {
            saga: expect.any(Number),
            key: expect.any(String),
            name: expect.any(String),
            node: 'n2',
            attempt: expect.any(Number),
            error: expect.stringMatching(/./),
          },
          {},
          {},
          {},
          {},
        ],
      },
      message: expect.stringContaining('stuck'),
    });
  });

  test('causes are grouped, the commonest first', async () => {
    await compensating('a', 'b', 'c');
    const first = await log.groupStuck(10);
    expect(first).toEqual({
      sagas: 3,
      causes: [
        { name: 'create-thing', version: 1, step: 'n2', error: expect.any(String), sagas: 3 },
      ],
    });
  });
});

describe('pause', () => {
  test('a running saga gets back the time that it could not use; one accepted meanwhile the time since; others none', async () => {
    queue.marker = await log.incarnation();
    const [before, turned] = await accept('a', 'b');
    await engine.cancel([turned!], ann);
    nowMs += 1_000;
    const pausedAt = nowMs;
    const { pause } = await engine.pause('n2', ann);
    expect(pause).toEqual({ participant: 'n2', ...ann, pausedAt });
    nowMs += 5_000;
    const [during] = await accept('c');
    nowMs += deadlineMs;
    const [deadlineOfTurned] = (await log.getSagas([turned!])).map((one) => one.deadlineAt);
    expect((await engine.resume('n2')).pause?.pausedAt).toBe(pausedAt);
    const left = async (id: number) => (await saga(id)).deadlineAt! - nowMs;
    expect(await left(before!)).toBe(deadlineMs - 1_000);
    expect(await left(during!)).toBe(deadlineMs);
    expect((await saga(turned!)).deadlineAt).toBe(deadlineOfTurned);
    expect(await log.readPauses()).toEqual([]);
    // What fails now is tried again, not taken back.
    stores[1]!.fault = () => 'error';
    await runDue();
    stores[1]!.fault = () => 'none';
    await drain();
    expect(await status(before!, during!)).toEqual(['completed', 'completed']);
  });

  test('a saga that waits for another participant gets nothing back', async () => {
    const [id] = await accept('a');
    await run(queue.take().filter(({ participant }) => participant === 'n2'));
    const { deadlineAt } = await saga(id!);
    await engine.pause('n2', ann);
    nowMs += 9_000;
    await engine.resume('n2');
    expect((await saga(id!)).deadlineAt).toBe(deadlineAt);
  });

  test('said twice it is one, the first; a resume of what is not paused does nothing', async () => {
    const first = await engine.pause('n2', ann);
    nowMs += 1_000;
    expect(await engine.pause('n2', { by: 'bob', note: 'me too' })).toEqual(first);
    expect([...queue.paused]).toEqual(['n2']);
    expect((await engine.resume('n2')).pause).toEqual(first.pause);
    expect(await engine.resume('n2')).toEqual({ pause: null, isTold: true });
    expect([...queue.paused]).toEqual([]);
  });

  test('with the queue away it stands, and recovery tells the queue', async () => {
    queue.away = true;
    expect((await engine.pause('n2', ann)).isTold).toBe(false);
    queue.away = false;
    const recover = createRecovery({ log, queue, holder: 'one', intervalMs: 5_000 });
    await recover();
    expect([...queue.paused]).toEqual(['n2']);
    queue.away = true;
    expect((await engine.resume('n2')).isTold).toBe(false);
    queue.away = false;
    await recover();
    expect([...queue.paused]).toEqual([]);
  });

  test('a queue that has lost everything is paused before anything is published, by recovery and by those who accept', async () => {
    await engine.pause('n2', ann);
    await accept('a');
    queue.wipe();
    await accept('b');
    expect([...queue.jobs.values()].map(({ participant }) => participant).sort()).toEqual([
      'n1',
      'n3',
    ]);
    const add = queue.add.bind(queue);
    const seen: string[][] = [];
    queue.add = async (entries) => {
      seen.push([...queue.paused]);
      await add(entries);
    };
    await createRecovery({ log, queue, holder: 'one', intervalMs: 5_000 })();
    expect(seen).toEqual([['n2']]);
    await engine.resume('n2');
    await drain();
    expect((await log.countActive()).running).toBe(0);
  });

  test('recovery that looked a moment before a pause does not undo it', async () => {
    const pauseOnly = queue.pauseOnly.bind(queue);
    let goOn = (): void => {};
    let isTelling = false;
    // Recovery has read that nothing is paused, and is about to tell the queue.
    queue.pauseOnly = async (participants) => {
      queue.pauseOnly = pauseOnly;
      isTelling = true;
      await new Promise<void>((resolve) => (goOn = resolve));
      await pauseOnly(participants);
    };
    const recovering = createRecovery({ log, queue, holder: 'one', intervalMs: 5_000 })();
    await waitFor('recovery to tell the queue', () => isTelling);
    let isPaused = false;
    const pausing = engine.pause('n2', ann).then(() => (isPaused = true));
    await waitFor('the pause to wait, or to be through', async () => {
      const waiting = await sql`select 1 from pg_locks where not granted`;
      return isPaused || waiting.length > 0;
    });
    goOn();
    await Promise.all([recovering, pausing]);
    expect([...queue.paused]).toEqual(['n2']);
  });
});
