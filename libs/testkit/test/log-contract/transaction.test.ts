import { describe, expect, test } from '@jest/globals';
import { noChanges, sagasOf } from '@reliable-ops/saga';
import { describeLogs } from './describe-logs.ts';
import { cohortOf, entryOf, pauseOf, sagaOf } from './records.ts';

describeLogs((fixture) => {
  const { transact, write, untilWaiting, accept, openTransaction } = fixture;

  describe('a transaction', () => {
    test('its statements run in the order in which they were called, awaited or not', async () => {
      const saga = await accept('k');
      const blocker = await openTransaction();
      await blocker.tx.lockLanes(['k']);
      const entry = entryOf();
      const order: string[] = [];
      const together = transact(async (tx) => {
        const note = async <T>(name: string, statement: Promise<T>): Promise<T> => {
          const answer = await statement;
          order.push(name);
          return answer;
        };
        const called = Promise.all([
          note('locked', tx.lockLanes(['k'])),
          note('read', tx.readSagas([saga.id], ['k'])),
          note('taken', tx.takeEntries([entry.id])),
        ]);
        tx.write({ ...noChanges(), entries: [entry] });
        return called;
      });
      await untilWaiting();
      expect(order).toEqual([]);
      const queued = sagaOf({ id: 1_000_000, key: 'k' });
      blocker.tx.write({ ...noChanges(), inserted: [cohortOf(queued)] });
      await blocker.commit();
      // Read after the wait: it sees what was accepted meanwhile. Taken before it was written: it was not there.
      const [, { next }, taken] = await together;
      expect(sagasOf(next).map(({ id }) => id)).toEqual([queued.id]);
      expect(taken).toEqual(new Set());
      expect(order).toEqual(['locked', 'read', 'taken']);
      expect(await fixture.log.findStanding([entry.id])).toEqual(new Set([entry.id]));
    });

    test('whose write fails fails, and nothing has happened', async () => {
      const saga = await accept('k');
      const [old, fresh] = [entryOf(), entryOf()];
      await write({ entries: [old] });
      const failing = transact(async (tx) => {
        await tx.takeEntries([old.id]);
        await tx.writePause(pauseOf('one'));
        tx.write({
          ...noChanges(),
          inserted: [cohortOf({ ...saga, error: 'again' })],
          released: ['k'],
          entries: [fresh],
        });
        return 'done';
      });
      await expect(failing).rejects.toThrow(/already|duplicate key/);
      expect(await fixture.log.getSagas([saga.id])).toEqual([saga]);
      expect(await fixture.log.findStanding([old.id, fresh.id])).toEqual(new Set([old.id]));
      expect(await fixture.log.readPauses()).toEqual([]);
      expect(await transact((tx) => tx.lockLanes(['k']))).toEqual(new Map([['k', saga.id]]));
    });
  });
});
