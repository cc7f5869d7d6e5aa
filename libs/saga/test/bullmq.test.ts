import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestRedis, waitFor, type TestRedis } from '@reliable-ops/testkit';
import {
  createBullmqQueue,
  queuePrefix,
  startJobWorkers,
  type BullmqQueue,
  type CommandItem,
  type Engine,
  type Entry,
  type EntryResult,
  type Outcome,
} from '../src/index.ts';

let redis: TestRedis;
let queue: BullmqQueue;
const errors: string[] = [];
const participant = 'n1';

beforeAll(async () => {
  redis = await startTestRedis();
  queue = createBullmqQueue(redis.url, [participant], (error) => errors.push(error.message));
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

/** An engine that only notes what it is handed. */
const recording = (run: (entry: Entry) => Promise<string>) => {
  const failed: string[] = [];
  const engine = {
    runEntry: run,
    failEntry: async (_entry: Entry, failure: string) => void failed.push(failure),
  } as unknown as Engine;
  return { engine, failed };
};
const working = new Set<{ stop(deadlineMs: number): Promise<void> }>();
const work = (engine: Engine, lockMs = 10_000) => {
  const jobs = startJobWorkers({
    redisUrl: redis.url,
    participants: [participant],
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
    await queue.add([later, now], Date.now());
    await queue.add([later, now], Date.now());
    const board = queue.queues.get(participant)!;
    expect(await board.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 1, delayed: 1 });
    const job = await board.getJob(later.id);
    expect(job?.name).toBe('create');
    const { step, phase, attempt, items } = later;
    expect(job?.data).toEqual({ step, phase, attempt, items });
  });

  test('P2: only entries without a live job are missing; a finished job under the id gives way', async () => {
    const [finished, waiting, delayed, lost] = [
      entry(),
      entry(),
      entry(1, Date.now() + 60_000),
      entry(),
    ];
    await queue.add([finished], Date.now());
    const jobs = work(recording(async () => 'done').engine);
    const board = queue.queues.get(participant)!;
    await waitFor(
      'the job to be finished',
      async () => (await board.getJobCounts('completed'))['completed'] === 1,
    );
    await jobs.stop(1_000);
    await queue.add([waiting, delayed], Date.now());
    const missing = await queue.findMissing([finished, waiting, delayed, lost]);
    expect(missing.map(({ id }) => id)).toEqual([finished.id, lost.id]);
    // The finished job would swallow this one.
    await queue.withdraw(missing);
    await queue.add(missing, Date.now());
    expect(await board.getJobCounts('waiting', 'delayed', 'completed')).toEqual({
      waiting: 3,
      delayed: 1,
      completed: 0,
    });
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
    await expect(queue.add([entry()], Date.now())).rejects.toThrow('away');
    await redis.start();
    await waitFor('the connection to be back', () => queue.isConnected());
  });
});

describe('pauses', () => {
  test('on a paused queue no job is begun, due or not; what is under way ends; resumed, all of it runs', async () => {
    const board = queue.queues.get(participant)!;
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
    await queue.add([first], Date.now());
    await waitFor('the first job to be begun', () => begun.length === 1);
    await queue.pauseOnly([participant]);
    await queue.add([waiting, delayed], Date.now());
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
    const board = queue.queues.get(participant)!;
    await queue.pauseOnly([participant]);
    await queue.pauseOnly([participant, 'another']);
    expect(await board.isPaused()).toBe(true);
    await queue.redis.flushall();
    expect(await board.isPaused()).toBe(false);
  });

  test('withdrawn jobs are gone, whether waiting or delayed; one under way stays', async () => {
    const board = queue.queues.get(participant)!;
    let end = (): void => {};
    const jobs = work(
      recording(async () => {
        await new Promise<void>((resolve) => (end = resolve));
        return 'done';
      }).engine,
    );
    const active = entry();
    await queue.add([active], Date.now());
    await waitFor(
      'the job to be begun',
      async () => (await board.getJobCounts('active'))['active'] === 1,
    );
    await queue.pauseOnly([participant]);
    const [waiting, delayed] = [entry(), entry(1, Date.now() + 60_000)];
    await queue.add([waiting, delayed], Date.now());
    await queue.withdraw([active, waiting, delayed, entry()]);
    expect(await board.getJobCounts('waiting', 'active', 'delayed')).toEqual({
      waiting: 0,
      active: 1,
      delayed: 0,
    });
    end();
    await jobs.stop(1_000);
  });
});

