import { describe, expect, test } from '@jest/globals';
import { ann, useOperatedEngine } from './operate-fixture.ts';

const fixture = useOperatedEngine();
const { accept, run, drain, acceptCompensating, getSaga, getStatuses, countLanes } = fixture;

describe('cancel', () => {
  test('a queued saga ends at once while the holder of its lane runs; the next in line is not held up', async () => {
    const [holder, queued, next] = await accept('x', 'x', 'x');
    expect(await fixture.engine.cancel([queued!], ann)).toEqual(
      new Map([[queued, { result: 'done' }]]),
    );
    expect(await getStatuses(holder!, queued!, next!)).toEqual(['running', 'cancelled', 'queued']);
    await drain();
    expect(await getStatuses(holder!, queued!, next!)).toEqual([
      'completed',
      'cancelled',
      'completed',
    ]);
  });

  test('who, when and why stay in the history; the same again has the same answer and leaves no trace', async () => {
    const [id] = await accept('x');
    const why = { by: 'ann@desk', note: 'wrong list' };
    const first = await fixture.engine.cancel([id!], why);
    expect(first.get(id!)).toEqual({ result: 'begun' });
    expect(await fixture.engine.cancel([id!], { by: 'bob', note: null })).toEqual(first);
    expect((await getSaga(id!)).history).toEqual([{ at: fixture.nowMs, verb: 'cancel', ...why }]);
    await drain();
    expect(await getStatuses(id!)).toEqual(['cancelled']);
    expect((await fixture.engine.cancel([id!], why)).get(id!)).toEqual({ result: 'done' });
    expect((await getSaga(id!)).history).toHaveLength(1);
    for (const store of fixture.stores) expect(store.present()).toEqual([]);
    expect(await countLanes()).toBe(0);
  });

  test('what makes no sense is refused with its reason, and changes nothing', async () => {
    const [completed] = await accept('a');
    await drain();
    const [turned] = await acceptCompensating('b');
    const before = await fixture.log.getSagas([completed!, turned!]);
    const answers = await fixture.engine.cancel([completed!, turned!, 999_999], ann);
    expect([...answers.values()]).toEqual([
      { result: 'refused', reason: `saga ${completed} has completed: nothing is left to cancel` },
      {
        result: 'refused',
        reason: expect.stringMatching(/^saga \d+ is being taken back already \(n2: /),
      },
      { result: 'unknown' },
    ]);
    expect(await fixture.log.getSagas([completed!, turned!])).toEqual(before);
  });

  test('answers are of the state under the lock, not of a moment before', async () => {
    const [id] = await accept('x');
    const jobs = fixture.queue.take();
    // Between the look for the lanes and their lock the saga completes.
    const racing = fixture.startEngine({
      log: {
        ...fixture.log,
        getSagas: async (ids) => {
          const found = await fixture.log.getSagas(ids);
          await run(jobs.splice(0));
          return found;
        },
      },
    });
    const answer = (await racing.cancel([id!], ann)).get(id!);
    expect(answer).toEqual({
      result: 'refused',
      reason: `saga ${id} has completed: nothing is left to cancel`,
    });
    expect((await getSaga(id!)).history).toEqual([]);
  });
});
