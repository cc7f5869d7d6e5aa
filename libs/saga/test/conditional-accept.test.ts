import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { useEngine } from './engine-fixture.ts';
import { defineChange } from './sagas.ts';

const create = defineChange('create', ['n1']);
const fixture = useEngine({ definitions: [create] });
const { drain } = fixture;

/** `[id]`: without a condition; `[id, n]`: only if saga n is the newest of the key. */
const accept = (...asked: [id: string, lastSagaId?: number | null][]) =>
  fixture.engine.accept({
    batchId: randomUUID(),
    idempotency: null,
    sagas: asked.map(([id, lastSagaId]) => ({
      definition: create,
      input: { id },
      ...(lastSagaId === undefined ? {} : { onlyIf: { lastSagaId } }),
    })),
  });
const lanes = async () =>
  Object.fromEntries(
    (
      await fixture.sql<
        { key: string; holder: number | null }[]
      >`select key, holder from saga.lanes`
    ).map(({ key, holder }) => [key, holder]),
  );

describe('a saga with a condition', () => {
  test('is accepted where no saga has come since, and left out where one has; the others do not mind', async () => {
    const [old] = (await accept(['a'])).sagaIds;
    await drain();
    const answer = await accept(['a', old!], ['b', null], ['c', 17], ['d', null], ['e']);
    expect(answer).toMatchObject({ skipped: [2], repeated: false });
    expect(answer.sagaIds).toHaveLength(4);
    // And the lane that was locked to find out is gone again.
    expect(Object.keys(await lanes()).sort()).toEqual(['a', 'b', 'd', 'e']);
    await drain();
    expect(await lanes()).toEqual({});
    expect(await accept(['a', old!])).toMatchObject({ sagaIds: [], skipped: [0] });
    expect(await lanes()).toEqual({});
  });

  test('never waits behind another: not behind one in flight, nor one of its own batch', async () => {
    const [running] = (await accept(['a'])).sagaIds;
    expect(await accept(['a', running!], ['a', null])).toMatchObject({ skipped: [0, 1] });
    expect(await lanes()).toEqual({ a: running });
    expect(await accept(['b', null], ['b', null])).toMatchObject({ skipped: [1] });
    expect(await accept(['c'], ['c', null])).toMatchObject({ skipped: [1] });
    expect(await accept(['d', 3], ['d'])).toMatchObject({ skipped: [0] });
    expect(Object.values(await lanes())).not.toContain(null);
    await drain();
    expect(await lanes()).toEqual({});
  });

  test('P4: of two that race for a key only one is accepted, however they come', async () => {
    for (let round = 0; round < 40; round++) {
      const key = `k${round}`;
      // Two engines, so that they meet in Postgres and not in one batch.
      const other = fixture.startEngine();
      const asked = { definition: create, input: { id: key } };
      const batch = (onlyIf: object) => ({
        batchId: randomUUID(),
        idempotency: null,
        sagas: [{ ...asked, ...onlyIf }],
      });
      const [first, second] = await Promise.all([
        fixture.engine.accept(batch({ onlyIf: { lastSagaId: null } })),
        other.accept(batch(round % 2 === 0 ? {} : { onlyIf: { lastSagaId: null } })),
      ]);
      const [row] = await fixture.sql<{ queued: number; all: number }[]>`
        select count(*) filter (where status = 'queued')::int as queued, count(*)::int as all
        from saga.sagas where key = ${key}`;
      // Only one without a condition may wait behind the other.
      if (round % 2 === 1) expect(row).toEqual({ queued: 0, all: 1 });
      else expect(row!.all).toBe(first!.skipped.length === 1 ? 1 : 2);
      expect(second!.sagaIds.length + first!.sagaIds.length).toBe(row!.all);
      await other.idle();
    }
    await drain();
    expect(await lanes()).toEqual({});
  });

  test('also when the lane is freed while it waits for it: the newest saga is looked for under the lock', async () => {
    await accept(['a']);
    await fixture.engine.idle();
    const [job] = fixture.queue.take();
    // It holds the lane until the other has begun to wait for it.
    let answer: Promise<unknown> | undefined;
    await fixture.sql.begin(async (tx) => {
      await tx`select from saga.lanes where key = 'a' for update`;
      answer = accept(['a', null]);
      for (;;) {
        const [{ n } = { n: 0 }] = await tx<{ n: number }[]>`
          select count(*)::int as n from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`;
        if (n > 0) break;
      }
      await tx`delete from saga.lanes where key = 'a'`;
      await tx`update saga.sagas set status = 'completed', ended_at = now()`;
      await tx`delete from saga.outbox where id = ${job!.id}`;
    });
    expect(await answer).toMatchObject({ skipped: [0] });
    expect(await lanes()).toEqual({});
  });
});
