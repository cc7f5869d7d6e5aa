import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { noChanges, sagasOf, type Saga } from '@reliable-ops/saga';
import { describeLogs } from './describe-logs.ts';
import { cohortOf, entryOf, sagaOf } from './records.ts';

describeLogs((fixture) => {
  const { transact, write, acceptIn, accept, openTransaction } = fixture;

  describe('writing', () => {
    test('what was written is read back as it was', async () => {
      const saga = await accept('k', { batchId: randomUUID(), input: { a: [1, 'zwölf', null] } });
      expect(await fixture.log.getSagas([saga.id, 999_999_999])).toEqual([saga]);
      const changed: Saga = {
        ...saga,
        status: 'compensating',
        stuck: true,
        cancelled: true,
        error: 'why',
        steps: [
          {
            name: 'one',
            state: 'compensating',
            attempts: 2,
            uncertain: true,
            before: { there: true },
            output: 'created',
            log: [['action', 1, 1_000, 1_001, 'unknown', '500']],
          },
        ],
        history: [{ at: 1_500, verb: 'cancel', by: 'somebody', note: null }],
        startedAt: 1_100,
        deadlineAt: 9_000,
      };
      await write({ updated: [cohortOf(changed)] });
      expect(await fixture.log.getSagas([saga.id])).toEqual([changed]);
    });

    test('of sagas that are written together each keeps its own, whatever they share and in whichever field they differ', async () => {
      const keys = Array.from({ length: 30 }, (_, n) => `k${n}`);
      const lanes = await transact((tx) => tx.takeLanes(keys));
      const base = { status: 'running', startedAt: 1_000, deadlineAt: 9_000 } as const;
      const [step] = sagaOf({}).steps;
      const insertedOdd: Partial<Saga>[] = [
        { batchId: randomUUID() },
        { name: 'other' },
        { version: 2 },
        { status: 'queued', startedAt: null, deadlineAt: null },
        { fence: null },
        { input: [] },
        { input: { key: 'k', more: null } },
        { steps: [] },
        { acceptedAt: 1_001 },
        { startedAt: 1_001 },
        { deadlineAt: null },
      ];
      const inserted = lanes.map(({ id, fence }, n) =>
        sagaOf({ id, key: keys[n]!, fence, ...base, ...insertedOdd[n] }),
      );
      const read = async () =>
        (await fixture.log.getSagas(lanes.map(({ id }) => id))).sort((a, b) => a.id - b.id);
      await write({ inserted: inserted.map(cohortOf) });
      expect(await read()).toEqual(inserted);
      const updatedOdd: Partial<Saga>[] = [
        { status: 'completed' },
        { stuck: true },
        { cancelled: true },
        { fence: null },
        { fence: 7 },
        { steps: [{ ...step!, output: null }] },
        { steps: [{ ...step!, output: 'null' }] },
        { steps: [step!, step!] },
        { error: 'why' },
        { error: '' },
        { history: [{ at: 1, verb: 'retry', by: 'x', note: null }] },
        { startedAt: null },
        { deadlineAt: null },
        { endedAt: 1_002 },
      ];
      const updated = inserted.map((saga, n): Saga => ({ ...saga, ...updatedOdd[29 - n] }));
      await write({ updated: updated.map(cohortOf) });
      expect(await read()).toEqual(updated);
    });

    test('what was read may be changed without changing the log, and what was written too', async () => {
      const saga = await accept('k');
      const expected = structuredClone(saga);
      saga.steps[0]!.log.push(['action', 9, 1, 1, 'applied', null]);
      const [read] = await fixture.log.getSagas([saga.id]);
      read!.steps[0]!.state = 'failed';
      read!.history.push({ at: 1, verb: 'retry', by: 'x', note: null });
      expect(await fixture.log.getSagas([saga.id])).toEqual([expected]);
    });

    test('a transaction sees what it has written, and nobody else does before it commits', async () => {
      const open = await openTransaction();
      const saga = await acceptIn(open.tx, 'k');
      const entry = entryOf();
      open.tx.write({ ...noChanges(), entries: [entry] });
      expect(sagasOf((await open.tx.readSagas([saga.id], [])).cohorts)).toEqual([saga]);
      expect(await open.tx.lockLanes(['k'])).toEqual(new Map([['k', saga.id]]));
      expect(await fixture.log.getSagas([saga.id])).toEqual([]);
      expect((await fixture.log.measureOutbox()).rows).toBe(0);
      expect(await open.tx.takeEntries([entry.id])).toEqual(new Set([entry.id]));
      await open.commit();
      expect(await fixture.log.getSagas([saga.id])).toEqual([saga]);
      expect((await fixture.log.measureOutbox()).rows).toBe(0);
    });

    test('after a rollback nothing has happened, but numbers that were drawn do not come again', async () => {
      const standing = entryOf();
      await write({ entries: [standing] });
      const open = await openTransaction();
      const claim = { key: 'x', digest: 'd', batchId: randomUUID(), acceptedAt: 1_000 };
      await open.tx.claimRequests([claim]);
      await open.tx.takeEntries([standing.id]);
      const saga = await acceptIn(open.tx, 'k');
      open.tx.write({ ...noChanges(), entries: [entryOf()] });
      await open.rollback();
      expect(await fixture.log.getSagas([saga.id])).toEqual([]);
      expect(await transact((tx) => tx.lockLanes(['k']))).toEqual(new Map());
      expect(
        await fixture.log.readEntries({ dueBefore: 1e12, after: undefined, limit: 9 }),
      ).toEqual([standing]);
      const other = { ...claim, batchId: randomUUID() };
      expect((await transact((tx) => tx.claimRequests([other]))).get('x')?.batchId).toBe(
        other.batchId,
      );
      const next = await accept('k');
      expect(next.id).toBeGreaterThan(saga.id);
      expect(next.fence).toBeGreaterThan(saga.fence!);
    });
  });
});
