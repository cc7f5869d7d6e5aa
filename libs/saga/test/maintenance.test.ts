import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { connect, type Sql } from '@reliable-ops/database';
import { createTestDatabase, waitFor } from '@reliable-ops/testkit';
import { z } from 'zod';
import {
  createEngine,
  createMaintenance,
  createPostgresLog,
  createPostgresMaintenance,
  createRegistry,
  defineSaga,
  type Engine,
  type MaintenanceLog,
  type MaintenanceOptions,
} from '../src/index.ts';
import { MemoryQueue } from './memory-queue.ts';

const create = defineSaga({
  name: 'create-thing',
  version: 1,
  input: z.object({ id: z.string() }),
  key: ({ id }) => id,
  stages: [[{ name: 'n1', participant: 'n1', action: 'create', compensation: 'undo' }]],
});
const registry = createRegistry([create]);
const willing = {
  n1: {
    run: async (_: string, commands: unknown[]) =>
      commands.map(() => ({ result: 'applied' as const, output: null })),
  },
};

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let sql: Sql;
let log: MaintenanceLog;
let queue: MemoryQueue;
let engine: Engine;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { applicationName: 'maintenance-test', max: 6 });
  log = createPostgresMaintenance(sql);
});
afterAll(async () => {
  await sql.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await sql`truncate saga.sagas, saga.lanes, saga.outbox, saga.requests, saga.leases, saga.watermarks`;
  queue = new MemoryQueue();
  engine = createEngine({ log: createPostgresLog(sql), registry, queue, participants: willing });
});

const accept = async (...ids: string[]): Promise<void> => {
  const sagas = ids.map((id) => ({ definition: create, input: { id } }));
  await engine.accept({ batchId: randomUUID(), idempotency: null, sagas });
  await engine.idle();
};
const runAll = async (): Promise<void> => {
  for (const entry of await createPostgresLog(sql).readEntries({
    dueBefore: Date.now() + 60_000,
    after: undefined,
    limit: 100,
  }))
    await engine.runEntry(entry);
  await engine.idle();
};
const newestFence = async (): Promise<number> => {
  const [row] = await sql<{ fence: number }[]>`select last_value as fence from saga.fences`;
  return row!.fence;
};
/** A watermark counts once its millisecond is over. */
const oldFence = (minAgeMs = 0): Promise<number | undefined> =>
  waitFor('the watermark to count', () => log.readOldFence(minAgeMs));

describe('the fence up to which tokens are old', () => {
  test('is not known before a watermark is that old', async () => {
    expect(await log.readOldFence(0)).toBeUndefined();
    await log.takeWatermark();
    expect(await log.readOldFence(60_000)).toBeUndefined();
  });

  test('is the newest one drawn by the watermark, where every saga has ended', async () => {
    await accept('a', 'b');
    await runAll();
    const fence = await newestFence();
    await log.takeWatermark();
    await accept('c');
    await runAll();
    expect(await oldFence()).toBe(fence);
  });

  test('stays below the fence of any saga that has not ended, and follows once it has', async () => {
    await accept('a');
    const [a] = await sql<{ fence: number }[]>`select fence from saga.sagas`;
    await accept('b', 'c');
    await log.takeWatermark();
    expect(await oldFence()).toBe(a!.fence - 1);
    await runAll();
    expect(await oldFence()).toBe(await newestFence());
  });

  test('leaves out a watermark as long as a transaction is open that began before it: its saga is not to be seen yet', async () => {
    await log.takeWatermark();
    const before = await oldFence();
    let commit = (): void => {};
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    let fence = 0;
    const open = sql.begin(async (tx) => {
      const [row] = await tx<{ fence: number }[]>`select nextval('saga.fences') as fence`;
      fence = row!.fence;
      await mayCommit;
      await tx`
        insert into saga.sagas (name, version, key, input, status, steps, fence, accepted_at)
        values ('create-thing', 1, 'a', '{}', 'running', '[]', ${fence}, now())`;
    });
    await waitFor('the fence to be drawn', () => fence > 0);
    await log.takeWatermark();
    await waitFor('the second watermark to be over', async () => {
      const [row] =
        await sql`select from saga.watermarks where taken_at < clock_timestamp() having count(*) = 2`;
      return row !== undefined;
    });
    expect(await log.readOldFence(0)).toBe(before);
    commit();
    await open;
    expect(await log.readOldFence(0)).toBe(fence - 1);
  });

  test('watermarks that are no longer needed leave', async () => {
    for (let n = 0; n < 5; n++) {
      await log.takeWatermark();
      await oldFence();
    }
    await waitFor('one to be left', async () => {
      await log.readOldFence(0);
      return (await sql`select from saga.watermarks`).length === 1;
    });
  });
});

describe('a maintenance pass', () => {
  const passOf = (options: Partial<MaintenanceOptions> = {}) => {
    const pass = createMaintenance({
      log,
      prune: async () => [],
      holder: randomUUID(),
      retentionMs: 1,
      tombstoneMs: 1,
      intervalMs: 60_000,
      ...options,
    });
    return (signal = new AbortController().signal) => pass(signal);
  };

  test('removes what ended long enough ago, says the floor, and leaves a watermark', async () => {
    await accept('a', 'b');
    await runAll();
    await accept('c');
    await log.takeWatermark();
    await oldFence(1);
    await sql`update saga.watermarks set taken_at = taken_at - interval '1 hour'`;
    const floors: number[] = [];
    const pass = await passOf({
      prune: async (floor) => {
        floors.push(floor);
        return [];
      },
      clock: () => Date.now() + 1_000,
    })();
    const [c] = await sql<{ key: string; fence: number }[]>`select key, fence from saga.sagas`;
    expect(c!.key).toBe('c');
    expect(pass).toMatchObject({ isMade: true, sagas: 2, floor: c!.fence - 1 });
    expect(floors).toEqual([c!.fence - 1]);
  });

  test('is made by one process, and not again before the interval is over', async () => {
    const [one, other] = [passOf(), passOf()];
    expect(await one()).toMatchObject({ isMade: true });
    expect(await other()).toMatchObject({ isMade: false });
    expect(await one()).toMatchObject({ isMade: false });
    await sql`update saga.watermarks set taken_at = taken_at - interval '1 minute'`;
    expect(await one()).toMatchObject({ isMade: true });
    await sql`update saga.watermarks set taken_at = taken_at - interval '1 minute'`;
    expect(await other()).toMatchObject({ isMade: false });
    await sql`update saga.leases set until = now() - interval '1 second'`;
    expect(await other()).toMatchObject({ isMade: true });
  });

  test('that failed, or was told to stop, is due again', async () => {
    const holder = randomUUID();
    const failing = passOf({ holder, prune: () => Promise.reject(new Error('as a test')) });
    await expect(failing()).rejects.toThrow('as a test');
    const stop = new AbortController();
    const stopped = passOf({
      holder,
      prune: async () => {
        stop.abort();
        return [];
      },
    });
    expect(await stopped(stop.signal)).toMatchObject({ isMade: false });
    expect(await passOf({ holder })()).toMatchObject({ isMade: true });
  });
});
