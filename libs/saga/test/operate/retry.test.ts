import { describe, expect, test } from '@jest/globals';
import { ann, useOperatedEngine } from './operate-fixture.ts';

const fixture = useOperatedEngine();
const {
  accept,
  drain,
  runDue,
  acceptCompensating,
  getSaga,
  getStatuses,
  readOutbox,
  expectQueued,
} = fixture;

describe('retry', () => {
  test('a step that waits is tried now, and no other saga is hurried', async () => {
    const [one, other] = await acceptCompensating('x', 'y');
    fixture.nowMs -= 1; // a delay may be drawn as 0
    await fixture.sql`update saga.outbox set due_at = ${new Date(fixture.nowMs + 60_000)}`;
    expect((await fixture.engine.retry([one!], ann)).get(one!)).toEqual({ result: 'begun' });
    await fixture.engine.idle();
    const rows = await readOutbox();
    expect(rows.map(({ due, ids }) => [due.getTime() - fixture.nowMs, ids])).toEqual([
      [0, [one]],
      [60_000, [other]],
    ]);
    expectQueued(rows);
    fixture.stores[1]!.fault = () => 'none';
    await runDue();
    expect(await getStatuses(one!, other!)).toEqual(['compensated', 'compensating']);
    expect((await getSaga(one!)).history).toEqual([{ at: fixture.nowMs, verb: 'retry', ...ann }]);
  });

  test('again before the attempt has been made: the same answer, one entry; after it: a new one', async () => {
    const [id] = await acceptCompensating('x');
    const wait = () =>
      fixture.sql`update saga.outbox set due_at = ${new Date(fixture.nowMs + 60_000)}`;
    await wait();
    for (let time = 0; time < 3; time++)
      expect((await fixture.engine.retry([id!], ann)).get(id!)).toEqual({ result: 'begun' });
    expect((await getSaga(id!)).history).toHaveLength(1);
    await fixture.engine.idle();
    fixture.nowMs += 1;
    await runDue();
    await wait();
    expect((await fixture.engine.retry([id!], ann)).get(id!)).toEqual({ result: 'begun' });
    expect((await getSaga(id!)).history).toHaveLength(2);
  });

  test('a saga none of whose steps waits is refused with what it does', async () => {
    const [ended] = await accept('a');
    await drain();
    const [running, queued] = await accept('x', 'x');
    expect([
      ...(await fixture.engine.retry([ended!, running!, queued!, 999_999], ann)).values(),
    ]).toEqual([
      { result: 'refused', reason: `saga ${ended} has ended (completed): nothing of it waits` },
      { result: 'refused', reason: `saga ${running} does not wait: its steps are under way` },
      { result: 'refused', reason: `saga ${queued} is queued: the saga before it on x goes first` },
      { result: 'unknown' },
    ]);
  });

  test('with the queue away it is accepted all the same, and recovery makes it so', async () => {
    const [id] = await acceptCompensating('x');
    await fixture.sql`update saga.outbox set due_at = ${new Date(fixture.nowMs + 60_000)}`;
    fixture.queue.marker = await fixture.log.incarnation();
    fixture.queue.away = true;
    expect((await fixture.engine.retry([id!], ann)).get(id!)).toEqual({ result: 'begun' });
    await fixture.engine.idle();
    fixture.queue.away = false;
    fixture.stores[1]!.fault = () => 'none';
    fixture.nowMs += 5_001;
    expect((await fixture.recover({ clock: () => fixture.nowMs })).added).toBe(1);
    await runDue();
    expect(await getStatuses(id!)).toEqual(['compensated']);
  });

  test('all stuck ones come forward as a ramp: no more than so many a second, none later than it was due', async () => {
    const ids = Array.from({ length: 25 }, (_, n) => `g${n}`);
    const sagaIds = await acceptCompensating(...ids);
    await fixture.sql`update saga.outbox set due_at = ${new Date(fixture.nowMs + 3_500)}`;
    expect((await fixture.log.listSagas({ stuck: true, limit: 100 })).length).toBe(25);
    expect(await fixture.engine.retryStuck(ann, 5)).toEqual({
      sagas: 25,
      hastened: 20,
      next: null,
    });
    await fixture.engine.idle();
    const rows = await readOutbox();
    expect(rows.map(({ due, ids: own }) => [due.getTime() - fixture.nowMs, own.length])).toEqual([
      [0, 5],
      [1_000, 5],
      [2_000, 5],
      [3_000, 5],
      [3_500, 5],
    ]);
    expect(rows.flatMap(({ ids: own }) => own).sort((a, b) => a - b)).toEqual(sagaIds);
    const traces = async () =>
      (await fixture.log.getSagas(sagaIds)).reduce((sum, { history }) => sum + history.length, 0);
    expect(await traces()).toBe(20);
    // Again: as it was.
    expect(await fixture.engine.retryStuck(ann, 5)).toEqual({ sagas: 25, hastened: 0, next: null });
    expect(await traces()).toBe(20);
    expect((await readOutbox()).map(({ due }) => due.getTime() - fixture.nowMs)).toEqual([
      0, 1_000, 2_000, 3_000, 3_500,
    ]);
  });
});
