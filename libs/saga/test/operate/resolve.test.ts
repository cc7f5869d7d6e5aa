import { describe, expect, test } from '@jest/globals';
import { ann, useOperatedEngine } from './operate-fixture.ts';

const fixture = useOperatedEngine();
const {
  accept,
  run,
  drain,
  acceptCompensating,
  getSaga,
  getStatuses,
  readOutbox,
  expectQueued,
  countLanes,
} = fixture;

describe('resolve', () => {
  test('nothing of the saga is owed any more when the next of its key goes on; others in its batch go on', async () => {
    const [stuck, other] = await acceptCompensating('x', 'y');
    const [next] = await accept('x');
    const why = { by: 'ann', note: 'cleaned by hand' };
    expect((await fixture.engine.resolve([stuck!], why)).get(stuck!)).toEqual({ result: 'done' });
    await fixture.engine.idle();
    expect(await getStatuses(stuck!, other!, next!)).toEqual([
      'resolved',
      'compensating',
      'running',
    ]);
    const rows = await readOutbox();
    expect(rows.flatMap(({ ids }) => ids)).not.toContain(stuck);
    // Nor does the queue hold a job that would still do it.
    expectQueued(rows);
    expect((await fixture.engine.resolve([stuck!], why)).get(stuck!)).toEqual({ result: 'done' });
    expect((await getSaga(stuck!)).history).toEqual([
      { at: fixture.nowMs, verb: 'resolve', ...why },
    ]);
    fixture.stores[1]!.fault = () => 'none';
    await drain();
    expect(await getStatuses(other!, next!)).toEqual(['compensated', 'completed']);
    expect(await countLanes()).toBe(0);
  });

  test('P5: a job of a resolved saga that the queue still holds does nothing', async () => {
    const [stuck, other] = await acceptCompensating('x', 'y');
    const held = fixture.queue.entries();
    fixture.queue.away = true;
    await fixture.engine.resolve([stuck!], { by: 'ann', note: 'done by hand' });
    await fixture.engine.idle();
    fixture.queue.away = false;
    fixture.stores[1]!.fault = () => 'none';
    const changesBefore = fixture.stores[1]!.changes.length;
    expect(await Promise.all(held.map((job) => fixture.engine.runJob([job])))).toEqual(
      held.map(() => 'n2: no longer owed: its row is gone'),
    );
    expect(fixture.stores[1]!.changes).toHaveLength(changesBefore);
    // The rest of its batch is owed under a new row, which recovery publishes.
    fixture.queue.wipe();
    await fixture.recover();
    await drain();
    expect(await getStatuses(other!)).toEqual(['compensated']);
  });

  test('a commit that goes between the taking of commands and the lock of the lane leaves no command behind', async () => {
    const [stuck] = await acceptCompensating('x');
    const jobs = fixture.queue.take();
    let taken = 0;
    const racing = fixture.startEngine({
      log: {
        ...fixture.log,
        transaction: (work) =>
          fixture.log.transaction((tx) =>
            work({
              ...tx,
              // As when the row was being committed: taken away before, written anew after.
              takeCommands: async (ids) => {
                if (taken++ > 0) return tx.takeCommands(ids);
                await run(jobs);
                return { taken: [], rest: [] };
              },
            }),
          ),
      },
    });
    expect((await racing.resolve([stuck!], { by: 'ann', note: 'by hand' })).get(stuck!)).toEqual({
      result: 'done',
    });
    expect(taken).toBe(2);
    expect(await readOutbox()).toEqual([]);
    expect(await countLanes()).toBe(0);
  });

  test('what is not being taken back is refused with what to do instead', async () => {
    const [running, queued] = await accept('x', 'x');
    const reasons = [...(await fixture.engine.resolve([running!, queued!], ann)).values()];
    expect(reasons).toEqual([
      { result: 'refused', reason: expect.stringContaining('is running: cancel it first') },
      { result: 'refused', reason: expect.stringContaining('is queued') },
    ]);
    await drain();
    expect((await fixture.engine.resolve([running!], ann)).get(running!)).toMatchObject({
      reason: `saga ${running} has completed: nothing is left to resolve`,
    });
  });
});
