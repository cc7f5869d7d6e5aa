import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { createTestDatabase } from '@reliable-ops/testkit';
import { z } from 'zod';
import {
  createEngine,
  createPostgresLog,
  createRecovery,
  createRegistry,
  defineSaga,
  IdempotencyConflictError,
  type Command,
  type Engine,
  type Entry,
  type Outcome,
  type Participant,
  type SagaLog,
} from '../src/index.ts';
import { FencedStore } from './fenced-store.ts';
import { MemoryQueue } from './memory-queue.ts';

const nodes = ['n1', 'n2', 'n3'];
const sagaOf = (change: 'create' | 'delete') =>
  defineSaga({
    name: `${change}-thing`,
    version: 1,
    input: z.object({ id: z.string() }),
    key: ({ id }) => id,
    stages: [
      nodes.map((name) => ({ name, participant: name, action: change, compensation: 'undo' })),
    ],
  });
const create = sagaOf('create');
const remove = sagaOf('delete');
const registry = createRegistry([create, remove], { stepAttempts: 3 });

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let sql: Sql;
let log: SagaLog;
let queue: MemoryQueue;
let stores: FencedStore[];
let engine: Engine;
let reported: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { applicationName: 'engine-test', max: 12 });
  log = createPostgresLog(sql);
});
afterAll(async () => {
  await sql.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await sql`truncate saga.sagas, saga.lanes, saga.outbox, saga.requests, saga.leases`;
  queue = new MemoryQueue();
  stores = nodes.map(() => new FencedStore());
  reported = [];
  engine = engineWith(Object.fromEntries(nodes.map((name, index) => [name, stores[index]!])));
});
afterEach(async () => {
  await engine.idle();
});

const engineWith = (participants: Record<string, Participant>): Engine =>
  createEngine({
    log,
    registry,
    queue,
    participants,
    report: (_details, message) => reported.push(message),
  });

const accept = (
  ids: string[],
  definition = create,
  idempotency: { key: string; digest: string } | null = null,
) =>
  engine.accept({
    batchId: randomUUID(),
    idempotency,
    sagas: ids.map((id) => ({ definition, input: { id } })),
  });

/** Runs jobs until none is owed; several at a time, as workers do. */
async function drain(): Promise<void> {
  for (;;) {
    await engine.idle();
    const jobs = queue.take(8);
    if (jobs.length === 0) return;
    await Promise.all(jobs.map((job) => engine.runEntry(job)));
  }
}
const statuses = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    (
      await sql<{ status: string; n: number }[]>`
        select status, count(*)::int as n from saga.sagas group by status`
    ).map(({ status, n }) => [status, n]),
  );
const leftovers = async () =>
  (
    await sql<{ lanes: number; outbox: number }[]>`
      select (select count(*) from saga.lanes)::int as lanes, (select count(*) from saga.outbox)::int as outbox`
  )[0];
const announcedAs = (status: string): number[] => {
  const groups = queue.announced.filter((group) => group.status === status);
  return [...new Set(groups.flatMap((group) => group.ids))].sort((one, other) => one - other);
};
const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `g${n}`);

