import { describe, expect, test } from '@jest/globals';
import { sagasOf, type LogTransaction } from '@reliable-ops/saga';
import { describeLogs } from './describe-logs.ts';

describeLogs((fixture) => {
  const { transact, untilWaiting, acceptIn, accept, endIn, openTransaction } = fixture;

  describe('lanes', () => {
    test('a lane that nobody has used has no holder; one in use says who has it', async () => {
      const first = await accept('k');
      expect(first.status).toBe('running');
      const lanes = await transact((tx) => tx.takeLanes(['k', 'other']));
      expect(lanes.map(({ holder }) => holder)).toEqual([first.id, null]);
    });

    test('ids and fences grow along a lane; sagas of one batch on one key have ids in their order', async () => {
      const numbers: { id: number; fence: number }[] = [];
      for (let n = 0; n < 3; n++) {
        const lanes = await transact((tx) => tx.takeLanes(['b', 'a', 'b']));
        expect(lanes[0]!.id).toBeLessThan(lanes[1]!.id);
        expect(lanes[1]!.id).toBeLessThan(lanes[2]!.id);
        numbers.push(lanes[0]!, lanes[2]!);
      }
      const ids = numbers.map(({ id }) => id);
      expect(ids).toEqual([...ids].sort((a, b) => a - b));
      expect(new Set(ids).size).toBe(ids.length);
      const fences = [numbers[0]!, numbers[2]!, numbers[4]!].map(({ fence }) => fence);
      expect(fences[0]).toBeLessThan(fences[1]!);
      expect(fences[1]).toBeLessThan(fences[2]!);
    });

    test('who takes a lane that is being taken waits, and then sees its holder, with numbers that are higher', async () => {
      const first = await openTransaction();
      const holder = await acceptIn(first.tx, 'k');
      const second = accept('k');
      await untilWaiting();
      await first.commit();
      const queued = await second;
      expect(queued).toMatchObject({ status: 'queued', fence: null });
      expect(queued.id).toBeGreaterThan(holder.id);
      const { next } = await transact((tx) => tx.readSagas([], ['k']));
      expect(sagasOf(next)[0]?.fence).toBeGreaterThan(holder.fence!);
    });

    test('who waited for a lane that was then given up has it', async () => {
      const first = await openTransaction();
      const never = await acceptIn(first.tx, 'k');
      const second = accept('k');
      await untilWaiting();
      await first.rollback();
      expect(await second).toMatchObject({ status: 'running' });
      expect(await fixture.log.getSagas([never.id])).toEqual([]);
    });

    test('P4: a lane that is being taken holds up no other', async () => {
      const first = await openTransaction();
      await acceptIn(first.tx, 'a');
      expect(await accept('b')).toMatchObject({ status: 'running' });
      await first.commit();
    });

    test('locking answers who holds what; a key without a lane is left out', async () => {
      const { id } = await accept('k');
      expect(await transact((tx) => tx.lockLanes(['k', 'none', 'k']))).toEqual(
        new Map([['k', id]]),
      );
    });

    test('who locks a lane that is being handed on waits, and sees the new holder', async () => {
      const saga = await accept('k');
      const next = await accept('k');
      const first = await openTransaction();
      await first.tx.lockLanes(['k']);
      await endIn(first.tx, saga);
      const holders = transact((tx) => tx.lockLanes(['k']));
      await untilWaiting();
      await first.commit();
      expect(await holders).toEqual(new Map([['k', next.id]]));
    });

    test('who locks a lane that is being released waits, and finds none', async () => {
      const saga = await accept('k');
      const first = await openTransaction();
      await first.tx.lockLanes(['k']);
      await endIn(first.tx, saga);
      const holders = transact((tx) => tx.lockLanes(['k']));
      await untilWaiting();
      await first.commit();
      expect(await holders).toEqual(new Map());
    });

    test('who takes a lane that is being released waits, and finds it free', async () => {
      const saga = await accept('k');
      const first = await openTransaction();
      await first.tx.lockLanes(['k']);
      await endIn(first.tx, saga);
      const second = accept('k');
      await untilWaiting();
      await first.commit();
      const started = await second;
      expect(started).toMatchObject({ status: 'running' });
      expect(started.fence).toBeGreaterThan(saga.fence!);
    });

    test.each([
      {
        verb: 'locks',
        lock: (tx: LogTransaction, keys: string[]): Promise<unknown> => tx.lockLanes(keys),
      },
      {
        verb: 'takes',
        lock: (tx: LogTransaction, keys: string[]): Promise<unknown> => tx.takeLanes(keys),
      },
    ])(
      'who $verb several lanes does so in one order: nobody waits in a circle',
      async ({ lock }) => {
        for (const key of ['a', 'b', 'c']) await accept(key);
        const middle = await openTransaction();
        await middle.tx.lockLanes(['b']);
        // If the second locked "c" first, each would hold what the other wants next.
        const one = transact<unknown>((tx) => lock(tx, ['a', 'b', 'c']));
        await untilWaiting();
        const two = transact<unknown>((tx) => lock(tx, ['c', 'b', 'a']));
        await untilWaiting(2);
        await middle.commit();
        await one;
        await two;
      },
    );
  });

  describe('the next in line', () => {
    test('is the oldest queued saga of the key, with a fence drawn now', async () => {
      const holder = await accept('k');
      const second = await accept('k');
      await accept('k');
      await accept('other');
      await transact(async (tx) => {
        await tx.lockLanes(['k', 'other']);
        const { cohorts, next } = await tx.readSagas(
          [holder.id, 999_999_999],
          ['k', 'other', 'none'],
        );
        expect(sagasOf(cohorts)).toEqual([holder]);
        expect(sagasOf(next)).toEqual([{ ...second, fence: expect.any(Number) }]);
        expect(sagasOf(next)[0]!.fence).toBeGreaterThan(holder.fence!);
      });
    });

    test('the newest saga of a key is known, however it stands', async () => {
      const done = await accept('a');
      await transact((tx) => endIn(tx, done));
      await accept('b');
      const queued = await accept('b');
      expect(await transact((tx) => tx.readLastSagaIds(['a', 'b', 'none']))).toEqual(
        new Map([
          ['a', done.id],
          ['b', queued.id],
        ]),
      );
    });

    test('is seen also when it was accepted while we waited for the lane', async () => {
      const holder = await accept('k');
      const accepting = await openTransaction();
      const late = await acceptIn(accepting.tx, 'k');
      const handingOn = transact(async (tx) => {
        await tx.lockLanes(['k']);
        return endIn(tx, holder);
      });
      await untilWaiting();
      await accepting.commit();
      expect((await handingOn)?.id).toBe(late.id);
      expect(await fixture.log.countActive()).toEqual({
        queued: 0,
        running: 1,
        compensating: 0,
        stuck: 0,
      });
    });
  });
});
