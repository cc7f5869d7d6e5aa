import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestRedis, waitFor, type TestRedis } from '@reliable-ops/testkit';
import {
  createBullmqQueue,
  createEngine,
  createPostgresLog,
  createRecovery,
  createRegistry,
  readJob,
  stagesQueue,
  startJobWorkers,
  writeJob,
  type BullmqQueue,
  type CommandItem,
  type Engine,
  type Entry,
} from '../src/index.ts';
import { useDatabase } from './database-fixture.ts';
import { defineChange } from './sagas.ts';

let redis: TestRedis;
let queue: BullmqQueue;
const errors: string[] = [];
const participants = ['n1', 'n2', 'n3'];
const participant = participants[0]!;
const database = useDatabase();

beforeAll(async () => {
  redis = await startTestRedis();
  queue = createBullmqQueue(redis.url, participants, (error) => errors.push(error.message));
  await waitFor('Redis', () => queue.isConnected());
});
afterEach(async () => {
  for (const jobs of working) await jobs.stop(0);
  await queue.redis.flushall();
});
afterAll(async () => {
  await queue[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

const entry = (count = 1, dueAt = Date.now()): Entry => ({
  id: randomUUID(),
  participant,
  kind: 'create',
  dueAt,
  step: participant,
  phase: 'action',
  attempt: 1,
  items: Array.from({ length: count }, (_, n) => [n + 1, `k${n}`, n + 1, null]),
});

/** One for each participant, of the same sagas. */
const siblings = (count = 1, dueAt = Date.now()): Entry[] => {
  const { items } = entry(count);
  const job = randomUUID();
  return participants.map((name, n) => ({
    ...entry(0, dueAt),
    ...(n === 0 ? { id: job } : {}),
    participant: name,
    step: name,
    items,
    job,
  }));
};

/** Adds each alone. */
const add = (...entries: Entry[]): Promise<void> =>
  queue.add(
    entries.map((own) => [own]),
    Date.now(),
  );
const boardOf = (name: string) => queue.queues.get(name)!;
/** How many jobs each queue has, of those that have any. */
const countJobs = async (...types: ('waiting' | 'delayed' | 'completed')[]) => {
  const counts: Record<string, number> = {};
  for (const [name, board] of queue.queues) {
    const count = await board.getJobCountByTypes(...types);
    if (count > 0) counts[name] = count;
  }
  return counts;
};
const idsOf = (entries: Entry[]): string[] => entries.map(({ id }) => id);

/** An engine that only notes what it is handed. */
const recording = (run: (...job: Entry[]) => Promise<string>) => {
  const failed: string[] = [];
  const engine = {
    runJob: (job: Entry[]) => run(...job),
    failJob: async (job: Entry[], failure: string) =>
      void failed.push(...job.map(({ id }) => `${id}: ${failure}`)),
  } as unknown as Engine;
  return { engine, failed };
};
const working = new Set<{ stop(deadlineMs: number): Promise<void> }>();
const work = (engine: Engine, lockMs = 10_000) => {
  const jobs = startJobWorkers({
    redisUrl: redis.url,
    participants,
    engine,
    concurrency: 4,
    lockMs,
    onError: (error) => errors.push(error.message),
    onFailed: (error) => errors.push(error.message),
  });
  const own = {
    stop: async (deadlineMs: number): Promise<void> => {
      if (working.delete(own)) await jobs.stop(deadlineMs);
    },
  };
  working.add(own);
  return own;
};

describe('the queue', () => {
  test('an entry is one job under its id, named after its kind, due when the entry is; again: nothing', async () => {
    const later = entry(2, Date.now() + 60_000);
    const now = entry();
    await add(later, now);
    await add(later, now);
    const board = boardOf(participant);
    expect(await board.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 1, delayed: 1 });
    const job = await board.getJob(later.id);
    expect(job?.name).toBe('create');
    expect(readJob(job!.data, later.dueAt)).toEqual([later]);
  });

  test('P2: only entries without a live job are missing; a finished job under the id gives way', async () => {
    const [finished, waiting, delayed, lost] = [
      entry(),
      entry(),
      entry(1, Date.now() + 60_000),
      entry(),
    ];
    await add(finished);
    const jobs = work(recording(async () => 'done').engine);
    const board = boardOf(participant);
    await waitFor(
      'the job to be finished',
      async () => (await board.getJobCounts('completed'))['completed'] === 1,
    );
    await jobs.stop(1_000);
    await add(waiting, delayed);
    const missing = await queue.findMissing([finished, waiting, delayed, lost]);
    expect(missing.map(({ id }) => id)).toEqual([finished.id, lost.id]);
    // The finished job would swallow this one.
    await queue.withdraw(missing);
    await add(...missing);
    expect(await board.getJobCounts('waiting', 'delayed', 'completed')).toEqual({
      waiting: 3,
      delayed: 1,
      completed: 0,
    });
  });

  test('siblings are one job in the queue that all participants share; again: nothing', async () => {
    const [now, later] = [siblings(2), siblings(1, Date.now() + 60_000)];
    await queue.add([now, later], Date.now());
    // Also where one is left out.
    await queue.add([now.slice(1), later.slice(1)], Date.now());
    expect(await countJobs('waiting', 'delayed')).toEqual({ [stagesQueue]: 2 });
    for (const job of [now, later]) {
      const added = await boardOf(stagesQueue).getJob(job[0]!.job!);
      expect(idsOf(readJob(added!.data, 0))).toEqual(idsOf(job));
      expect(added!.name).toBe('create');
    }
    expect(await boardOf(stagesQueue).getDelayedCount()).toBe(1);
  });

  test('P2: of siblings those are missing that have neither their shared job live nor one of their own', async () => {
    const [ended, delayed] = [siblings(), siblings(1, Date.now() + 60_000)];
    await queue.add([ended, delayed], Date.now());
    await add({ ...delayed[1]!, dueAt: Date.now() });
    const jobs = work(recording(async () => 'done').engine);
    await waitFor('two jobs to end', async () => {
      const { n2, [stagesQueue]: shared } = await countJobs('completed');
      return n2 === 1 && shared === 1;
    });
    await jobs.stop(1_000);
    // Of the one that has ended, one has a job of its own that waits; of the other, one's own has ended.
    await add(ended[1]!);
    const missing = await queue.findMissing([...ended, ...delayed]);
    expect(idsOf(missing)).toEqual([ended[0]!.id, ended[2]!.id]);
    await queue.withdraw(missing);
    await add(...missing);
    expect(await countJobs('waiting')).toEqual({ n1: 1, n2: 1, n3: 1 });
    expect(await queue.findMissing([...ended, ...delayed])).toEqual([]);
  });

  test('P2: recovery adds each entry of a shared job that is lost, alone', async () => {
    const log = createPostgresLog(database.sql);
    const create = defineChange('create', participants);
    const engine = createEngine({ log, registry: createRegistry([create]), queue });
    const input = { id: 'a' };
    await queue.writeMarker(await log.incarnation());
    await engine.accept({
      batchId: randomUUID(),
      idempotency: null,
      sagas: [{ definition: create, input }],
    });
    await engine.idle();
    expect(await countJobs('waiting')).toEqual({ [stagesQueue]: 1 });
    const recover = createRecovery({
      log,
      queue,
      holder: 'one',
      intervalMs: 5_000,
      clock: () => Date.now() + 6_000,
    });
    expect((await recover()).added).toBe(0);
    const [lost] = await boardOf(stagesQueue).getWaiting();
    await lost!.remove();
    expect((await recover()).added).toBe(3);
    expect(await countJobs('waiting')).toEqual({ n1: 1, n2: 1, n3: 1 });
    expect((await recover()).added).toBe(0);
  });

  test('the marker goes with everything else', async () => {
    expect(await queue.readMarker()).toBeNull();
    await queue.writeMarker('one');
    expect(await queue.readMarker()).toBe('one');
    await queue.redis.flushall();
    expect(await queue.readMarker()).toBeNull();
  });

  test('while Redis is away it fails at once', async () => {
    await redis.kill();
    await waitFor('the connection to break', () => !queue.isConnected());
    await expect(add(entry())).rejects.toThrow('away');
    await redis.start();
    await waitFor('the connection to be back', () => queue.isConnected());
  });
});

describe('pauses', () => {
  test('on a paused queue no job is begun, due or not; what is under way ends; resumed, all of it runs', async () => {
    const board = boardOf(participant);
    const begun: string[] = [];
    let end = (): void => {};
    const jobs = work(
      recording(async ({ id }) => {
        begun.push(id);
        if (begun.length === 1) await new Promise<void>((resolve) => (end = resolve));
        return 'done';
      }).engine,
    );
    const [first, waiting, delayed] = [entry(), entry(), entry(1, Date.now() + 200)];
    await add(first);
    await waitFor('the first job to be begun', () => begun.length === 1);
    await queue.pauseOnly([participant]);
    await add(waiting, delayed);
    end();
    await waitFor(
      'the first job to end',
      async () => (await board.getJobCounts('completed'))['completed'] === 1,
    );
    // Long after the delayed one is due.
    await waitFor('time to pass', () => Date.now() > delayed.dueAt + 500);
    expect(begun).toEqual([first.id]);
    // Which of them counts as waiting is BullMQ's affair.
    const {
      waiting: w,
      active,
      delayed: d,
    } = await board.getJobCounts('waiting', 'active', 'delayed');
    expect([w! + d!, active]).toEqual([2, 0]);
    await queue.pauseOnly([]);
    await waitFor('all jobs to end', () => begun.length === 3);
    expect(new Set(begun)).toEqual(new Set([first.id, waiting.id, delayed.id]));
    await jobs.stop(1_000);
  });

  test('a pause is a state: said twice it is one, and it goes with everything else', async () => {
    const board = boardOf(participant);
    await queue.pauseOnly([participant]);
    await queue.pauseOnly([participant, 'another']);
    expect(await board.isPaused()).toBe(true);
    await queue.redis.flushall();
    expect(await board.isPaused()).toBe(false);
  });

  test('of some participants those are found that are paused; what they share never is', async () => {
    await queue.pauseOnly(['n1', 'n3']);
    expect(await queue.findPaused(['n3', 'n2'])).toEqual({
      paused: new Set(['n3']),
      isWhole: false,
    });
    await queue.writeMarker('one');
    await queue.pauseOnly(participants);
    expect(await boardOf(stagesQueue).isPaused()).toBe(false);
    await queue.pauseOnly([]);
    expect(await queue.findPaused(participants)).toEqual({ paused: new Set(), isWhole: true });
  });

  test('under way on a paused participant are shared jobs begun before, and what has left its siblings', async () => {
    const ends = new Map<string, () => void>();
    const jobs = work(
      recording(async ({ id }) => {
        await new Promise<void>((resolve) => ends.set(id, resolve));
        return 'done';
      }).engine,
    );
    const active = async (): Promise<number> => (await queue.countJobs('n2')).active;
    const [before, after] = [siblings(), siblings()];
    await queue.add([before], Date.now());
    await waitFor('the first', () => ends.has(before[0]!.id));
    expect(await active()).toBe(0);
    await queue.pauseOnly(['n2']);
    await queue.add([after], Date.now());
    await waitFor('the second', () => ends.has(after[0]!.id));
    // As recovery does, again and again.
    await queue.pauseOnly(['n2']);
    expect(await active()).toBe(1);
    await queue.part(before[1]!, Date.now());
    expect(await queue.countJobs('n2')).toEqual({ waiting: 1, active: 2, delayed: 0 });
    ends.get(before[0]!.id)!();
    await waitFor('its end', async () => (await active()) === 1);
    await queue.withdraw([before[1]!]);
    expect(await queue.countJobs('n2')).toEqual({ waiting: 0, active: 0, delayed: 0 });
    ends.get(after[0]!.id)!();
    await jobs.stop(1_000);
  });

  test('withdrawn jobs are gone, whether waiting or delayed; one under way stays', async () => {
    const board = boardOf(participant);
    let end = (): void => {};
    const jobs = work(
      recording(async () => {
        await new Promise<void>((resolve) => (end = resolve));
        return 'done';
      }).engine,
    );
    const active = entry();
    await add(active);
    await waitFor(
      'the job to be begun',
      async () => (await board.getJobCounts('active'))['active'] === 1,
    );
    await queue.pauseOnly([participant]);
    const [waiting, delayed] = [entry(), entry(1, Date.now() + 60_000)];
    await add(waiting, delayed);
    const shared = siblings(1, Date.now() + 60_000);
    await queue.add([shared], Date.now());
    await queue.withdraw([active, waiting, delayed, entry(), ...shared]);
    expect(await countJobs('delayed')).toEqual({});
    expect(await board.getJobCounts('waiting', 'active', 'delayed')).toEqual({
      waiting: 0,
      active: 1,
      delayed: 0,
    });
    end();
    await jobs.stop(1_000);
  });
});

describe('job workers', () => {
  test('hand on the job that was added, alone or of siblings', async () => {
    const added = [[entry(2)], siblings(3)];
    const ran: Entry[][] = [];
    const jobs = work(
      recording(async (...own) => {
        ran.push(own);
        return 'done';
      }).engine,
    );
    await queue.add(added, Date.now());
    await waitFor('both jobs to run', () => ran.length === 2);
    for (const job of added)
      expect(ran.find(([first]) => first!.id === job[0]!.id)).toEqual(
        job.map(({ job: _job, ...own }) => ({ ...own, dueAt: expect.any(Number) })),
      );
    await jobs.stop(1_000);
  });

  test('a job whose outcomes could not be committed comes again', async () => {
    let runs = 0;
    const jobs = work(
      recording(async () => {
        if (++runs < 3) throw new Error('Postgres is away');
        return 'done';
      }).engine,
    );
    await add(entry());
    const board = boardOf(participant);
    await waitFor(
      'the third run',
      async () => (await board.getJobCounts('completed'))['completed'] === 1,
    );
    expect(runs).toBe(3);
    await jobs.stop(1_000);
  });

  test('a stop that cannot wait hands the job back, and another worker gets it at once', async () => {
    const own = entry();
    let taken = false;
    const stopping = work(
      recording(async () => {
        taken = true;
        return new Promise<string>(() => {});
      }).engine,
    );
    await add(own);
    await waitFor('the job to be taken', () => taken);
    await stopping.stop(10);
    let handed: string | undefined;
    const other = work(
      recording(async ({ id }) => {
        handed = id;
        return 'done';
      }).engine,
    );
    await waitFor('the job to come to the other', () => handed === own.id);
    await other.stop(1_000);
  });

  test('a job that an older version has sent does nothing: recovery adds what it owes', async () => {
    const [old, own] = [randomUUID(), entry()];
    const ran: string[] = [];
    const { engine, failed } = recording(async ({ id }) => {
      ran.push(id);
      return 'done';
    });
    const jobs = work(engine);
    const board = boardOf(participant);
    const { step, phase, attempt, items } = entry();
    await board.add('create', { step, phase, attempt, items } as never, { jobId: old });
    await add(own);
    await waitFor('both jobs to end', async () => (await board.getCompletedCount()) === 2);
    expect((await board.getJob(old))?.returnvalue).toContain('an older version');
    expect(ran).toEqual([own.id]);
    expect(failed).toEqual([]);
    await jobs.stop(1_000);
  });

  test('a job that stalls again and again is not run any more, but given back to be halved', async () => {
    const own = siblings(2);
    await queue.add([own], Date.now());
    await queue.redis.hset(boardOf(stagesQueue).toKey(own[0]!.job!), 'stc', '3');
    let ran = false;
    const { engine, failed } = recording(async () => {
      ran = true;
      return 'done';
    });
    const jobs = work(engine);
    await waitFor('the job to be given back', () => failed.length > 0);
    expect(failed).toEqual(own.map(({ id }) => `${id}: the job stalled 3 times`));
    expect(ran).toBe(false);
    await jobs.stop(1_000);
  });
});

describe('what a job holds', () => {
  /** As it comes out of Redis. */
  const written = (job: Entry[]) => JSON.parse(JSON.stringify(writeJob(job))) as never;

  test('comes back as it was, whether siblings have the same items or their own', () => {
    const shared = siblings(2);
    const [one, other, third] = shared;
    const traced: CommandItem = [1, 'k0', 1, { id: 'a' }, '00-trace'];
    const mixed = [
      one!,
      { ...other!, items: [traced, one!.items[1]!] },
      { ...third!, items: one!.items.slice(0, 1) },
    ];
    for (const job of [shared, mixed, [entry(3)]])
      expect(readJob(written(job), 7)).toEqual(
        job.map(({ job: _job, ...own }) => ({ ...own, dueAt: 7 })),
      );
  });

  test('is written once where siblings have the same items', () => {
    const { entries, items } = writeJob(siblings(2));
    expect(items).toHaveLength(2);
    for (const own of entries) expect(own).not.toHaveProperty('items');
  });
});