describe('from accept to the end', () => {
  test('a batch is carried out on every node, and leaves no lane and no outbox row', async () => {
    const { sagaIds } = await accept(ids(100));
    expect(sagaIds).toHaveLength(100);
    await drain();
    expect(await statuses()).toEqual({ completed: 100 });
    for (const store of stores) expect(store.present()).toEqual(ids(100).sort());
    expect(await leftovers()).toEqual({ lanes: 0, outbox: 0 });
    expect(announcedAs('completed')).toEqual(sagaIds);
    expect(announcedAs('running')).toEqual(sagaIds);
  });

  test('P1, P3: under lost calls and lost replies all nodes agree, and each token changes a record once', async () => {
    for (const store of stores)
      store.fault = () => (Math.random() < 0.2 ? 'error' : Math.random() < 0.2 ? 'lost' : 'none');
    await accept(ids(300));
    await drain();
    const ended = await statuses();
    expect((ended.completed ?? 0) + (ended.compensated ?? 0)).toBe(300);
    expect(ended.compensated ?? 0).toBeGreaterThan(0);
    const [first, ...others] = stores.map((store) => store.present());
    for (const other of others) expect(other).toEqual(first);
    expect(first).toHaveLength(ended.completed ?? 0);
    for (const { changes } of stores) expect(new Set(changes).size).toBe(changes.length);
    expect(await leftovers()).toEqual({ lanes: 0, outbox: 0 });
    expect(reported).toEqual([]);
  });

  test('statements do not grow with the batch: accept and commit take at most four each', async () => {
    queue.marker = await log.incarnation();
    const counted: string[] = [];
    const counting = connect(database.url, { applicationName: 'counting' });
    const one = createPostgresLog(counting);
    counting.options.debug = (_connection: number, query: string) =>
      counted.push(query.trim().split(/\s+/)[0]!);
    engine = createEngine({
      log: one,
      registry,
      queue,
      participants: Object.fromEntries(nodes.map((n, i) => [n, stores[i]!])),
    });
    await engine.accept({
      batchId: randomUUID(),
      idempotency: { key: 'k', digest: 'd' },
      sagas: ids(400).map((id) => ({ definition: create, input: { id } })),
    });
    const ofAccept = counted.splice(0);
    await engine.idle();
    const [job] = queue.take(1);
    await engine.runEntry(job!);
    await engine.idle();
    const ofCommit = counted.splice(0);
    await counting.end();
    const statements = (queries: string[]): string[] =>
      queries.filter((word) => /^(select|insert|update|delete|with)/i.test(word));
    expect(statements(ofAccept).length).toBeLessThanOrEqual(4);
    expect(statements(ofCommit).length).toBeLessThanOrEqual(4);
  });
});

describe('lanes', () => {
  test('P4: sagas of one key take effect in the order accepted, also when accepted at the same time', async () => {
    const rounds = 30;
    const keys = ids(5);
    await Promise.all(
      Array.from({ length: rounds }, (_, n) => accept(keys, n % 2 === 0 ? create : remove)),
    );
    // Other engines (processes) accept and commit at the same time.
    const other = engineWith(
      Object.fromEntries(nodes.map((name, index) => [name, stores[index]!])),
    );
    const own = engine;
    const accepting = Promise.all(
      Array.from({ length: rounds }, async (_, n) => {
        engine = n % 2 === 0 ? own : other;
        await accept([keys[n % keys.length]!], n % 3 === 0 ? create : remove);
      }),
    );
    engine = own;
    for (let turn = 0; turn < 20; turn++) {
      const jobs = queue.take(6);
      await Promise.all(jobs.map((job, n) => (n % 2 === 0 ? own : other).runEntry(job)));
      await Promise.all([own.idle(), other.idle()]);
    }
    await accepting;
    await other.idle();
    engine = own;
    await drain();
    await other.idle();
    await drain();
    expect(await statuses()).toEqual({ completed: rounds * keys.length + rounds });
    const rows = await sql<{ id: number; key: string; name: string; fence: number }[]>`
      select id, key, name, fence from saga.sagas order by key, id`;
    for (const key of keys) {
      const lane = rows.filter((row) => row.key === key);
      const fences = lane.map(({ fence }) => fence);
      expect(fences).toEqual([...fences].sort((a, b) => a - b));
      expect(new Set(fences).size).toBe(fences.length);
      for (const store of stores)
        expect(store.present().includes(key)).toBe(lane.at(-1)?.name === 'create-thing');
    }
    expect(await leftovers()).toEqual({ lanes: 0, outbox: 0 });
    expect(stores.reduce((sum, { stale }) => sum + stale, 0)).toBe(0);
  });

  test('a saga that waits holds up no other key', async () => {
    await accept(['a']);
    await engine.idle();
    const held = queue.take();
    await accept(['a', 'b']);
    await drain();
    const rows = await sql<
      { key: string; status: string }[]
    >`select key, status from saga.sagas order by id`;
    expect(rows.map(({ key, status }) => `${key} ${status}`)).toEqual([
      'a running',
      'a queued',
      'b completed',
    ]);
    await Promise.all(held.map((job) => engine.runEntry(job)));
    await drain();
    expect(await statuses()).toEqual({ completed: 3 });
  });
});