describe('what is handed over', () => {
  const first = 4_711;
  /** One of three entries of the same sagas, with two attempts: the second one at what the first has left. */
  const resultOf = (name: string): EntryResult => {
    const { items, ...own } = entry(3);
    items[0]![0] = first;
    const applied: Outcome = { result: 'applied', output: name };
    const unknown: Outcome = { result: 'unknown', error: '500 "why"' };
    return {
      entry: { ...own, items, siblings: 3 },
      startedAt: 1,
      attempts: [
        { number: 1, startedAt: 2, items, outcomes: [applied, unknown, unknown] },
        { number: 2, startedAt: 3, items: items.slice(1), outcomes: [applied, unknown] },
      ],
    };
  };
  /** As whoever brings the last one gets it. */
  const borrowed = ({ entry: own, ...result }: EntryResult, items: CommandItem[]) => ({
    ...result,
    entry: { ...own, items },
    isBorrowed: true,
  });
  const families = () => queue.redis.keys(`${queuePrefix}:siblings:*`);

  test('comes back, all of it, to whoever brings the last one, and only once', async () => {
    const [one, other, last] = [resultOf('one'), resultOf('other'), resultOf('last')];
    expect(await queue.handOver(one)).toBeNull();
    expect(await queue.handOver(other)).toBeNull();
    expect(await queue.isTaken(one.entry)).toBe(false);
    const all = await queue.handOver(last);
    const { items } = last.entry;
    expect(all).toHaveLength(3);
    expect(all).toEqual(
      expect.arrayContaining([borrowed(one, items), borrowed(other, items), last]),
    );
    for (const { entry: own } of [one, other]) {
      expect(await queue.isTaken(own)).toBe(true);
      expect(await queue.takeBack(own)).toBe(false);
    }
    expect(await families()).toEqual([]);
  });

  test('can be taken back once, and the last one does not wait for it then', async () => {
    const [one, other, last] = [resultOf('one'), resultOf('other'), resultOf('last')];
    await queue.handOver(one);
    expect(await queue.takeBack(one.entry)).toBe(true);
    expect(await queue.takeBack(one.entry)).toBe(false);
    await queue.handOver(other);
    const all = await queue.handOver(last);
    expect(all).toEqual([borrowed(other, last.entry.items), last]);
  });

  test('is left where it has not as many sagas as the last one: recovery asks for it again', async () => {
    const [one, other, last] = [resultOf('one'), resultOf('other'), resultOf('last')];
    await queue.handOver(one);
    await queue.handOver(other);
    last.entry.items.pop();
    expect(await queue.handOver(last)).toEqual([last]);
  });

  test('stands once however often it is handed over, and does not stay for ever', async () => {
    for (const one of [resultOf('one'), resultOf('other')])
      for (let n = 0; n < 3; n++) expect(await queue.handOver(one)).toBeNull();
    const [family] = await families();
    expect(await queue.redis.pttl(family!)).toBeGreaterThan(0);
  });
});

describe('job workers', () => {
  test('hand on the entry that was added, with what is known of its siblings', async () => {
    const added = [entry(2), { ...entry(), siblings: 3 }];
    const ran: Entry[] = [];
    const jobs = work(
      recording(async (own) => {
        ran.push(own);
        return 'done';
      }).engine,
    );
    await queue.add(added, Date.now());
    await waitFor('both jobs to run', () => ran.length === 2);
    for (const { dueAt: _, ...own } of added)
      expect(ran.find(({ id }) => id === own.id)).toEqual({ ...own, dueAt: expect.any(Number) });
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
    await queue.add([entry()], Date.now());
    const board = queue.queues.get(participant)!;
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
    await queue.add([own], Date.now());
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

  test('a job that an older version has sent does nothing: what it owed is in a new row', async () => {
    const [old, own] = [randomUUID(), entry()];
    const ran: string[] = [];
    const { engine, failed } = recording(async ({ id }) => {
      ran.push(id);
      return 'done';
    });
    const jobs = work(engine);
    const board = queue.queues.get(participant)!;
    const commands = [{ sagaId: 1, key: 'k', step: participant, phase: 'action', attempt: 1 }];
    await board.add('create', { commands } as never, { jobId: old });
    await queue.add([own], Date.now());
    await waitFor('both jobs to end', async () => (await board.getCompletedCount()) === 2);
    expect((await board.getJob(old))?.returnvalue).toContain('no longer owed');
    expect(ran).toEqual([own.id]);
    expect(failed).toEqual([]);
    await jobs.stop(1_000);
  });

  test('a job that stalls again and again is not run any more, but given back to be halved', async () => {
    const own = entry(2);
    await queue.add([own], Date.now());
    const board = queue.queues.get(participant)!;
    await queue.redis.hset(board.toKey(own.id), 'stc', '3');
    let ran = false;
    const { engine, failed } = recording(async () => {
      ran = true;
      return 'done';
    });
    const jobs = work(engine);
    await waitFor('the job to be given back', () => failed.length === 1);
    expect(failed[0]).toContain('stalled 3 times');
    expect(ran).toBe(false);
    await jobs.stop(1_000);
  });
});
