import { describe, expect, test } from '@jest/globals';
import { countLeftovers, countStatuses } from './database-fixture.ts';
import { useEngine } from './engine-fixture.ts';
import { defineChange, idsOf } from './sagas.ts';

const nodes = ['n1', 'n2', 'n3'];
const create = defineChange('create', nodes);
const remove = defineChange('delete', nodes);
const fixture = useEngine({ definitions: [create, remove], policy: { stepAttempts: 3 } });
const { accept, drain, request, run } = fixture;

describe('lanes', () => {
  test('P4: sagas of one key take effect in the order accepted, also when accepted at the same time', async () => {
    const rounds = 30;
    const keys = idsOf(5);
    await Promise.all(
      Array.from({ length: rounds }, (_, n) =>
        fixture.engine.accept(request(keys, n % 2 === 0 ? create : remove)),
      ),
    );
    // Other engines (processes) accept and commit at the same time.
    const other = fixture.startEngine();
    const own = fixture.engine;
    const accepting = Promise.all(
      Array.from({ length: rounds }, async (_, n) => {
        const definition = n % 3 === 0 ? create : remove;
        await (n % 2 === 0 ? own : other).accept(request([keys[n % keys.length]!], definition));
      }),
    );
    for (let turn = 0; turn < 20; turn++) {
      const jobs = fixture.queue.take(6);
      await Promise.all(jobs.map((job, n) => (n % 2 === 0 ? own : other).runJob([job])));
      await Promise.all([own.idle(), other.idle()]);
    }
    await accepting;
    await other.idle();
    await drain();
    await other.idle();
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: rounds * keys.length + rounds });
    const rows = await fixture.sql<{ id: number; key: string; name: string; fence: number }[]>`
      select id, key, name, fence from saga.sagas order by key, id`;
    for (const key of keys) {
      const lane = rows.filter((row) => row.key === key);
      const fences = lane.map(({ fence }) => fence);
      expect(fences).toEqual([...fences].sort((a, b) => a - b));
      expect(new Set(fences).size).toBe(fences.length);
      for (const store of fixture.stores)
        expect(store.present().includes(key)).toBe(lane.at(-1)?.name === 'create-thing');
    }
    expect(await countLeftovers(fixture)).toEqual({ lanes: 0, outbox: 0 });
    expect(fixture.stores.reduce((sum, { stale }) => sum + stale, 0)).toBe(0);
  });

  test('a saga that waits holds up no other key', async () => {
    await accept('a');
    const held = fixture.queue.take();
    await accept('a', 'b');
    await drain();
    const rows = await fixture.sql<
      { key: string; status: string }[]
    >`select key, status from saga.sagas order by id`;
    expect(rows.map(({ key, status }) => `${key} ${status}`)).toEqual([
      'a running',
      'a queued',
      'b completed',
    ]);
    await run(held);
    await drain();
    expect(await countStatuses(fixture)).toEqual({ completed: 3 });
  });
});