describe('repeats', () => {
  test('two workers on one job: the second commit finds no row and does nothing', async () => {
    await accept(ids(10));
    await engine.idle();
    const jobs = queue.take();
    const other = engineWith(
      Object.fromEntries(nodes.map((name, index) => [name, stores[index]!])),
    );
    await Promise.all(
      jobs.flatMap((job) => [engine.runEntry(job), other.runEntry(job), engine.runEntry(job)]),
    );
    await other.idle();
    await drain();
    expect(await statuses()).toEqual({ completed: 10 });
    for (const { changes } of stores) expect(changes).toHaveLength(10);
    const logs = await sql<{ n: number }[]>`
      select jsonb_array_length(step -> 'log') as n from saga.sagas, jsonb_array_elements(steps) as step`;
    expect(logs.every(({ n }) => n === 1)).toBe(true);
  });

  test('an entry whose row is gone is not halved a second time', async () => {
    await accept(ids(10));
    await engine.idle();
    const [job] = queue.take(1);
    await engine.failEntry(job!, 'cannot');
    await engine.failEntry(job!, 'cannot');
    // Two nodes' entries as they were, and two halves.
    expect(await leftovers()).toEqual({ lanes: 10, outbox: 4 });
    await drain();
    expect(await statuses()).toEqual({ completed: 10 });
  });

  test('P3: one Idempotency-Key is one batch, however often and from wherever it comes; another body is refused', async () => {
    const other = engineWith({});
    const asked = Array.from({ length: 50 }, (_, n) =>
      (n % 2 === 0 ? engine : other).accept({
        batchId: randomUUID(),
        idempotency: { key: 'same', digest: 'd' },
        sagas: [{ definition: create, input: { id: 'x' } }],
      }),
    );
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ batchId }) => batchId)).size).toBe(1);
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(await log.sagaIdsOf(answers[0]!.batchId)).toHaveLength(1);
    await expect(accept(['x'], create, { key: 'same', digest: 'other' })).rejects.toBeInstanceOf(
      IdempotencyConflictError,
    );
    expect((await sql`select 1 from saga.sagas`).length).toBe(1);
    await other.idle();
  });

  test('a stale answer to a command whose row stands is said loudly and never counts as done', async () => {
    await accept(['x']);
    await engine.idle();
    stores[0]!.rows.set('x', {
      present: false,
      token: [Number.MAX_SAFE_INTEGER, 1],
      outcome: 'nothing',
      before: false,
    });
    await Promise.all(queue.take().map((job) => engine.runEntry(job)));
    expect(reported).toHaveLength(1);
    expect(await statuses()).toEqual({ running: 1 });
  });
});

describe('poison', () => {
  test('a batch that fails as a whole is halved down to the one command that spoils it; the others go through', async () => {
    const poisoned: Participant = {
      async run(kind, commands) {
        if (kind === 'create' && commands.some(({ data }) => (data as { id: string }).id === 'g13'))
          throw new Error('cannot handle it');
        return stores[0]!.run(kind, commands);
      },
    };
    engine = engineWith({ n1: poisoned, n2: stores[1]!, n3: stores[2]! });
    await accept(ids(32));
    await drain();
    expect(await statuses()).toEqual({ completed: 31, compensated: 1 });
    for (const store of stores)
      expect(store.present()).toEqual(
        ids(32)
          .filter((id) => id !== 'g13')
          .sort(),
      );
  });
});

