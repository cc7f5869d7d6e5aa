import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestRedis, waitFor, type TestRedis } from '@reliable-ops/testkit';
import {
  createBullmqQueue,
  createEngine,
  createPostgresLog,
  createRegistry,
  stagesQueue,
  startJobWorkers,
  type BullmqQueue,
  type Command,
  type Engine,
  type JobWorkers,
  type Outcome,
  type Participant,
} from '../src/index.ts';
import { countStatuses, useDatabase } from './database-fixture.ts';
import { defineChange } from './sagas.ts';

const nodes = ['n1', 'n2', 'n3'];
const create = defineChange('create', nodes);
/** Sagas of other nodes. */
const remove = defineChange('delete', ['n4', 'n5']);
const allNodes = [...nodes, 'n4', 'n5'];
const database = useDatabase();
let redis: TestRedis;
let queue: BullmqQueue;
let engine: Engine;
let jobs: JobWorkers;
/** What each participant does with a command; default: it is applied. */
let outcomesOf: (participant: string, commands: Command[]) => Outcome[] | Promise<Outcome[]>;

const ignore = (): void => {};
/** Lets go what a participant holds. */
let release = ignore;
const applied = (commands: Command[]): Outcome[] =>
  commands.map(() => ({ result: 'applied', output: 'created' }));

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
});
beforeEach(async () => {
  queue = createBullmqQueue(redis.url, allNodes, ignore);
  await waitFor('Redis', () => queue.isConnected());
  outcomesOf = (_participant, commands) => applied(commands);
  engine = createEngine({
    log: createPostgresLog(database.sql),
    // Attempts enough for a command that is refused for as long as the test likes.
    registry: createRegistry([create, remove], { stepAttempts: 10_000 }),
    queue,
    participants: Object.fromEntries(
      allNodes.map((name): [string, Participant] => [
        name,
        { run: async (_kind, commands) => outcomesOf(name, commands) },
      ]),
    ),
  });
  jobs = startJobWorkers({
    redisUrl: redis.url,
    participants: allNodes,
    engine,
    concurrency: 4,
    lockMs: 10_000,
    onError: ignore,
    onFailed: ignore,
  });
});
afterEach(async () => {
  release();
  await jobs.stop(5_000);
  await engine.idle();
  await queue.redis.flushall();
  await queue[Symbol.asyncDispose]();
});

const accept = (keys: string[], definition = create) =>
  engine.accept({
    batchId: randomUUID(),
    idempotency: null,
    sagas: keys.map((id) => ({ definition, input: { id } })),
  });
const statuses = () => countStatuses(database);
const appliedSteps = async (): Promise<Record<string, number>> => {
  const rows = await database.sql<{ name: string; n: number }[]>`
    select step ->> 'name' as name, count(*) filter (where step ->> 'state' = 'applied')::int as n
    from saga.sagas, json_array_elements(steps) as step group by 1`;
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
};
const keysOf = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${name}${n}`);

describe('what is slow delays only itself', () => {
  test('a node that does not answer: every step on the others is done before its first one is', async () => {
    const released = new Promise<void>((resolve) => (release = resolve));
    outcomesOf = async (participant, commands) => {
      if (participant === 'n2') await released;
      return applied(commands);
    };
    // More jobs than a worker has places for one node, and more than it has for all of them.
    for (let batch = 0; batch < 20; batch++) await accept(keysOf(`batch${batch}-`, 50));
    await waitFor('all steps on the other nodes', async () => {
      const { n1, n3 } = await appliedSteps();
      return n1 === 1_000 && n3 === 1_000;
    });
    // And those of sagas that come now.
    await accept(keysOf('late', 50));
    await waitFor('theirs as well', async () => {
      const { n1, n3 } = await appliedSteps();
      return n1 === 1_050 && n3 === 1_050;
    });
    expect(await appliedSteps()).toEqual({ n1: 1_050, n2: 0, n3: 1_050 });
    release();
    await waitFor('the end', async () => (await statuses())['completed'] === 1_050);
  });

  test('nodes that do not answer, all those of a saga: sagas of other nodes go on', async () => {
    const released = new Promise<void>((resolve) => (release = resolve));
    outcomesOf = async (participant, commands) => {
      if (!nodes.includes(participant)) await released;
      return applied(commands);
    };
    // More jobs than a worker has places for what siblings share.
    for (let batch = 0; batch < 20; batch++) await accept(keysOf(`batch${batch}-`, 50), remove);
    await accept(keysOf('other', 50));
    await waitFor('the others', async () => (await statuses())['completed'] === 50);
    release();
    await waitFor('the end', async () => (await statuses())['completed'] === 1_050);
  });

  test('a node that is paused: every step on the others is done, those on it wait for the resume, in its own queue', async () => {
    const log = createPostgresLog(database.sql);
    await queue.writeMarker(await log.incarnation());
    await engine.pause('n2', { by: 'ann', note: null });
    for (let batch = 0; batch < 5; batch++) await accept(keysOf(`batch${batch}-`, 50));
    await waitFor('all steps on the other nodes', async () => {
      const { n1, n3 } = await appliedSteps();
      return n1 === 250 && n3 === 250;
    });
    await waitFor('the jobs that siblings share to end', async () => {
      const { waiting, active } = await queue.queues
        .get(stagesQueue)!
        .getJobCounts('waiting', 'active');
      return waiting === 0 && active === 0;
    });
    const owed = await log.readEntries({ dueBefore: Date.now(), after: undefined, limit: 99 });
    expect(owed.map(({ participant }) => participant)).toEqual(['n2', 'n2', 'n2', 'n2', 'n2']);
    expect(await queue.findMissing(owed)).toEqual([]);
    await engine.resume('n2');
    await waitFor('the end', async () => (await statuses())['completed'] === 250);
  });

  test('P4: a hot key that is stuck, with a thousand sagas queued: every other key goes on, beside it and after it', async () => {
    let isStuck = true;
    outcomesOf = (participant, commands) =>
      commands.map(({ key }) =>
        participant === 'n1' && key === 'hot' && isStuck
          ? { result: 'unknown', error: 'no answer' }
          : { result: 'applied', output: 'created' },
      );
    // Its commands share batches with those of others.
    for (let batch = 0; batch < 10; batch++)
      await accept(keysOf(`beside${batch}-`, 50).flatMap((key) => [key, 'hot', 'hot']));
    const isDone = async (keys: number): Promise<boolean> =>
      (await statuses())['completed'] === keys;
    await waitFor('the other keys', () => isDone(500));
    await accept(keysOf('after', 50));
    await waitFor('those that came after it', () => isDone(550));
    expect(await statuses()).toEqual({ completed: 550, running: 1, queued: 999 });
    const [first] = await database.sql<{ id: number }[]>`
      select min(id) as id from saga.sagas where key = 'hot'`;
    isStuck = false;
    await waitFor('the hot key to move', async () => {
      const [row] = await database.sql<{ n: number }[]>`
        select count(*)::int as n from saga.sagas where key = 'hot' and status = 'completed' and id <> ${first!.id}`;
      return row!.n > 0;
    });
  });
});
