import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '@reliable-ops/testkit';
import {
  createMaintenance,
  createPostgresMaintenance,
  type MaintenanceLog,
  type MaintenanceOptions,
} from '../src/index.ts';
import { useEngine } from './engine-fixture.ts';
import { defineChange } from './sagas.ts';

const fixture = useEngine({ definitions: [defineChange('create', ['n1'])] });
const { accept, drain } = fixture;
let log: MaintenanceLog;
beforeEach(() => {
  log = createPostgresMaintenance(fixture.sql);
});

const newestFence = async (): Promise<number> => {
  const [row] = await fixture.sql<{ fence: number }[]>`select last_value as fence from saga.fences`;
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
    await drain();
    const fence = await newestFence();
    await log.takeWatermark();
    await accept('c');
    await drain();
    expect(await oldFence()).toBe(fence);
  });

  test('stays below the fence of any saga that has not ended, and follows once it has', async () => {
    await accept('a');
    const [a] = await fixture.sql<{ fence: number }[]>`select fence from saga.sagas`;
    await accept('b', 'c');
    await log.takeWatermark();
    expect(await oldFence()).toBe(a!.fence - 1);
    await drain();
    expect(await oldFence()).toBe(await newestFence());
  });

  test('leaves out a watermark as long as a transaction is open that began before it: its saga is not to be seen yet', async () => {
    await log.takeWatermark();
    const before = await oldFence();
    let commit = (): void => {};
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    let fence = 0;
    const open = fixture.sql.begin(async (tx) => {
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
        await fixture.sql`select from saga.watermarks where taken_at < clock_timestamp() having count(*) = 2`;
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
      return (await fixture.sql`select from saga.watermarks`).length === 1;
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
    await drain();
    await accept('c');
    await log.takeWatermark();
    await oldFence(1);
    await fixture.sql`update saga.watermarks set taken_at = taken_at - interval '1 hour'`;
    const floors: number[] = [];
    const pass = await passOf({
      prune: async (floor) => {
        floors.push(floor);
        return [];
      },
      clock: () => Date.now() + 1_000,
    })();
    const [c] = await fixture.sql<
      { key: string; fence: number }[]
    >`select key, fence from saga.sagas`;
    expect(c!.key).toBe('c');
    expect(pass).toMatchObject({ isMade: true, sagas: 2, floor: c!.fence - 1 });
    expect(floors).toEqual([c!.fence - 1]);
  });

  test('is made by one process, and not again before the interval is over', async () => {
    const [one, other] = [passOf(), passOf()];
    expect(await one()).toMatchObject({ isMade: true });
    expect(await other()).toMatchObject({ isMade: false });
    expect(await one()).toMatchObject({ isMade: false });
    await fixture.sql`update saga.watermarks set taken_at = taken_at - interval '1 minute'`;
    expect(await one()).toMatchObject({ isMade: true });
    await fixture.sql`update saga.watermarks set taken_at = taken_at - interval '1 minute'`;
    expect(await other()).toMatchObject({ isMade: false });
    await fixture.sql`update saga.leases set until = now() - interval '1 second'`;
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