describe('recovery', () => {
  const intervalMs = 5_000;
  const recovery = (holder = 'one', clock = Date.now) =>
    createRecovery({ log, queue, holder, clock, intervalMs });

  test('sagas of one batch whose outcomes differ go different ways, in one commit', async () => {
    const spoilt: Record<string, (command: Command) => Outcome> = {
      bad: () => ({ result: 'rejected', error: '404' }),
      lost: (command) => {
        stores[0]!.one('create', command);
        return { result: 'unknown', error: 'lost reply' };
      },
    };
    const picky: Participant = {
      run: async (kind, commands) =>
        commands.map((command) => {
          const spoil = kind === 'create' ? spoilt[(command.data as { id: string }).id] : undefined;
          return spoil && command.attempt === 1 ? spoil(command) : stores[0]!.one(kind, command);
        }),
    };
    engine = engineWith({ n1: picky, n2: stores[1]!, n3: stores[2]! });
    await accept(['one', 'bad', 'two', 'lost']);
    await engine.idle();
    const [of1, ...others] = queue
      .take()
      .sort((a, b) => a.participant.localeCompare(b.participant));
    await engine.runEntry(of1!);
    const read = async () =>
      new Map(
        (await log.listSagas({ limit: 9 })).map(({ key, status, steps: [step], error }) => [
          key,
          [status, step!.state, step!.attempts, step!.uncertain ?? false, error],
        ]),
      );
    expect(await read()).toEqual(
      new Map([
        ['lost', ['running', 'running', 1, true, null]],
        ['two', ['running', 'applied', 1, false, null]],
        ['bad', ['compensating', 'failed', 1, false, 'n1: 404']],
        ['one', ['running', 'applied', 1, false, null]],
      ]),
    );
    await engine.idle();
    // Only the lost one is tried again; what is taken back waits for its other nodes.
    expect(
      queue.take().map(({ attempt, items }) => [attempt, items.map(([, key]) => key)]),
    ).toEqual([[2, ['lost']]]);
    for (const entry of others) await engine.runEntry(entry);
    await engine.idle();
    queue.wipe();
    await recovery()();
    await drain();
    expect(new Map([...(await read())].map(([key, [status]]) => [key, status]))).toEqual(
      new Map([
        ['lost', 'completed'],
        ['two', 'completed'],
        ['bad', 'compensated'],
        ['one', 'completed'],
      ]),
    );
    for (const store of stores) expect(store.present()).toEqual(['lost', 'one', 'two']);
  });

  test('P2: a queue that was wiped gets everything back that the outbox owes', async () => {
    await accept(ids(50));
    await engine.idle();
    await recovery()();
    const before = queue.jobs.size;
    queue.wipe();
    expect(await recovery()()).toEqual({ held: true, rebuilt: true, added: before });
    await drain();
    expect(await statuses()).toEqual({ completed: 50 });
  });

  test('P2: what was accepted while the queue was away is published later', async () => {
    queue.away = true;
    await accept(ids(5));
    await engine.idle();
    await expect(recovery()()).rejects.toThrow('away');
    queue.away = false;
    queue.marker = await log.incarnation();
    // Not overdue yet: whoever accepted it may still be publishing.
    expect((await recovery()()).added).toBe(0);
    expect((await recovery('one', () => Date.now() + intervalMs + 1)()).added).toBe(3);
    await drain();
    expect(await statuses()).toEqual({ completed: 5 });
  });

  test.each(['incarnation', 'readEntries'] as const)(
    'nothing is published to a paused participant when the queue loses everything while recovery is at %s',
    async (statement) => {
      queue.marker = await log.incarnation();
      await engine.pause('n2', { by: 'ann', note: null });
      await accept(ids(3));
      await engine.idle();
      let wiped = 0;
      const wiping = {
        ...log,
        [statement]: (...of: never[]) => {
          if (wiped++ === 0) queue.wipe();
          return (log[statement] as (...of: never[]) => unknown)(...of);
        },
      };
      const late = () => Date.now() + 2 * intervalMs;
      const recover = createRecovery({
        log: wiping,
        queue,
        holder: 'one',
        clock: late,
        intervalMs,
      });
      expect(await recover()).toEqual({ held: true, rebuilt: true, added: 3 });
      expect(
        queue
          .take()
          .map(({ participant }) => participant)
          .sort(),
      ).toEqual(['n1', 'n3']);
      await engine.resume('n2');
      expect(queue.take().map(({ participant }) => participant)).toEqual(['n2']);
    },
  );

  test('a job that ends between the two looks is not taken for lost', async () => {
    await accept(['a']);
    await engine.idle();
    await recovery()();
    const jobs = queue.take();
    const findMissing = queue.findMissing.bind(queue);
    queue.findMissing = async (entries) => {
      for (const job of jobs) await engine.runEntry(job);
      return findMissing(entries);
    };
    const late = recovery('one', () => Date.now() + intervalMs + 1);
    expect((await late()).added).toBe(0);
    expect(await statuses()).toEqual({ completed: 1 });
    expect(queue.jobs.size).toBe(0);
  });

  test('a finished job that would swallow the new one is withdrawn first', async () => {
    await accept(['a']);
    await engine.idle();
    await recovery()();
    const finished = new Set(queue.jobs.values());
    queue.findMissing = async (entries) => entries;
    const late = recovery('one', () => Date.now() + intervalMs + 1);
    expect((await late()).added).toBe(3);
    expect([...queue.jobs.values()].filter((job) => finished.has(job))).toEqual([]);
    expect(queue.jobs.size).toBe(3);
  });

  test('one process at a time recovers; another takes over when its lease has run out', async () => {
    expect((await recovery('one')()).held).toBe(true);
    expect((await recovery('two')()).held).toBe(false);
    expect((await recovery('one')()).held).toBe(true);
    expect((await recovery('two', () => Date.now() + 3 * intervalMs + 1)()).held).toBe(true);
  });
});

