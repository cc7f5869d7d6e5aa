import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { noChanges, type Entry } from '@reliable-ops/saga';
import { describeLogs } from './describe-logs.ts';
import { entryOf, itemOf } from './records.ts';

describeLogs((fixture) => {
  const { transact, write, untilWaiting, openTransaction } = fixture;

  describe('outbox rows', () => {
    const take = (ids: string[]) => transact((tx) => tx.takeEntries(ids));

    test('are taken once; those that are gone are not answered', async () => {
      const [one, two] = [entryOf(), entryOf()];
      await write({ entries: [one, two] });
      expect(await take([one.id, randomUUID(), one.id])).toEqual(new Set([one.id]));
      expect(await take([one.id, two.id])).toEqual(new Set([two.id]));
    });

    test('who takes a row that is being taken waits: it is gone after the commit', async () => {
      const [one, two] = [entryOf(), entryOf()];
      await write({ entries: [one, two] });
      const first = await openTransaction();
      expect(await first.tx.takeEntries([one.id])).toEqual(new Set([one.id]));
      const second = take([one.id, two.id]);
      await untilWaiting();
      await first.commit();
      expect(await second).toEqual(new Set([two.id]));
    });

    test('who takes a row that is being taken waits: it is his after a rollback', async () => {
      const one = entryOf();
      await write({ entries: [one] });
      const first = await openTransaction();
      await first.tx.takeEntries([one.id]);
      const second = take([one.id]);
      await untilWaiting();
      await first.rollback();
      expect(await second).toEqual(new Set([one.id]));
    });

    test('are taken in one order: nobody waits in a circle', async () => {
      const entries = [entryOf(), entryOf(), entryOf()].sort((a, b) => (a.id < b.id ? -1 : 1));
      await write({ entries });
      const ids = entries.map(({ id }) => id);
      const middle = await openTransaction();
      await middle.tx.takeEntries([ids[1]!]);
      // If the second took the last first, each would hold what the other wants next.
      const one = take(ids);
      await untilWaiting();
      const two = take(ids.toReversed());
      await untilWaiting(2);
      await middle.rollback();
      expect((await Promise.all([one, two])).map(({ size }) => size).sort()).toEqual([0, 3]);
    });

    test('come in the order due, then by id, page by page', async () => {
      const dueAts = [3_000, 1_000, 2_000, 1_000, 9_000];
      const entries = dueAts.map((dueAt) => entryOf({ dueAt }));
      await write({ entries });
      const ordered = entries
        .filter(({ dueAt }) => dueAt < 9_000)
        .sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1));
      const read = (after: { dueAt: number; id: string } | undefined, limit: number) =>
        fixture.log.readEntries({ dueBefore: 9_000, after, limit });
      expect(await read(undefined, 10)).toEqual(ordered);
      expect(await read(undefined, 2)).toEqual(ordered.slice(0, 2));
      expect(await read(ordered[1], 10)).toEqual(ordered.slice(2));
      expect(await fixture.log.measureOutbox()).toEqual({ rows: 5, oldestDueAt: 1_000 });
    });

    test('siblings know the job that they share', async () => {
      const shared = entryOf({ job: randomUUID() });
      await write({ entries: [shared] });
      const read = await fixture.log.readEntries({ dueBefore: 9_000, after: undefined, limit: 10 });
      expect(read).toEqual([shared]);
    });

    test('an empty outbox has no oldest row', async () => {
      expect(await fixture.log.measureOutbox()).toEqual({ rows: 0, oldestDueAt: null });
    });
  });

  describe('what operators do to the outbox', () => {
    const owedTo = (...sagaIds: number[]): Partial<Entry> => ({ items: sagaIds.map(itemOf) });
    const readAll = () => fixture.log.readEntries({ dueBefore: 1e12, after: undefined, limit: 99 });

    test('commands of sagas are taken, with their rows; what else a row held is in a new one, due when it was', async () => {
      const [shared, own, other] = [
        entryOf({ ...owedTo(1, 2, 3), dueAt: 5_000 }),
        entryOf({ ...owedTo(2), dueAt: 2_000 }),
        entryOf(owedTo(3)),
      ];
      await write({ entries: [shared, own, other] });
      const { taken, rest } = await transact((tx) => tx.takeCommands([2]));
      expect(taken.sort((a, b) => a.dueAt - b.dueAt)).toEqual([
        own,
        { ...shared, items: [itemOf(2)] },
      ]);
      expect(rest).toEqual([{ ...shared, id: expect.any(String), items: [itemOf(1), itemOf(3)] }]);
      expect(rest[0]!.id).not.toBe(shared.id);
      expect(await readAll()).toEqual([other, rest[0]]);
    });

    test('neither what is taken nor what is left shares the job that the row had', async () => {
      await write({ entries: [entryOf({ ...owedTo(1, 2), job: randomUUID() })] });
      const { taken, rest } = await transact((tx) => tx.takeCommands([2]));
      for (const entry of [...taken, ...rest]) expect(entry).not.toHaveProperty('job');
      expect(await readAll()).toEqual(rest);
    });

    test('those that are due already are left where only later ones are asked for', async () => {
      const [due, later] = [
        entryOf({ ...owedTo(1), dueAt: 1_000 }),
        entryOf({ ...owedTo(1), dueAt: 3_000 }),
      ];
      await write({ entries: [due, later] });
      expect(await transact((tx) => tx.takeCommands([1], 1_000))).toEqual({
        taken: [later],
        rest: [],
      });
      expect(await readAll()).toEqual([due]);
    });

    test('who waits for a row that a commit replaces gets neither, and finds the new one once he asks again', async () => {
      const [before, after] = [entryOf(owedTo(1)), entryOf(owedTo(1))];
      await write({ entries: [before] });
      const committing = await openTransaction();
      await committing.tx.takeEntries([before.id]);
      committing.tx.write({ ...noChanges(), entries: [after] });
      const operating = transact(async (tx) => ({
        ...(await tx.takeCommands([1])),
        owed: await tx.findOwed([1, 2]),
      }));
      await untilWaiting();
      await committing.commit();
      expect(await operating).toEqual({ taken: [], rest: [], owed: new Set([1]) });
    });

    test('which rows stand, and to whom those of a participant are owed, page by page', async () => {
      const entries = [entryOf(owedTo(1, 2)), entryOf(owedTo(2)), entryOf(owedTo(3))].sort(
        (a, b) => (a.id < b.id ? -1 : 1),
      );
      await write({ entries: [...entries, entryOf({ ...owedTo(4), participant: 'two' })] });
      const ids = entries.map(({ id }) => id);
      expect(await fixture.log.findStanding([ids[0]!, randomUUID()])).toEqual(new Set([ids[0]]));
      const read = (after: string | null) =>
        fixture.log.readOwed({ participant: 'one', after, limit: 2 });
      const owedBy = (some: Entry[]) =>
        new Set(some.flatMap(({ items }) => items.map(([sagaId]) => sagaId)));
      const first = await read(null);
      expect(new Set(first.sagas.map(({ id }) => id))).toEqual(owedBy(entries.slice(0, 2)));
      expect(first.sagas[0]!.key).toBe('k');
      expect(first.last).toBe(ids[1]);
      const second = await read(first.last);
      expect(new Set(second.sagas.map(({ id }) => id))).toEqual(owedBy(entries.slice(2)));
      expect(second.last).toBe(ids[2]);
      expect(await read(second.last)).toEqual({ sagas: [], last: null });
    });
  });
});
