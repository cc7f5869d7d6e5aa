import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { Saga } from '@reliable-ops/saga';
import { describeLogs } from './describe-logs.ts';
import { cohortOf } from './records.ts';

describeLogs((fixture) => {
  const { write, accept } = fixture;

  describe('what is asked about sagas', () => {
    test('a batch: its ids in the order accepted, and how its sagas stand', async () => {
      const batchId = randomUUID();
      const first = await accept('a', { batchId });
      const second = await accept('a', { batchId });
      await accept('a');
      const third = await accept('b', { batchId });
      await write({ updated: [cohortOf({ ...third, status: 'compensating', stuck: true })] });
      expect(await fixture.log.sagaIdsOf(batchId)).toEqual([first.id, second.id, third.id]);
      expect(await fixture.log.countBatch(batchId)).toEqual({
        total: 3,
        queued: 1,
        running: 1,
        compensating: 1,
        completed: 0,
        compensated: 0,
        cancelled: 0,
        resolved: 0,
        stuck: 1,
      });
      expect(await fixture.log.sagaIdsOf(randomUUID())).toEqual([]);
      expect(await fixture.log.countBatch(randomUUID())).toBeUndefined();
    });

    test('lists: newest first, by status, name, key and stuck, page by page', async () => {
      const done = await accept('a');
      await write({ updated: [cohortOf({ ...done, status: 'completed', endedAt: 2_000 })] });
      const running = await accept('b', { name: 'other' });
      const stuck = await accept('c');
      await write({ updated: [cohortOf({ ...stuck, status: 'compensating', stuck: true })] });
      const ids = async (query: object): Promise<number[]> =>
        (await fixture.log.listSagas({ limit: 10, ...query })).map(({ id }) => id);
      expect(await ids({})).toEqual([stuck.id, running.id, done.id]);
      expect(await ids({ limit: 2 })).toEqual([stuck.id, running.id]);
      expect(await ids({ before: running.id })).toEqual([done.id]);
      expect(await ids({ since: running.id })).toEqual([stuck.id, running.id]);
      expect(await ids({ status: 'completed' })).toEqual([done.id]);
      expect(await ids({ status: 'running' })).toEqual([running.id]);
      expect(await ids({ name: 'other' })).toEqual([running.id]);
      expect(await ids({ key: 'a' })).toEqual([done.id]);
      expect(await ids({ stuck: true })).toEqual([stuck.id]);
      expect(await ids({ stuck: false })).toEqual([running.id, done.id]);
    });

    test('which have ended, and how many have not', async () => {
      const done = await accept('a');
      await write({ updated: [cohortOf({ ...done, status: 'completed', endedAt: 2_000 })] });
      const running = await accept('b');
      const stuck = await accept('c');
      await write({ updated: [cohortOf({ ...stuck, status: 'compensating', stuck: true })] });
      await accept('c');
      expect(await fixture.log.endedOf([done.id, running.id, 999_999_999])).toEqual([done.id]);
      expect(await fixture.log.countActive()).toEqual({
        queued: 1,
        running: 1,
        compensating: 1,
        stuck: 1,
      });
    });
  });

  test('stuck sagas are counted by what keeps them', async () => {
    const stuckWith = async (error: string): Promise<void> => {
      const saga = await accept(randomUUID());
      const log: Saga['steps'][number]['log'] = [
        ['compensation', 1, 1_000, 1_001, 'unknown', error],
      ];
      const steps: Saga['steps'] = [{ name: 'one', state: 'compensating', attempts: 1, log }];
      await write({ updated: [cohortOf({ ...saga, status: 'compensating', stuck: true, steps })] });
    };
    expect(await fixture.log.groupStuck(9)).toEqual({ sagas: 0, causes: [] });
    for (const error of ['down', 'slow', 'down']) await stuckWith(error);
    const cause = { name: 'test', version: 1, step: 'one' };
    expect(await fixture.log.groupStuck(9)).toEqual({
      sagas: 3,
      causes: [
        { ...cause, error: 'down', sagas: 2 },
        { ...cause, error: 'slow', sagas: 1 },
      ],
    });
    expect((await fixture.log.groupStuck(1)).causes).toHaveLength(1);
  });
});