describe('operators', () => {
  const ops = { by: 'ann@desk', note: null };

  test('a queued saga is cancelled at once, a running one is taken back, an ended one is refused', async () => {
    const {
      sagaIds: [done],
    } = await accept(['done']);
    await drain();
    const {
      sagaIds: [running, queued],
    } = await accept(['x', 'x']);
    await engine.idle();
    const answers = await engine.cancel([done!, running!, queued!, 999_999], ops);
    expect([...answers.values()]).toEqual([
      { result: 'refused', reason: `saga ${done} has completed: nothing is left to cancel` },
      { result: 'begun' },
      { result: 'done' },
      { result: 'unknown' },
    ]);
    expect((await engine.cancel([running!], ops)).get(running!)).toEqual({ result: 'begun' });
    await drain();
    expect((await engine.cancel([running!], ops)).get(running!)).toEqual({ result: 'done' });
    expect(await statuses()).toEqual({ completed: 1, cancelled: 2 });
    for (const store of stores) expect(store.present()).toEqual(['done']);
    expect(await leftovers()).toEqual({ lanes: 0, outbox: 0 });
  });

  test('resolve takes the outstanding commands away, then hands the lane on', async () => {
    stores[1]!.fault = () => 'error';
    const {
      sagaIds: [stuck, next],
    } = await accept(['x', 'x']);
    const {
      sagaIds: [other],
    } = await accept(['y']);
    for (let turn = 0; turn < 12; turn++) {
      await engine.idle();
      await Promise.all(queue.take().map((job) => engine.runEntry(job)));
    }
    await engine.idle();
    expect(await statuses()).toEqual({ compensating: 2, queued: 1 });
    expect((await engine.resolve([next!], ops)).get(next!)).toMatchObject({ result: 'refused' });
    expect((await engine.resolve([stuck!], ops)).get(stuck!)).toEqual({ result: 'done' });
    const commands = await sql<{ ids: number[] }[]>`
      select array_agg((item ->> 0)::int) as ids from saga.outbox, jsonb_array_elements(items) as item`;
    expect(commands[0]!.ids).not.toContain(stuck);
    expect(commands[0]!.ids).toEqual(expect.arrayContaining([next, other]));
    stores[1]!.fault = () => 'none';
    await drain();
    expect(await statuses()).toEqual({ resolved: 1, completed: 1, compensated: 1 });
  });
});

describe('sizes', () => {
  test('a large batch is several entries, none above its bound', async () => {
    await accept(ids(1_200));
    await engine.idle();
    const sizes = queue.take().map(({ items }: Entry) => items.length);
    expect(sizes).toHaveLength(9);
    expect(Math.max(...sizes)).toBe(500);
  });
});
